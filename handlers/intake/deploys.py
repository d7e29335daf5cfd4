"""Our own few fields for a deploy or another change: what a CI job posts with curl."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import field_validator

from bot.fleet import digest_of
from bot.model import Change, ChangeKind, ChangeStatus, Migration
from handlers.intake.fields import Body, Text, Time, Url, environment
from handlers.intake.sender import Delivery, Sender, as_, each


class _Deploy(Body):
    service: Text
    version: Text = ""
    environment: Text = ""
    status: ChangeStatus
    change: ChangeKind = ChangeKind.DEPLOY
    at: Time = None
    url: Url = None
    actor: Text = ""
    title: Text = ""
    key: Text = ""
    digests: list[Text] = []
    config_hash: Text = ""
    migration: Migration = Migration.NONE
    floor: Text = ""

    @field_validator("service")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value:
            raise ValueError("name the service")
        return value

    @field_validator("digests")
    @classmethod
    def _comparable(cls, value: list[str]) -> list[str]:
        """With a tag among them every server would be called wrong, and promotion held for it."""
        for digest in filter(None, value):
            if not digest_of(digest):
                raise ValueError(f"{digest[:60]!r} is no digest; write sha256:… of the image, or leave it out")
        return value

    @field_validator("status", "change", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value


def parse(delivery: Delivery) -> list[Change]:
    """One object, or a list of them."""
    content = delivery.content
    items = content if isinstance(content, list) else [content]
    return each(delivery, items, lambda item: [_change(as_(_Deploy, item, "a deploy event"), delivery.now)], "")


def _change(item: _Deploy, now: datetime) -> Change:
    place = environment(item.environment)
    return Change(
        key=item.key or f"{item.change}/{item.service}/{place}/{item.version}",
        change=item.change,
        service=item.service,
        version=item.version,
        environment=place,
        status=item.status,
        at=item.at or now,
        title=item.title,
        url=item.url,
        actor=item.actor,
        source="deploys",
        digests=tuple(filter(None, item.digests)),
        config_hash=item.config_hash,
        migration=item.migration,
        floor=item.floor,
    )


SENDER = Sender(title="A CI job's own words, posted with curl", parse=parse, partly=400)
