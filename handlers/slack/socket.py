"""Socket Mode that fails fast at the start and is rebuilt when it stays down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from http.client import HTTPException

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.errors import ProviderError
from handlers.slack.bolt import LISTENERS
from handlers.slack.identity import TEMPORARY

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=15)  # the SDK mends most losses itself, within seconds
MENDING = (
    "SLACK_APP_TOKEN must be an app-level token (xapp-…) with connections:write: "
    "Basic Information → App-Level Tokens makes one"
)
FIXES: Mapping[str, str] = {
    "not_allowed_token_type": MENDING,
    "invalid_auth": f"SLACK_APP_TOKEN is not valid. {MENDING}",
    "not_authed": MENDING,
    "missing_scope": MENDING,
    "token_revoked": f"the app-level token was revoked. {MENDING}",
    "account_inactive": "the app was removed from the workspace: install it again",
}


def address(client: WebClient, token: str) -> str:
    """The address of a new socket. Raises ProviderError; a permanent one says what a person has to mend."""
    if not token.startswith("xapp-"):
        raise ProviderError("Slack", MENDING, permanent=True)
    try:
        return str(client.apps_connections_open(app_token=token)["url"])
    except SlackApiError as error:
        code = str(error.response.get("error"))
        permanent = error.response.status_code == 200 and code not in TEMPORARY
        why = FIXES.get(code, f"apps.connections.open answered {code}")
        raise ProviderError("Slack", why, permanent=permanent) from None
    except (OSError, HTTPException) as error:
        raise ProviderError("Slack", f"{client.base_url} cannot be reached ({error})") from None


class Socket:
    """`check` is to be called every few seconds; everything else happens by itself.

    A handshake that fails leaves the SDK repeating it with the ticket that was good for one use, for ever: that, and a
    client whose threads have died, is what the rebuilding is for.
    """

    def __init__(
        self, app: App, app_token: str, now: Callable[[], datetime], *, patience: timedelta = PATIENCE
    ) -> None:
        self.app, self.token, self.now, self.patience = app, app_token, now, patience
        self.handler: SocketModeHandler | None = None
        self.alive_at = now()
        self.closed = False
        self.guard = threading.Lock()

    def preflight(self) -> str:
        """The address of a new socket. Raises ProviderError; a permanent one says what a person has to mend."""
        return address(self.app.client, self.token)

    def connect(self) -> None:
        """Raises a permanent ProviderError; while Slack is only away, `check` goes on trying."""
        try:
            self.rebuild()
        except ProviderError as error:
            if error.permanent:
                raise
            log.warning("Slack is away; trying again", error=error.message)

    def is_connected(self) -> bool:
        handler = self.handler
        return handler is not None and handler.client.is_connected()

    def healthy(self) -> bool:
        """Connected, or so shortly lost that the SDK is still mending it."""
        return self.is_connected() or (self.handler is not None and self.now() - self.alive_at <= self.patience)

    def check(self) -> None:
        """Rebuild what has been down for longer than our patience. Raises ProviderError where Slack is still away."""
        if self.is_connected():
            self.alive_at = self.now()
        elif not self.closed and (self.handler is None or self.now() - self.alive_at > self.patience):
            log.warning("Socket Mode is down; connecting anew", since=self.alive_at.isoformat())
            self.rebuild()

    def rebuild(self) -> None:
        """A new client with a new ticket; the old one, its threads and its spent ticket are let go."""
        with self.guard:
            url = self.preflight()
            self.discard()
            self.alive_at = self.now()
            handler = SocketModeHandler(self.app, self.token, concurrency=LISTENERS)  # its own 10 would be the neck
            handler.client.proxy = self.app.client.proxy  # or it takes the environment's, also for this machine
            handler.client.wss_uri = url
            self.handler = handler
            handler.client.connect()

    def discard(self) -> None:
        handler, self.handler = self.handler, None
        if handler is not None:
            end(handler.client)

    def close(self) -> None:
        self.closed = True
        with self.guard:
            self.discard()


def end(client: SocketModeClient) -> None:
    """Close a client for good.

    Its own `close` can lose a race against its own reconnecting, and the connection that then stays open takes
    payloads that nobody answers. It waits for ever where its reader begins just now, and takes the word to end back.
    """
    client.default_auto_reconnect_enabled = client.auto_reconnect_enabled = False
    client.closed = True
    client.message_queue.put(None)
    closing = threading.Thread(target=client.close, daemon=True)
    closing.start()
    while closing.is_alive():
        client.current_session_state.terminated = True
        hang_up(client)
        closing.join(0.05)
    hang_up(client)  # all its threads have ended: what is open now was opened meanwhile
    client.disconnect()


def hang_up(client: SocketModeClient) -> None:
    """Wake whoever reads from the connection."""
    connection = client.current_session.sock if client.current_session else None
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
