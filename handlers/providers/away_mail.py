"""Tells an address by e-mail that Slack is away."""

from __future__ import annotations

from bot.outages import Told
from handlers.world import Mail, Mailer


class AwayMail:
    """Sent again it is the same letter; that Slack is back answers the one that it was away."""

    def __init__(self, mailer: Mailer, address: str) -> None:
        self.mailer, self.address = mailer, address

    def tell(self, told: Told) -> None:
        """Raises ProviderError."""
        self.mailer.send(
            Mail(
                to=self.address,
                subject=told.title,
                text=f"{told.text}\n",
                key=told.key,
                at=told.until or told.since,
                thread="" if told.away else told.key.replace("/back/", "/away/"),
            )
        )
