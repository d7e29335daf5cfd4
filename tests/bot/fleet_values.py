"""Ready-made servers for tests: say only what matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.fleet import Approved, Authority, Expected, Fleet, Instance, Listing, compare

INDEX, AMD64, CONFIG = (f"sha256:{c * 64}" for c in "abc")
OLD, OTHER = (f"sha256:{c * 64}" for c in "de")

APPROVED = Approved(version="v42", digests=frozenset({INDEX, AMD64, CONFIG}), builds={OLD: "v41"})
RELEASE = replace(APPROVED, leaving=Approved(version="v41", digests=frozenset({OLD})))  # v41 → v42 is under way
UNAPPROVED = Approved(version="v42")
EIGHT = Expected(authority=Authority.REPLICAS, count=8)


def pod(number: int, digest: str = INDEX, **other: Any) -> Instance:
    values: dict[str, Any] = {
        "name": f"checkout-{number}",
        "listing": Listing.PODS,
        "address": f"10.1.0.{number}",
        "image_id": f"docker.io/shop/checkout@{digest}",
    }
    return Instance(**values | other)


def says(number: int, version: str, listing: Listing = Listing.BUILD_INFO, **other: Any) -> Instance:
    values: dict[str, Any] = {"name": f"checkout-{number}", "listing": listing, "version": version}
    return Instance(**values | other)


def pods(count: int = 8) -> list[Instance]:
    return [pod(number) for number in range(1, count + 1)]


def seven_of_eight() -> Fleet:
    return compare(APPROVED, EIGHT, [*pods(7), pod(8, OLD)])
