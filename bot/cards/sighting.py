"""Where a rollout was when it was last seen, in one line."""

from __future__ import annotations

from bot import text
from bot.model import Sighting


def line(sighting: Sighting) -> str:
    """What is under way with its weight; what is over with what is left of it."""
    new, old = text.code(f"{sighting.service} {sighting.revision_version}", 100), sighting.stable_version
    if sighting.aborted:
        left = f"all of the traffic is on {text.code(old, 60)}" if old else ""
        return text.dotted([f":package: {new}", "*aborted*", left])
    if sighting.revision == sighting.stable:
        return text.dotted([f":package: {new}", f"*{sighting.phase}*", "all of the traffic"])
    before = f"from {text.code(old, 60)}" if old else ""
    state = "*paused*" if sighting.paused else f"*{sighting.phase}*"
    return text.dotted([f":package: {new}", before, f"{sighting.weight} % of the traffic", state])
