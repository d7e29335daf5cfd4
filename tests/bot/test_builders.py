"""Whatever text a card, form or Home is made of, it pings nobody, breaks nothing, and Slack takes it.

The builders are found, and what they take is made from the types of their parameters. A new one needs no line here,
unless it takes what is made of none of these types: then `make` says so.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import count, cycle
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import bot.cards
from bot import text
from bot.cards.kit import section
from bot.decision import Card, Modal
from bot.model import Page
from bot.policy import Policy, Service, StatusPage, Target
from tests.blockkit import check, check_home
from tests.bot.status_values import SHOP_PAGE
from tests.bot.test_text import ANY
from tests.values import NOON, minutes

VARIADIC = inspect.Parameter.VAR_POSITIONAL
PIECES = frozenset({"kit", "plain"})  # no cards: what they are made of, and what is made of them
# Parameters and fields that hold mrkdwn: who made it has escaped what is foreign in it.
ESCAPED = frozenset(
    {
        "forms.update_modal.readers",
        "consent.asked.why",
        "gates.preview.will",
        "outage.summary.said",
        "rollout.check_card.stands",
        "rollout.outcome.title",
        "rollout.rollout_list.asking",
        "rollout.rollout_list.frozen",
        "rollout.with_footer.text",
        "rollout.words.text",
        "Page.troubles",
        "Reason.text",
    }
)
# What is ours by its nature: ids, and words that the code or the configuration chooses from.
OURS = {
    "incident": "INC-7",
    "merged_into": "INC-3",
    "strategy": "canary",
    "Advice.field": "text",
    "gitops.put_back.at": " at 12:05",
    "gates.urls_card.urls.key": "confirm-promotion",
    "intent": "undo",
    "message": "C0INC7/1.2",
    "gate": "confirm-promotion",
    "verdict": "safe",
    "audience": "public",
    "audiences": "support, public",
    "command": "/incident",
}
UNIQUE = (".key", "Rollout.service")  # there is one of each name
STATES: Mapping[str, Mapping[str, str]] = {"PublicUpdate.components": {"checkout": "major"}}


escaped = functools.cache(text.esc)


def builders() -> dict[str, Callable[..., Any]]:
    found = {}
    for module in pkgutil.iter_modules(bot.cards.__path__):
        if module.name in PIECES:
            continue
        inside = importlib.import_module(f"bot.cards.{module.name}")
        for name, made in inspect.getmembers(inside, inspect.isfunction):
            shows = typing.get_type_hints(made).get("return") in (Card, Modal, dict[str, Any])
            if made.__module__ == inside.__name__ and not name.startswith("_") and shows:
                found[f"{module.name}.{name}"] = made
    return found


BUILDERS = builders()


class Making:
    """Values of any type, with the texts that were drawn wherever somebody else's may stand."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts, self.turns = cycle(texts), cycle(range(7))
        self.numbers = count(1)

    def arguments(self, name: str, builder: Callable[..., Any]) -> dict[str, Any]:
        hints = typing.get_type_hints(builder)
        taken = inspect.signature(builder).parameters
        return {one: self.make(hints[one], f"{name}.{one}") for one in taken if taken[one].kind is not VARIADIC}

    def make(self, kind: Any, name: str) -> Any:
        """`name` is where it goes: "incident.reminder.whom", "Incident.title"."""
        origin, inner = get_origin(kind), get_args(kind)
        if name in STATES:
            return STATES[name]
        if name.endswith(".id"):
            return f"INC-{next(self.numbers)}"
        if kind is str:
            return OURS.get(name) or OURS.get(name.rpartition(".")[2]) or self.words(name)
        if origin in (Union, UnionType):
            return self.make(self.choice([one for one in inner if one is not NoneType]), name) if self.often() else None
        if origin in (tuple, Sequence, Collection, frozenset, list) and inner:
            return self.several(origin, inner, name)
        if kind == dict[str, Any]:
            return {"type": "home", "blocks": [section("A block")]} if name.endswith(".view") else section("A block")
        if origin is Mapping or origin is dict:
            keys, values = inner
            return {self.make(keys, f"{name}.key"): self.make(values, f"{name}.value") for _ in range(3)}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self.choice(list(kind))
        if kind in FIXED:
            return FIXED[kind](self)
        if dataclasses.is_dataclass(kind):
            return self.dataclass(kind)
        raise AssertionError(f"nothing is known to be made for {name}: {kind}; add it to FIXED in {__name__}")

    def dataclass(self, kind: Any) -> Any:
        hints = typing.get_type_hints(kind)
        return kind(
            **{
                f.name: self.make(hints[f.name], f"{kind.__name__}.{f.name}")
                for f in dataclasses.fields(kind)
                if f.init
            }
        )

    def several(self, origin: Any, inner: Sequence[Any], name: str) -> Any:
        if origin is tuple and inner[-1] is not Ellipsis:
            return tuple(self.make(one, name) for one in inner)
        many = [self.make(inner[0], name) for _ in range(3)]
        return {frozenset: frozenset, list: list}.get(origin, tuple)(many)

    def words(self, name: str) -> str:
        words = next(self.texts)
        if name in ESCAPED:
            return escaped(words)
        if name.endswith(UNIQUE):
            return f"{next(self.numbers)} {words}"
        return f"https://x.example/{words}" if "url" in name and self.often() else words

    def often(self) -> bool:
        return next(self.turns) != 0

    def choice(self, among: Sequence[Any]) -> Any:
        return among[next(self.turns) % len(among)]


