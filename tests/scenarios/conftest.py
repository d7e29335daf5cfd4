"""A shop with workloads that have no steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.policy import Service
from tests.conftest import Tell
from tests.providers.shops import LEDGER
from tests.story import SHOP, Story, target

PLAIN = replace(
    SHOP,
    services={
        "search": Service(name="search", oncall="storefront", rollout=target("search", "deployment")),
        "ledger": Service(name="ledger", oncall="storefront", rollout=target("ledger", "statefulset")),
    },
)


@pytest.fixture
def plain(tell: Tell) -> Iterator[Story]:
    with tell(PLAIN) as story:
        story.cluster.create(LEDGER)
        story.passes(30)  # long enough to have seen that v41 is stable
        yield story
