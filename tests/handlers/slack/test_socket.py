"""Socket Mode for real: a websocket, the SDK's own client and its threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot.errors import ProviderError
from handlers.providers.slack_api import connect
from handlers.slack import bolt
from handlers.slack.identity import preflight
from handlers.slack.socket import Socket
from sandbox.slack.model import APP_TOKEN, BOT_TOKEN
from tests.handlers.slack.desk import INCIDENTS, Desk, eventually, text_of


@contextmanager
def listening(desk: Desk, token: str = APP_TOKEN) -> Iterator[Socket]:
    """A socket that nobody has connected yet."""
    desk.workspace.courier.transports.clear()
    socket = Socket(bolt.build(desk.world, desk.client, desk.me), token, desk.clock.now)
    try:
        yield socket
    finally:
        socket.close()


def open_sockets(desk: Desk) -> int:
    return len(desk.workspace.sockets)


def test_a_command_and_an_event_make_the_round_trip(desk: Desk) -> None:
    desk.open_incident()
    with listening(desk) as socket:
        socket.connect()
        assert socket.healthy()
        assert eventually(lambda: open_sockets(desk) == 1)
        [answer] = desk.workspace.command("U0DANA", INCIDENTS, "/incident role comms @bob", wait=10)
        assert "<@U0BOB> is now" in text_of(answer)
        desk.workspace.post("U0DANA", INCIDENTS, "over a socket")
        assert eventually(lambda: desk.workspace.due() == [])  # acknowledged
    desk.settle()
    assert [m.text for m in desk.world.read(lambda tx: tx.messages("INC-7"))] == ["over a socket"]


def test_slack_may_ask_for_another_connection_at_any_time(desk: Desk) -> None:
    with listening(desk) as socket:
        socket.connect()
        assert eventually(lambda: open_sockets(desk) == 1)
        [first] = desk.workspace.sockets.open
        desk.workspace.sockets.disconnect("refresh_requested")
        assert eventually(lambda: open_sockets(desk) == 1 and first not in desk.workspace.sockets.open)
        assert desk.workspace.command("U0DANA", INCIDENTS, "/incident list", wait=10)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the SDK forgets the socket of a refused handshake
def test_a_connection_that_stays_down_is_made_anew_with_another_ticket(desk: Desk) -> None:
    with listening(desk) as socket:
        desk.workspace.faults.add("link", "error", times=2)  # the ticket is spent, the handshake refused
        socket.connect()
        assert eventually(lambda: not desk.workspace.faults.waiting)  # the SDK tries once more at once
        assert not socket.is_connected()
        assert socket.healthy()  # the SDK has its chance first
        socket.check()
        assert desk.calls("apps.connections.open") == 2
        desk.clock.advance(61)
        assert not socket.healthy()
        socket.check()
        assert socket.is_connected()
        assert socket.healthy()
        assert eventually(lambda: open_sockets(desk) == 1)
        assert desk.calls("apps.connections.open") == 3
        assert desk.workspace.command("U0DANA", INCIDENTS, "/incident list", wait=10)


def test_a_connection_that_works_is_left_alone_however_long(desk: Desk) -> None:
    with listening(desk) as socket:
        socket.connect()
        for _ in range(5):
            desk.clock.advance(50)
            socket.check()
        assert desk.calls("apps.connections.open") == 1


def test_closing_wins_against_the_sdk_that_is_just_connecting_anew(desk: Desk) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slowly(method: str) -> None:
        if method == "apps.connections.open":
            asked.set()
            answer.wait(10)

    with listening(desk) as socket:
        socket.connect()
        assert eventually(lambda: open_sockets(desk) == 1)
        assert socket.handler
        client = socket.handler.client
        desk.workspace.before_call = slowly
        desk.workspace.sockets.disconnect("warning")
        assert asked.wait(10)
        closing = threading.Thread(target=socket.close)
        closing.start()
        assert eventually(lambda: not client.is_connected())
        answer.set()  # and the SDK gets a new address while it is being closed
        closing.join(10)
    assert eventually(lambda: open_sockets(desk) == 0)


class Slowly(logging.Handler):
    """Keeps whoever says so waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.begins, self.go = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Starting to receive"):
            self.begins.set()
            self.go.wait(10)


@pytest.fixture
def slowly() -> Iterator[Slowly]:
    root, slowly = logging.getLogger(), Slowly()
    level = root.level
    root.addHandler(slowly)
    root.setLevel(logging.INFO)
    yield slowly
    root.setLevel(level)
    root.removeHandler(slowly)


def test_closing_wins_against_the_sdk_that_just_begins_to_read(desk: Desk, slowly: Slowly) -> None:
    """It says that it begins, and then takes back that it is to end."""
    with listening(desk) as socket:
        socket.connect()
        assert socket.handler
        state = socket.handler.client.current_session_state
        assert slowly.begins.wait(10)
        closing = threading.Thread(target=socket.close, daemon=True)
        closing.start()
        assert eventually(lambda: state.terminated)
        slowly.go.set()
        closing.join(10)
        assert not closing.is_alive()


def test_a_slack_that_is_away_at_the_start_is_waited_for(desk: Desk) -> None:
    with listening(desk) as socket:
        desk.workspace.faults.cut(True)
        socket.connect()
        assert not socket.healthy()
        with pytest.raises(ProviderError, match="cannot be reached"):
            socket.check()
        desk.workspace.faults.cut(False)
        socket.check()
        assert socket.healthy()


def test_once_closed_it_stays_closed(desk: Desk) -> None:
    with listening(desk) as socket:
        socket.connect()
        socket.close()
        desk.clock.advance(3_600)
        socket.check()
        assert desk.calls("apps.connections.open") == 1
        assert eventually(lambda: open_sockets(desk) == 0)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (BOT_TOKEN, "must be an app-level token"),
        ("", "must be an app-level token"),
        ("xapp-of-somebody-else", "SLACK_APP_TOKEN is not valid"),
    ],
)
def test_a_wrong_app_token_fails_at_once_with_what_to_do(desk: Desk, token: str, words: str) -> None:
    with listening(desk, token) as socket:
        with pytest.raises(ProviderError, match=words) as caught:
            socket.connect()
        assert caught.value.permanent
        assert token == "" or token not in str(caught.value)


# ---------------------------------------------------------------- who we are


def test_the_preflight_tells_who_we_are_and_what_we_may(desk: Desk) -> None:
    assert (desk.me.user, desk.me.bot, desk.me.team) == ("U0WATCH", "B0WATCH", "T0SHOP")
    assert desk.me.url == f"{desk.served.url}/"
    assert desk.me.scopes == desk.workspace.app.scopes


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("xoxb-of-somebody-else", "SLACK_BOT_TOKEN is not valid"),
        ("", "SLACK_BOT_TOKEN is empty"),
    ],
)
def test_a_wrong_bot_token_is_one_sentence(desk: Desk, token: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as caught:
        preflight(connect(token, f"{desk.served.url}/api/"))
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("fault", "permanent"),
    [
        ({"kind": "error", "error": "account_inactive"}, True),
        ({"kind": "error", "error": "internal_error"}, False),
        ({"kind": "ratelimited"}, False),
        ({"kind": "html500"}, False),
        ({"kind": "drop_before"}, False),
    ],
)
def test_only_what_a_person_must_mend_stops_the_start(desk: Desk, fault: dict[str, Any], permanent: bool) -> None:
    desk.workspace.faults.add("auth.test", **fault)
    with pytest.raises(ProviderError) as caught:
        preflight(desk.client)
    assert caught.value.permanent is permanent
