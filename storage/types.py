"""Column types that read back what was written, on both engines: UTC times, clean text, JSON of any text."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC as ZONE
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

NUL = "\N{SYMBOL FOR NULL}"
WRITER = json.JSONEncoder(separators=(",", ":"))  # made once: json.dumps makes one for each value
LONGEST_KEY = 600  # bytes; PostgreSQL indexes rows of up to 2,704


def clean(text: str) -> str:
    """Text that both engines can hold: PostgreSQL refuses NUL, and no database takes half a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", NUL).encode("utf-8", "replace").decode()


def fit(key: str) -> str:
    """Clean, and short enough for an index: of a longer key the beginning and a digest of the whole."""
    key = clean(key)
    if len(key) * 4 <= LONGEST_KEY or len(key.encode()) <= LONGEST_KEY:
        return key
    return f"{key[:120]}…{hashlib.sha256(key.encode()).hexdigest()}"


class UTC(TypeDecorator[datetime]):
    """Aware times in, aware UTC times out. SQLite forgets time zones; PostgreSQL answers in the session's."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: every time that is stored is aware")
        utc = value.astimezone(ZONE)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=ZONE) if value.tzinfo is None else value.astimezone(ZONE)


class Words(TypeDecorator[str]):
    """Text as it came, but for what no database can hold. Lookups are cleaned in the same way."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


class Key(Words):
    """Text that is indexed. Senders choose it, and one of them will send a page of it."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else fit(value)


class Json(TypeDecorator[Any]):
    """JSON in a text column, all ASCII: it keeps the order of keys and takes any text, NUL included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return WRITER.encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
