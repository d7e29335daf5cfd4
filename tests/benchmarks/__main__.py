"""`make bench`: what this machine does, beside what we promise. Every figure is measured in this run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.drafting import draft_of
from tests.benchmarks.gates import asked_at_gates
from tests.benchmarks.storm import ALERTS, OTHERS, SECONDS, blow, share
from tests.processes import HOOK_TOKEN, ROOT, Process, bot, sandbox
from tests.storage.server import NoServer, Server, new_folder

HALF_LOAD = 500  # posts a second: half of what is promised
IDLE_SECONDS = 4.0
TICKS = 2_000  # of 50 canaries


@dataclass(frozen=True)
class Row:
    what: str
    promised: str
    measured: str
    kept: bool | None = None  # None: nothing is promised
    why: str = ""


def figure(measured: float) -> str:
    return f"{measured:,.0f}" if measured >= 100 else f"{measured:.3g}"


def at_least(what: str, least: float, measured: float, unit: str) -> Row:
    return Row(what, f"≥ {least:,.0f} {unit}", f"{measured:,.0f} {unit}", measured >= least)


def at_most(what: str, most: float, measured: float, unit: str) -> Row:
    return Row(what, f"< {most:,g} {unit}", f"{figure(measured)} {unit}", measured < most)


def load(server: Process, run: str, *words: str) -> dict[str, float]:
    """Posts from a process of its own. Raises RuntimeError where not everything was accepted."""
    port = server.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load", "--port", port, "--token", HOOK_TOKEN, "--run", run, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
    )
    if done.returncode:
        raise RuntimeError(f"The load generator failed:\n{done.stderr[-2000:]}\n{server.said()}")
    figures: dict[str, float] = json.loads(done.stdout)
    if figures["refused"]:
        raise RuntimeError(f"{figures['refused']:.0f} of {figures['posts']:.0f} posts were refused:\n{server.said()}")
    return figures


def resident(process: Process) -> float:
    """Megabytes, of which there are a million bytes in one; 0 where this system does not tell."""
    status = Path(f"/proc/{process.popen.pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:")), 0.0)


def cpu_seconds(process: Process) -> float:
    stat = Path(f"/proc/{process.popen.pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle_share(process: Process) -> float:
    before = cpu_seconds(process)
    time.sleep(IDLE_SECONDS)
    return 100 * (cpu_seconds(process) - before) / IDLE_SECONDS


def start_and_idle(server: Process, seconds: float) -> Iterator[Row]:
    yield at_most("Ready after start", 2, seconds, "s")
    yield at_most("Resident when idle", 150, resident(server), "MB")
    yield at_most("CPU when idle", 1, idle_share(server), "%")


def intake(server: Process, engine: str, promised: bool) -> Iterator[Row]:
    """One storm of distinct alerts that all join one incident, while the outbox works on its channel."""
    load(server, "warm", "--posts", "200")
    single = load(server, "single", "--connections", "32", "--seconds", "6")
    half = load(server, "half", "--connections", "32", "--rate", str(HALF_LOAD), "--seconds", "6")
    batches = load(server, "batch", "--size", "100", "--connections", "8", "--posts", "600", "--seconds", "6")
    body = load(server, "body", "--size", "5000", "--connections", "1", "--posts", "1")
    rows = (
        at_least(f"Single alerts ({engine})", 1000, single["posts"] / single["seconds"], "posts/s"),
        at_most(f"Answer p99 at {HALF_LOAD}/s ({engine})", 50, half["p99"] * 1000, "ms"),
        at_least(f"Batches of 100 ({engine})", 5000, 100 * batches["posts"] / batches["seconds"], "alerts/s"),
        at_most(f"A body of 5,000 alerts ({engine})", 2, body["worst"], "s"),
    )
    yield from rows if promised else (Row(row.what, "", row.measured) for row in rows)


def storm(folder: Path) -> Iterator[Row]:
    """What people and Slack see of ten thousand alerts in a minute, on SQLite."""
    seen = blow(folder / "storm", load, cpu_seconds, f"sqlite:///{folder}/storm.db")
    yield at_most(f"Storm: {ALERTS:,} alerts, due within {SECONDS:g} s", SECONDS + 2, seen.seconds, "s")
    yield Row("Storm: CPU of the bot for all of it", "", f"{seen.cpu:.0f} s of one core")
    yield at_most("Storm: answer p99", 50, seen.p99 * 1000, "ms")
    yield at_most("Storm: command ack p99", 250, share(seen.acks, 0.99) * 1000, "ms")
    yield at_most("Storm: alert to card p95", 500, share(seen.cards, 0.95) * 1000, "ms")
    yield at_most("Storm: Slack writes in a channel and minute", 60, seen.writes, "")
    yield at_most("Storm: calls that Slack put off", 1, seen.limited, "")
    yield at_most("Storm: accepted alerts that are lost", 1, ALERTS - seen.kept, "")
    yield at_most("Storm: incidents of its alerts", 2, seen.incidents - OTHERS, "")


def gates() -> Iterator[Row]:
    yield at_most(f"Gate asked, mean of {TICKS:,}", 10, 1000 * asked_at_gates(TICKS) / TICKS, "ms")


def drafting() -> Iterator[Row]:
    began = time.perf_counter()
    text = draft_of(messages=10_000)  # making them up is timed as well: some hundredths
    took = time.perf_counter() - began
    assert text, "an empty draft proves nothing"
    yield at_most("Timeline and draft of 10,000 messages", 3, took, "s")


@contextmanager
def running(folder: Path, slack: Process, database: str) -> Iterator[tuple[Process, float]]:
    """The bot, ready, and the seconds that it took."""
    folder.mkdir()
    server = bot(folder, slack.url, database)
    try:
        yield server, server.until("/readyz")
    finally:
        server.stop()


def rows(folder: Path) -> Iterator[Row]:
    yield from drafting()
    yield from gates()
    slack = sandbox(folder)
    try:
        slack.until("/")
        yield from storm(folder)
        with running(folder / "sqlite", slack, f"sqlite:///{folder}/bench.db") as (server, seconds):
            yield from start_and_idle(server, seconds)
            yield from intake(server, "SQLite", promised=True)
            yield Row("Resident after the storm", "", f"{resident(server):.0f} MB")
        with postgresql() as url, running(folder / "postgresql", slack, url) as (server, _):
            yield from intake(server, "PostgreSQL", promised=False)
    except NoServer as error:
        yield Row("PostgreSQL", "", "not measured", why=str(error))
    finally:
        slack.stop()


@contextmanager
def postgresql() -> Iterator[str]:
    """A server that flushes each commit to the disk, unlike that of the tests. Raises NoServer."""
    folder = new_folder()
    server = Server(folder, durable=True)
    try:
        server.create()
        server.start()
        yield server.url("postgres")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def line(row: Row) -> str:
    mark = {True: "✓", False: "✗", None: " "}[row.kept]
    return f"{mark} {row.what:<42} {row.promised:>16} {row.measured:>16}  {row.why}".rstrip()


def main() -> None:
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(line(Row("", "promised", "measured")))
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        for row in rows(Path(folder)):
            print(line(row), flush=True)


if __name__ == "__main__":
    main()
