"""A small Bolt app, and ways to plug one into the workspace."""

from __future__ import annotations

import json
import re
from typing import Any

from slack_bolt import App, BoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from sandbox.slack.events import Ack, Delivery, Failed, Transport
from sandbox.slack.model import BOT_ID, BOT_TOKEN, BOT_USER, SIGNING_SECRET, TEAM


def client(url: str, token: str = BOT_TOKEN) -> WebClient:
    made = WebClient(token=token, base_url=f"{url}/api/", timeout=5, retry_handlers=[])
    made.proxy = None
    return made


def bolt(url: str) -> App:
    """An app without listeners but for unknown events, which it takes."""

    def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=TEAM, bot_token=BOT_TOKEN, bot_id=BOT_ID, bot_user_id=BOT_USER
        )

    bare = client(url)
    bare.token = None
    return App(client=bare, authorize=authorize, signing_secret=SIGNING_SECRET)


def take_the_rest(app: App) -> None:
    app.event(re.compile(".*"))(lambda event: None)


def direct(app: App) -> Transport:
    """The app in this very process: every delivery is dispatched by whoever makes it."""

    def deliver(delivery: Delivery) -> Ack | Failed:
        headers = {"content-type": ["application/json"]}
        answer = app.dispatch(BoltRequest(body=delivery.payload, mode="socket_mode", headers=headers))
        if answer.status != 200:
            return Failed()
        return Ack(json.loads(answer.body) if (answer.body or "").startswith("{") else {"text": answer.body or ""})

    return deliver
