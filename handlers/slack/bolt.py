"""The Bolt app: the same listeners for Socket Mode and HTTP, and nothing acknowledged that is not kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from slack_bolt import App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from handlers import events
from handlers.slack import buttons, commands, modals, shortcuts
from handlers.slack.answers import Answers
from handlers.slack.identity import Identity, preflight
from handlers.world import World

__all__ = ["Identity", "build", "preflight"]

LISTENERS = 32  # Bolt's own 5 leave the sixth person of a busy minute without an answer


def build(
    world: World, client: WebClient, identity: Identity, *, executor: Executor | None = None, signing_secret: str = ""
) -> App:
    """`client` has the bot's token. Without `signing_secret` only Socket Mode is served: HTTP requests are refused."""
    app = App(
        name="watchkeeper",
        logger=quiet_logger(),
        client=tokenless(client),
        authorize=authorized(client, identity),
        signing_secret=signing_secret,
        token_verification_enabled=False,
        listener_executor=executor or ThreadPoolExecutor(LISTENERS, thread_name_prefix="slack"),
    )
    answers = Answers(world, client)
    app.use(keeper(world, identity))
    commands.register(app, world, answers, identity)
    buttons.register(app, world, answers, identity)
    modals.register(app, world, answers, identity)
    shortcuts.register(app, world, answers, identity)
    app.event(re.compile(""))(heard)  # last: an event that nobody takes is sent again and again
    return app


def authorized(client: WebClient, me: Identity) -> Callable[[], AuthorizeResult]:
    """Who we are is known: Bolt's own auth.test answers with 200 and loses the event when Slack is limping."""
    result = AuthorizeResult(
        enterprise_id=me.enterprise or None,
        team_id=me.team,
        bot_user_id=me.user,
        bot_id=me.bot,
        bot_token=client.token,
    )
    return lambda: result


def keeper(world: World, me: Identity) -> Callable[..., BoltResponse]:
    """Events are kept here: middleware runs before Bolt's own ack, listeners after it.

    What cannot be kept raises, so it is not acknowledged and Slack sends it again.
    """

    def keep(body: dict[str, Any], next: Callable[[], BoltResponse]) -> BoltResponse:
        if body.get("type") == "event_callback":
            events.receive(world, body, me.ours)
        return next()

    return keep


def heard() -> None:
    """Kept already, or not wanted."""


def tokenless(client: WebClient) -> WebClient:
    """Bolt asks that the client of an app with its own authorize has no token."""
    bare = WebClient(
        base_url=client.base_url, timeout=client.timeout, ssl=client.ssl, retry_handlers=[], logger=client.logger
    )
    bare.proxy = client.proxy
    return bare


def quiet_logger() -> logging.Logger:
    """Bolt prints whole payloads below INFO, and a hint about SLACK_BOT_TOKEN that does not concern us."""
    logger = logging.getLogger("slack_bolt.watchkeeper")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)
    if not any(isinstance(f, _NoTokenHint) for f in logger.filters):
        logger.addFilter(_NoTokenHint())
    return logger


class _NoTokenHint(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "`token` will be unused" not in record.getMessage()
