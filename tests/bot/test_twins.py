"""Two words for one deploy, and one word for two."""

from __future__ import annotations

import pytest

from bot import twins
from bot.model import ChangeKind, ChangeStatus
from tests.values import NOON, change, minutes

COMMIT = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
CLUSTERS = change("deploy/checkout/production/main-f95f852", version="main-f95f852", source="cluster")
DAY = 24 * 60


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("v42", "v42"),
        ("v1.2.3", "1.2.3"),
        (COMMIT, COMMIT[:7]),
        (COMMIT, f"main-{COMMIT[:8]}"),
        (COMMIT, f"v1.2.3-4-g{COMMIT[:7]}"),
        (COMMIT, f"sha-{COMMIT}"),
        (f"1.0_{COMMIT[:7]}", f"main.{COMMIT[:9]}"),
    ],
)
def test_one_version_has_many_names(one: str, other: str) -> None:
    assert twins.same_version(one, other)
    assert twins.same_version(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", ""),
        ("v", ""),
        ("v42", "v4"),
        ("20260305", "202603051"),
        (COMMIT, COMMIT[:6]),
        (COMMIT, "f95f853"),
        ("v42", ""),
    ],
)
def test_what_only_looks_alike_is_another_version(one: str, other: str) -> None:
    assert not twins.same_version(one, other)
    assert not twins.same_version(other, one)


def test_what_ci_says_goes_to_the_row_of_the_cluster() -> None:
    said = change("run/17", version=COMMIT)
    joined = twins.joined(said, None, [CLUSTERS])
    assert (joined.key, joined.version, joined.actor) == (CLUSTERS.key, CLUSTERS.version, "ci")


def test_two_runs_of_a_pipeline_are_two_deploys() -> None:
    said = change("run/18", version=COMMIT)
    assert twins.joined(said, None, [change("run/17", version=COMMIT)]) == said


@pytest.mark.parametrize(
    ("status", "after", "is_one"),
    [
        (ChangeStatus.STARTED, -60, True),
        (ChangeStatus.STARTED, 10, True),
        (ChangeStatus.STARTED, 60, False),
        (ChangeStatus.SUCCEEDED, 600, True),
        (ChangeStatus.SUCCEEDED, 2 * DAY, False),
        (ChangeStatus.STARTED, -2 * DAY, False),
    ],
)
def test_a_run_joins_what_the_cluster_sees_at_its_time(status: ChangeStatus, after: int, is_one: bool) -> None:
    said = change("run/17", version=COMMIT, status=status, at=CLUSTERS.at + minutes(after))
    assert (twins.joined(said, None, [CLUSTERS]).key == CLUSTERS.key) is is_one


def test_a_flag_is_no_deploy() -> None:
    said = change("flag/1", version=COMMIT, change=ChangeKind.FLAG)
    assert twins.joined(said, None, [CLUSTERS]) == said


def test_the_name_that_the_cluster_has_for_a_version_stays() -> None:
    """A rollback knows it by that."""
    before = change("run/17", version="main-f95f852")
    assert twins.joined(change("run/17", version=COMMIT), before, ()).version == "main-f95f852"


def test_the_cluster_finds_the_run_of_the_day_and_not_one_of_last_week() -> None:
    today, last_week = (
        change("run/17", version=COMMIT, status=ChangeStatus.SUCCEEDED),
        change("run/3", version=COMMIT, status=ChangeStatus.SUCCEEDED, at=NOON - minutes(7 * DAY)),
    )
    assert twins.of_version("main-f95f852", [today, last_week], NOON) == today
    assert twins.of_version("main-f95f852", [last_week], NOON) is None
    assert twins.of_version("main-f95f852", [last_week, CLUSTERS], NOON) == CLUSTERS
