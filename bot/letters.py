"""An update as a letter: plain text, and the same once more for readers that show HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from bot import audiences
from bot.audiences import Fact, Telling
from bot.model import Audience, Incident, Update
from bot.text import clean

STYLE = (
    "font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#1d1c1d;"
    "max-width:36em;margin:0 auto;padding:24px 16px"
)
SMALL = "color:#616061;font-size:14px;margin:24px 0 0"


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str


def written(incident: Incident, update: Update, audience: Audience) -> Letter:
    told = audiences.tell(incident, update, audience)
    title = f"{told.title}: {audiences.headline(update)}"
    return Letter(subject=title, text=audiences.plain(told) + "\n", html="".join(_page(title, told)))


def _page(title: str, told: Telling) -> Iterator[str]:
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(clean(title))}</title>'
    yield '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light"></head>'
    yield f'<body style="margin:0;background:#fff"><div style="{STYLE}">'
    yield f'<h1 style="font-size:20px;margin:0 0 16px">{escape(clean(told.title))}</h1>'
    yield from map(_fact, told.facts)
    if told.next_words:
        yield f'<p style="{SMALL}">{escape(told.next_words)}</p>'
    yield "</div></body></html>"


def _fact(fact: Fact) -> str:
    words = escape(clean(fact.words)).replace("\n", "<br>")
    label = f"<strong>{escape(fact.label)}</strong><br>" if fact.label else ""
    return f'<p style="margin:0 0 12px">{label}{words}</p>'
