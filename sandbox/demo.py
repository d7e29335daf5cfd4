"""`make demo`: the pretend world and the real bot beside it, a story told in both, and then everything to play with.

The bot runs as a process of its own, configured by its environment like anywhere else; only the addresses are ours.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from sandbox import canary
from sandbox.clock import Clock
from sandbox.server import application, serve
from sandbox.slack.workspace import APP_TOKEN, BOT_TOKEN
from sandbox.stories import Run
from sandbox.world import Sandbox

ROOT = Path(__file__).resolve().parent.parent
CONFIG = Path(__file__).parent / "demo.yml"
PATIENCE = 90.0  # seconds for the bot to get ready; a busy machine takes its time


@dataclass(frozen=True)
class Options:
    story: str
    once: bool
    port: int
    pace: float
    out: Path


def options(argv: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--story", default="amazon-checkout", help="which story to play, or none")
    parser.add_argument("--once", action="store_true", help="play it fast, write the postmortem and end")
    parser.add_argument("--port", type=int, default=0, help="of the page; 0 finds a free one")
    parser.add_argument("--pace", type=float, default=1.0, help="2 is half as fast")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="where the postmortem is written")
    given = parser.parse_args(argv)
    pace = 0.0 if given.once else given.pace
    return Options(story=given.story, once=given.once, port=given.port, pace=pace, out=given.out)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or `kill` would leave the bot behind
    world = Sandbox.build(Clock.system())
    world.workspace.install(yaml.safe_load((ROOT / "manifest.yml").read_text()))
    with tempfile.TemporaryDirectory(prefix="watchkeeper-demo-") as folder:
        try:
            served = serve(application(world), port=chosen.port)
        except OSError as error:
            print(
                f"Nothing can listen on port {chosen.port}: {error.strerror}. Choose another with PORT=…",
                file=sys.stderr,
            )
            return 2
        with bot(world, served.url, Path(folder)) as running:
            try:
                return play(world, served.url, running, chosen)
            except KeyboardInterrupt:
                print("\nGood bye.")
                return 0
            finally:
                served.close()


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path


@contextmanager
def bot(world: Sandbox, url: str, folder: Path) -> Iterator[Running]:
    """The bot, started and ready, hearing the shop's alerts and deploys."""
    port, hooks, api = free_port(), secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    log = folder / "bot.log"
    canary.add(world, lambda gate: f"http://127.0.0.1:{port}/gates/reviews/{gate}?pass={key(hooks, 'reviews')}")
    environment = os.environ | {
        "NO_PROXY": "127.0.0.1,localhost",  # everything here is on this machine
        "no_proxy": "127.0.0.1,localhost",
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": f"{url}/api/",
        "DATABASE_URL": f"sqlite:///{folder}/bot.db",
        "WATCHKEEPER_CONFIG": str(configure(url, f"http://127.0.0.1:{port}", folder)),
        "WATCHKEEPER_LISTEN": f"127.0.0.1:{port}",
        "WATCHKEEPER_HOOK_TOKEN": hooks,
        "WATCHKEEPER_API_TOKEN": api,
        "PHONE": f"{url}/phone",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    running = Running(process, f"http://127.0.0.1:{port}", api, log)
    try:
        wait_until_ready(running)
        world.shop.connect(running.url, hooks)
        world.terminal.url, world.terminal.token = running.url, api
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def key(token: str, service: str) -> str:
    """What opens the gates of a service to callers that can send no header, as `/rollout gates` shows it."""
    return hmac.new(token.encode(), f"gates of {service}".encode(), hashlib.sha256).hexdigest()[:32]


def configure(url: str, public: str, folder: Path) -> Path:
    """The demo's configuration, with the addresses of this run filled in."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "shop",
                "clusters": [{"name": "shop", "cluster": {"server": f"{url}/cluster"}}],
                "users": [{"name": "watchkeeper", "user": {"token": "sandbox"}}],
                "contexts": [{"name": "shop", "context": {"cluster": "shop", "user": "watchkeeper"}}],
            }
        )
    )
    content: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    content["url"] = public
    content["clusters"] = {"shop": {"kubeconfig": str(kubeconfig)}}
    for probe in content["probes"].values():
        probe["url"] = url + probe["url"]
    for vendor in content["vendors"].values():
        vendor["page"] = url + vendor["page"]
    content["prometheus"] = {"url": f"{url}/prometheus"}
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(running: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < deadline and running.process.poll() is None:
            try:
                if client.get(f"{running.url}/readyz").text == "ready\n":
                    return
            except httpx.TransportError:
                pass  # it is not listening yet
            time.sleep(0.05)
    why = "ended" if running.process.poll() is not None else f"did not get ready within {PATIENCE:.0f} s"
    raise SystemExit(f"The bot {why}. Its log says:\n{running.log.read_text()[-3000:] or '(nothing)'}")


def play(world: Sandbox, url: str, running: Running, chosen: Options) -> int:
    print(f"\n  The pretend workspace, and the shop beside it:  {url}/")
    print(f"  What customers read of it, once published:      {running.url}/status\n")
    stories = world.stories
    if chosen.story == "none":
        wait(running)
        return 0
    if chosen.story not in {story.name for story in stories.all()}:
        print(
            f"There is no story {chosen.story!r}; there is {', '.join(s.name for s in stories.all())}.", file=sys.stderr
        )
        return 2
    run = stories.start(chosen.story, pace=chosen.pace, tell=print)
    run.wait()
    print(f"\n{run.summary()}")
    if chosen.once:
        return finish(run, running, chosen.out)
    print(f"Everything stays up to play with at {url}; Ctrl-C ends it.")
    wait(running)
    return 0


def finish(run: Run, running: Running, out: Path) -> int:
    """Write the postmortem; 0 only if every step of the story happened and the draft is there."""
    incident = drafted(run)
    headers = {"authorization": f"Bearer {running.token}"}
    with httpx.Client(trust_env=False, timeout=10) as client:
        response = client.get(f"{running.url}/incidents/{incident}/postmortem.md", headers=headers)
    if response.is_error:
        print(f"No postmortem: {response.text}", file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{incident}-postmortem.md"
    path.write_text(response.text)
    print(f"The postmortem draft is in {os.path.relpath(path)}.")
    return 0 if run.happened else 1


def drafted(run: Run) -> str:
    """The incident that the story is about: whose draft was shared last."""
    shared = [found[1] for line in run.transcript if (found := re.search(r"(INC-\d+)-postmortem\.md", line.text))]
    return shared[-1] if shared else "INC-1"


def wait(running: Running) -> None:
    """Until Ctrl-C, or until the bot ends by itself, which it should not."""
    code = running.process.wait()
    print(f"The bot ended with code {code}. Its log says:\n{running.log.read_text()[-3000:]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
