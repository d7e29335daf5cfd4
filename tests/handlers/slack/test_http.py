"""HTTP mode: the same listeners, behind Slack's signature."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from handlers.slack import bolt
from handlers.web import slack
from sandbox.slack.model import SIGNING_SECRET
from sandbox.slack.transport import HttpTransport
from tests.handlers.slack.desk import INCIDENTS, Desk, eventually, text_of


@contextmanager
def listening(desk: Desk, secret: str) -> Iterator[str]:
    """The address at which the bot hears Slack."""
    desk.workspace.courier.transports.clear()
    web = FastAPI()
    web.include_router(slack.router(bolt.build(desk.world, desk.client, desk.me, signing_secret=secret)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(web, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def sending(desk: Desk, url: str, secret: str = SIGNING_SECRET) -> Iterator[HttpTransport]:
    transport = HttpTransport(url, secret)
    desk.workspace.connect(transport)
    yield transport
    desk.workspace.disconnect(transport)
    transport.close()


def test_commands_and_events_come_in_over_http(desk: Desk) -> None:
    desk.open_incident()
    with listening(desk, SIGNING_SECRET) as url, sending(desk, url) as transport:
        assert transport.verify()
        [answer] = desk.workspace.command("U0DANA", INCIDENTS, "/incident note a & b <@U0BOB>", wait=5)
        assert "Noted" in text_of(answer)
        desk.workspace.post("U0DANA", INCIDENTS, "over http")
        assert eventually(lambda: desk.workspace.due() == [])  # acknowledged
    desk.settle()
    assert [m.text for m in desk.world.read(lambda tx: tx.messages("INC-7"))] == ["over http"]


def test_a_wrong_signature_is_refused_and_nothing_is_done(desk: Desk) -> None:
    with listening(desk, SIGNING_SECRET) as url:
        with sending(desk, url, "another secret") as transport:
            assert not transport.verify()
            [answer] = desk.workspace.command("U0DANA", INCIDENTS, "/incident declare free money")
            assert "failed with the error" in answer["text"]
        forged = {"x-slack-request-timestamp": "1", "x-slack-signature": "v0=0"}
        for headers in ({}, forged):
            body = "command=/incident&text=declare+free+money"
            kind = {"content-type": "application/x-www-form-urlencoded"}
            assert httpx.post(url, content=body, headers=headers | kind, trust_env=False).status_code == 401
    assert desk.world.read(lambda tx: tx.incidents()) == ()


@pytest.mark.parametrize("secret", ["", "guess"])
def test_without_a_signing_secret_http_is_closed(desk: Desk, secret: str) -> None:
    with listening(desk, "") as url, sending(desk, url, secret) as transport:
        assert not transport.verify()
