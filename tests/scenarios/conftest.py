"""A shop with workloads that have no steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.policy import Service
from tests.providers.shops import LEDGER
from tests.story import SHOP, Story, target, told

PLAIN = replace(
    SHOP,
    services={
        "search": Service(name="search", oncall="storefront", rollout=target("search", "deployment")),
        "ledger": Service(name="ledger", oncall="storefront", rollout=target("ledger", "statefulset")),
    },
)


@pytest.fixture
def plain(tmp_path: Path, sqlite_template: Path) -> Iterator[Story]:
    path = tmp_path / "bot.db"
    path.write_bytes(sqlite_template.read_bytes())
    with told(f"sqlite:///{path}", tmp_path, PLAIN) as story:
        story.cluster.create(LEDGER)
        story.passes(30)  # long enough to have seen that v41 is stable
        yield story
