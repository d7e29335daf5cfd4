"""`python -m sandbox`: the pretend world in a process of its own, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from sandbox.clock import Clock
from sandbox.server import Served, application, serve
from sandbox.slack.workspace import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET
from sandbox.world import Sandbox


def options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    parser.add_argument("--webhook", default="", help="the bot's address, which alerts and deploys are reported to")
    parser.add_argument("--hook-token", default="", help="the bearer token that goes with it")
    parser.add_argument("--story", default="", help="a story to tell, such as amazon-checkout")
    parser.add_argument("--pace", type=float, default=1.0, help="2 is half as fast, 0 as fast as the bot allows")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    chosen, over = options(argv), threading.Event()
    world = Sandbox.build(Clock.system())
    if chosen.story and chosen.story not in (known := [story.name for story in world.stories.all()]):
        print(f"There is no story {chosen.story}; there is {', '.join(known)}.", file=sys.stderr)
        return 2
    try:
        served = serve(application(world), chosen.port)
    except OSError as error:
        print(f"Nothing can listen on port {chosen.port}: {error.strerror or error}.", file=sys.stderr)
        return 2
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    introduce(served)
    if chosen.webhook:
        world.shop.connect(chosen.webhook, chosen.hook_token)
    if chosen.story:
        world.stories.start(chosen.story, pace=chosen.pace, tell=lambda line: print(line, flush=True))
    over.wait()
    world.stories.stop()
    served.close()
    return 0


def introduce(served: Served) -> None:
    """Where everything is, and what a bot's environment has to say to live here."""
    print(f"The sandbox is at {served.url}/ until Ctrl-C. A bot moves in with", flush=True)
    for name, value in (
        ("SLACK_API_URL", f"{served.url}/api/"),
        ("SLACK_BOT_TOKEN", BOT_TOKEN),
        ("SLACK_APP_TOKEN", APP_TOKEN),
        ("SLACK_SIGNING_SECRET", SIGNING_SECRET),
    ):
        print(f"  {name}={value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
