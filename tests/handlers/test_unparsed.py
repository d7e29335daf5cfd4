"""What was not understood, in Slack: for admins only, and harmless whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.decision import Card
from bot.errors import Refused
from bot.model import Unparsed
from bot.policy import Policy
from handlers import commands
from handlers.intake import SENDERS
from handlers.intake.source import Source
from handlers.world import World
from tests.blockkit import check
from tests.databases import memory_store
from tests.storage.helpers import keep
from tests.values import NOON

UGLY = b"```<!channel> *bold* " * 500
DEPLOY = b'{"service": "checkout", "version": "v42", "status": "succeeded"}'


def odd(id: str = "U-1", body: bytes = UGLY, **other: bool) -> Unparsed:
    return Unparsed(
        id=id,
        source="deploys",
        at=NOON,
        last_at=NOON,
        reason="no <!here> version",
        headers={},
        body=body,
        truncated=other.get("truncated", False),
    )


@pytest.fixture
def world() -> Iterator[World]:
    store = memory_store()
    sources = {"deploys": Source(name="deploys", sender=SENDERS["deploys"])}
    policy = Policy(admins=("U0DANA",))
    yield World(store, None, {}, policy, lambda: NOON + timedelta(minutes=3), sources=sources)  # type: ignore[arg-type]
    store.close()


def types(world: World, words: str = "", by: str = "U0DANA") -> Card | str:
    said = commands.run(world, Ask(command="incident", text=f"unparsed {words}", by=by, channel="C1")).say
    assert isinstance(said, Card | str)
    return said


def text(said: Card | str) -> str:
    if isinstance(said, str):
        return said
    check(said)
    return as_text(said)


def test_nobody_else_sees_what_was_posted(world: World) -> None:
    for words in ("", "show U-1", "replay U-1"):
        with pytest.raises(Refused, match="Only those in `admins`"):
            types(world, words, by="U0BOB")


def test_it_is_listed_and_shown_as_text(world: World) -> None:
    assert text(types(world)) == "Everything that came was understood."
    keep(world.store, odd(), *(odd(f"U-{n}") for n in range(2, 30)))
    listed = text(types(world))
    assert "U-1" in listed
    assert "and 9 more" in listed
    shown = types(world, "show U-1")
    assert isinstance(shown, Card)
    assert "<!channel>" not in str(shown.blocks)
    assert str(shown.blocks).count("```") == 2, "nothing in it ends the block"
    check(shown)


def test_it_is_taken_in_after_a_fix_and_listed_no_more(world: World) -> None:
    keep(world.store, odd(body=DEPLOY))
    assert "1 fact" in text(types(world, "replay U-1"))
    assert world.read(lambda tx: tx.deploys("checkout", "production"))[0].version == "v42"
    assert text(types(world)) == "Everything that came was understood."
    (line,) = [e for e in world.read(lambda tx: tx.entries("")) if e.source == "U-1"]
    assert (line.by, line.text) == ("U0DANA", "takes in what deploys had posted")
    with pytest.raises(Refused, match="already; nothing was changed"):
        types(world, "replay U-1")


def test_what_was_cut_off_has_no_button(world: World) -> None:
    keep(world.store, odd(truncated=True))
    assert "replay U-1" not in str(types(world, "show U-1"))
    with pytest.raises(Refused, match="too large"):
        types(world, "replay U-1")
