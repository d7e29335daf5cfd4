"""One deploy that two have told of: CI by the name of its run and a commit, the cluster by the tag of its image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.model import Change, ChangeKind, ChangeStatus

DAY = timedelta(days=1)  # from the first word of a pipeline to the last of its rollout
CLOCKS = timedelta(minutes=30)  # how far behind the cluster a pipeline may tell of its beginning

COMMIT = re.compile(r"(?:^|[-_.+])(?:g|sha)?([0-9a-f]{7,40})$")
WHOLE = 40  # characters of a commit's name that is not cut


def deploy_key(service: str, environment: str, version: str) -> str:
    """What the cluster calls a deploy, and CI where it has no name of its own for it."""
    return f"{ChangeKind.DEPLOY}/{service}/{environment}/{version}"


def same_version(one: str, other: str) -> bool:
    """The same word, with or without a v; or tags that end in the same commit, one of them cut perhaps."""
    one, other = one.lower().removeprefix("v"), other.lower().removeprefix("v")
    if one == other:
        return bool(one)
    mine, theirs = COMMIT.search(one), COMMIT.search(other)
    if not mine or not theirs:
        return False
    short, long = sorted((mine[1], theirs[1]), key=len)
    is_name = len(long) == WHOLE or not short.isdigit()  # 20260305 is a date
    return is_name and long.startswith(short)


def of_version(version: str, deploys: Iterable[Change], now: datetime) -> Change | None:
    """The latest deploy of this version by the cluster's name for it or by another that is still in use."""

    def fits(deploy: Change) -> bool:
        own = deploy.key == deploy_key(deploy.service, deploy.environment, version)
        recent = deploy.status is ChangeStatus.STARTED or deploy.at >= now - DAY
        return own or (recent and same_version(deploy.version, version))

    return next(filter(fits, deploys), None)


def joined(change: Change, before: Change | None, deploys: Iterable[Change]) -> Change:
    """What CI says of a deploy, under the name that this deploy has already. `deploys` come newest first."""
    if change.change is not ChangeKind.DEPLOY:
        return change
    twin = before or next((deploy for deploy in deploys if _seen(deploy, change)), None)
    if twin is None or not same_version(twin.version, change.version):
        return change
    return replace(change, key=twin.key, version=twin.version)


def _seen(deploy: Change, change: Change) -> bool:
    """By the cluster, just now: two runs of a pipeline are two deploys."""
    gap = change.at - deploy.at
    near = gap < CLOCKS if change.status is ChangeStatus.STARTED else gap < DAY
    by_cluster = deploy.key == deploy_key(deploy.service, deploy.environment, deploy.version)
    return by_cluster and near and gap > -DAY and same_version(deploy.version, change.version)
