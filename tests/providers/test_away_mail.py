"""The letter that says that Slack is away."""

from __future__ import annotations

from bot.outages import Told
from handlers.app import beyond
from handlers.providers.away_mail import AwayMail
from handlers.settings import Settings, parse
from handlers.world import Mail
from tests.handlers.test_settings import load
from tests.values import NOON, minutes

AWAY = Told(key="slack/x/away/mail:a@b.c", title="Slack is away", text="It waits.", away=True, since=NOON)
BACK = Told(
    key="slack/x/back/mail:a@b.c", title="Back", text="It goes on.", away=False, since=NOON, until=NOON + minutes(9)
)


class Post:
    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.sent.append(mail)


def test_that_slack_is_back_answers_the_letter_that_it_was_away() -> None:
    post = Post()
    for told in (AWAY, AWAY, BACK):
        AwayMail(post, "a@b.c").tell(told)
    first, again, back = post.sent
    assert first == again == Mail(to="a@b.c", subject="Slack is away", text="It waits.\n", key=AWAY.key, at=NOON)
    assert (back.thread, back.at) == (AWAY.key, NOON + minutes(9))


def test_each_address_is_a_way_of_its_own() -> None:
    text = "{away: {email: [a@b.c, d@e.f]}, smtp: {host: mail, from: w@shop.example}}"
    config = parse(text, "c.yml")
    settings = Settings(environment=load({}).environment, config=config, policy=config.policy())
    assert list(beyond(settings)) == ["mail:a@b.c", "mail:d@e.f"]
