"""Pages as text: templates that escape what they are given, and what a page may do, as a policy for browsers."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.text import span

FOLDER = Path(__file__).parent / "web" / "templates"


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"utc": utc, "short": short, "iso": iso, "span": span}
    return made


def render(name: str, **values: Any) -> str:
    return environment().get_template(name).render(**values)


@cache
def asset(name: str) -> str:
    """A style sheet or a script, to stand inside a page."""
    return (FOLDER / name).read_text(encoding="utf-8").strip()


def allowed(*more: str, style: str, script: str = "") -> str:
    """A Content-Security-Policy: this style sheet, this script, and nothing else from anywhere."""
    scripts = f"script-src '{_digest(script)}'" if script else "script-src 'none'"
    rules = ("default-src 'none'", f"style-src '{_digest(style)}'", scripts, "img-src 'self' data:", "base-uri 'none'")
    return "; ".join((*rules, *more))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def utc(at: datetime) -> str:
    """ "5 March 2026, 12:04 UTC"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def short(at: datetime) -> str:
    """ "2026-03-05 12:04"."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
