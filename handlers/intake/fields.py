"""Field types that take what senders really send: odd times, numbers for text, unfilled templates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class Malformed(ValueError):
    """The body cannot be what this sender sends; the message says where and why."""


class Body(BaseModel):
    """Unknown keys are ignored: senders add some with every release."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


EMPTY = frozenset({"", "null", "none", "<no value>"})


def to_text(value: Any) -> str:
    if value is None or (isinstance(value, str) and value.strip().lower() in EMPTY):
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()  # no lone surrogates


def to_texts(value: Any) -> dict[str, str]:
    return {str(k): to_text(v) for k, v in value.items() if to_text(v)} if isinstance(value, dict) else {}


def to_time(value: Any) -> datetime | None:
    """RFC 3339 in the shapes seen in the wild; None for absent, year 1 (Go's "never") and nonsense."""
    text = to_text(value).replace(" UTC", "Z")
    try:
        at = datetime.fromisoformat(_microseconds(text))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC) if 1 < at.year < 9999 else None


def _microseconds(text: str) -> str:
    """Python reads six digits of a second's fraction; Go sends nine."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)].ljust(6, '0')}{tail[digits:]}" if dot and digits else text


def to_url(value: Any) -> str | None:
    text = to_text(value)
    return text if text.startswith(("http://", "https://")) else None


Text = Annotated[str, BeforeValidator(to_text)]
Texts = Annotated[dict[str, str], BeforeValidator(to_texts)]
Time = Annotated[datetime | None, BeforeValidator(to_time)]
Url = Annotated[str | None, BeforeValidator(to_url)]


def load(body: bytes) -> Any:
    """JSON from bytes. Raises Malformed."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # such as a number of 5,000 digits
        raise Malformed(f"the body is not JSON that can be read: {error}") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None


def why(error: ValidationError) -> str:
    """The first complaint, in one sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    what = "write an object, {…}" if first["type"] == "model_type" else first["msg"].lower()
    return f"{where}: {what}" if where else what


ENVIRONMENTS = {"prod": "production", "prd": "production", "live": "production", "stg": "staging", "stage": "staging"}


def environment(word: str) -> str:
    """One word for one environment, whatever the sender abbreviates."""
    return ENVIRONMENTS.get(word.lower(), word.lower()) or "production"