def policy(making: Making) -> Policy:
    name = next(making.texts)
    target = Target(provider="argo", cluster=name, namespace=name, name=name)
    return Policy(services={name: Service(name=name, rollout=target)}, status=SHOP_PAGE)


FIXED: Mapping[Any, Callable[[Making], Any]] = {
    bool: lambda making: making.often(),
    int: lambda making: making.choice([0, 1, 5, 42, 100]),
    float: lambda making: making.choice([0.0, 0.25, 100.0]),
    datetime: lambda making: NOON + minutes(making.choice(range(7))),
    timedelta: lambda making: minutes(making.choice(range(7))),
    Policy: policy,
    StatusPage: lambda making: SHOP_PAGE,
    bytes: lambda making: next(making.texts).encode("utf-8", "replace"),
    Any: lambda making: next(making.texts),
    Callable[[str], str]: lambda making: next(making.texts).__add__,
    Page: lambda making: replace(making.dataclass(Page), turn=1),
    Card: lambda making: Card(text="A card", blocks=()),
}


def shown(name: str, texts: Sequence[str]) -> None:
    builder = BUILDERS[name]
    made = builder(**Making(texts).arguments(name, builder))
    if isinstance(made, Card | Modal):
        check(made)
    else:
        check_home(made)


def test_the_builders_are_found() -> None:
    assert {"incident.incident_card", "forms.update_modal", "home.home_view", "poll.poll_card"} <= set(BUILDERS)


HOSTILE = "<!channel> <@U0EVE> @here #general <https://evil.example|https://shop.example> ```*_~` \u202e&lt; 👩‍🚒\n"
LONG = (HOSTILE * 1_200, "&" * 100_000, "\n" * 100_000)  # 100,000 characters each
CALM = [Phase.explicit, Phase.generate]  # a failure names the text; shrinking it would take minutes


@settings(max_examples=3, phases=CALM, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(ANY, min_size=2, max_size=3))
@example([HOSTILE])
@example([LONG[0], "a"])
@example(["a", LONG[1], LONG[2]])
def test_whatever_is_written_it_pings_nobody_and_breaks_nothing(texts: Sequence[str]) -> None:
    for name in BUILDERS:
        try:
            shown(name, texts)
        except Exception as error:
            error.add_note(f"made by bot.cards.{name}")
            raise


def test_what_nobody_escaped_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check(Card(text="a", blocks=(section("<!channel>"),)))
