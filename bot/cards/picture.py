"""The picture that a sender gave with its alert, in the thread of the incident's card."""

from __future__ import annotations

from bot import text
from bot.decision import Card
from bot.model import Alert
from bot.pictures import is_shown
from bot.text import plain

TITLE, DESCRIPTION = 150, 300


def picture(alert: Alert) -> Card:
    sender = alert.source or "its sender"
    words = f"{alert.title}, as {sender} drew it"
    image = {
        "type": "image",
        "image_url": alert.image,
        "alt_text": plain(f"Picture of {words}", DESCRIPTION)["text"],
        "title": plain(words, TITLE),
    }
    blocks = (image,) if is_shown(alert.image) else ()
    return Card(text=text.fallback(f":chart_with_upwards_trend: {text.brief(words, TITLE)}"), blocks=blocks)
