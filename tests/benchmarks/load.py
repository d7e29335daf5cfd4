"""A load generator in its own process: posts Alertmanager bodies over kept-alive connections, prints JSON figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

STARTED = "2026-11-21T14:00:00Z"
PATIENCE = 30.0  # seconds for one answer


def alert(number: int, run: str) -> dict[str, object]:
    """About 500 bytes, like a real one; every number is another alert of the same service."""
    labels = {
        "alertname": "CheckoutErrorRatioHigh",
        "cluster": "main-1",
        "env": "prod",
        "instance": f"10.0.{number // 250 % 250}.{number % 250}:9101",
        "service": "checkout",
        "severity": "critical",
    }
    notes = {
        "summary": "Checkout error ratio is 23 %",
        "description": "More than 5 % of requests failed for 2 minutes.",
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": notes,
        "startsAt": STARTED,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=checkout_error_ratio+%3E+0.05&g0.tab=1",
        "fingerprint": f"{run}{number:012x}",
    }


def request(first: int, size: int, run: str, token: str) -> bytes:
    """One delivery of `size` alerts, with its HTTP head."""
    body = json.dumps(
        {
            "version": "4",
            "status": "firing",
            "receiver": "watchkeeper",
            "groupKey": '{}:{alertname="CheckoutErrorRatioHigh"}',
            "alerts": [alert(number, run) for number in range(first, first + size)],
        }
    ).encode()
    head = (
        "POST /hooks/alertmanager HTTP/1.1\r\nHost: bot\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, content: bytes) -> int:
        """The status; the body of the answer is read and dropped."""
        self.writer.write(content)
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        await self.reader.readexactly(length)
        return int(lines[0].split()[1])


@dataclass
class Figures:
    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def share(self, part: float) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(part * len(self.took)))] if self.took else 0.0

    def as_json(self) -> dict[str, object]:
        return {
            "posts": len(self.took),
            "refused": sum(count for status, count in self.statuses.items() if status != 202),
            "seconds": self.seconds,
            "p50": self.share(0.50),
            "p99": self.share(0.99),
            "worst": max(self.took, default=0.0),
        }


async def due_times(rate: float, seconds: float) -> AsyncIterator[float]:
    """When each post is due: at `rate` a second, or at once where the rate is 0."""
    began, number = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < seconds:
        due = began + number / rate if rate else now
        if due > now:
            await asyncio.sleep(due - now)
        yield due
        number += 1


async def run(options: argparse.Namespace) -> Figures:
    figures = Figures()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(options.connections):
        idle.put_nowait(await Connection.open(options.port))
    # Made beforehand: on two cores, making bodies would slow the one who is measured.
    ready = [request(n * options.size, options.size, options.run, options.token) for n in range(options.posts)]
    began = time.perf_counter()
    async with asyncio.TaskGroup() as sending:
        numbers = iter(range(options.posts))
        async for due in due_times(options.rate, options.seconds):
            number = next(numbers, None)
            if number is None:
                break
            if options.rate:
                sending.create_task(send(idle, ready[number], due, figures))
            else:
                connection = await idle.get()
                sending.create_task(send_on(connection, idle, ready[number], time.perf_counter(), figures))
    figures.seconds = time.perf_counter() - began
    return figures


async def send(idle: asyncio.Queue[Connection], content: bytes, due: float, figures: Figures) -> None:
    """Timed from when it was due: waiting for a free connection counts, or a slow server would look fast."""
    await send_on(await idle.get(), idle, content, due, figures)


async def send_on(
    connection: Connection, idle: asyncio.Queue[Connection], content: bytes, since: float, figures: Figures
) -> None:
    figures.statuses[await connection.post(content)] += 1
    figures.took.append(time.perf_counter() - since)
    idle.put_nowait(connection)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--run", required=True, help="makes the fingerprints of this run its own")
    parser.add_argument("--size", type=int, default=1, help="alerts in one post")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--posts", type=int, default=20_000, help="at most")
    parser.add_argument("--seconds", type=float, default=6.0, help="at most")
    parser.add_argument("--rate", type=float, default=0.0, help="posts a second; 0: as fast as they are answered")
    print(json.dumps(asyncio.run(run(parser.parse_args())).as_json()))


if __name__ == "__main__":
    main()
