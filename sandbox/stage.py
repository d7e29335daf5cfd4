"""`python -m sandbox.stage STORY`: a cluster and a shop for one drill, until whoever started it lets go of its input.

Without a story it prints those that there are, and why the others are none. What is played here is only what happens;
people do the rest.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox import outlook
from sandbox.clock import Clock
from sandbox.server import application, serve
from sandbox.stories import Stories, Story
from sandbox.world import Sandbox

FOLDER = Path(__file__).with_name("drills")
LASTS = 2 * 3600.0  # seconds, if everybody has forgotten it
NO_DRILLS = {  # the demo's other stories, and why they are none
    "alert-storm": "it is about what the bot makes of it, and leaves people nothing to end",
    "slack-down": "Slack itself would have to be away",
}


def build(clock: Clock) -> Sandbox:
    """A pretend world whose stories are the drills."""
    world = Sandbox.build(clock)
    world.stories = Stories(world, FOLDER)
    return world


def staged(world: Sandbox) -> Starlette:
    """All of the sandbox, and at /stage what is looked at: alerts that fire, deploys, how many requests fail."""
    app = application(world)
    app.router.routes.append(Route("/stage", lambda request: JSONResponse(scenery(world))))
    return app


def scenery(world: Sandbox) -> dict[str, Any]:
    shop = world.shop
    return {
        "alerts": [
            *(dict(alert.labels) | dict(alert.annotations) for alert in shop.alertmanager.firing),
            *outlook.alerts(shop),
        ],
        "deploys": list(shop.pipeline.outbox),  # all of them, as nobody is connected who would take them
        "errors": {service: shop.measure(service).error_ratio for service in list(shop.services)},
    }


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    world = build(Clock.system())
    stories = {story.name: story for story in world.stories.all()}
    if not given:
        say([*map(known, stories.values()), *(none(name, why) for name, why in NO_DRILLS.items())])
        return 0
    if given[0] not in stories:
        print(f"There is no drill {given[0]}; there is {', '.join(stories)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to whoever started us, too, who then lets go
    with serve(staged(world)) as served:
        world.stories.start(given[0])
        say({"url": served.url})
        forgotten = threading.Timer(LASTS, os._exit, (0,))
        forgotten.daemon = True
        forgotten.start()
        sys.stdin.read()
        world.stories.stop()
    return 0


def known(story: Story) -> dict[str, Any]:
    return {
        "name": story.name,
        "title": story.title,
        "about": story.about,
        "service": story.service,
        "acts": list(story.acts),
    }


def none(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "title": "", "about": "", "service": "", "acts": [], "why_not": why}


def say(value: Any) -> None:
    """One line of JSON."""
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    sys.exit(main())
