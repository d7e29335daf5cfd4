"""The workspace on the wire: Slack's own SDK and Bolt against it, unchanged, over Socket Mode and HTTP."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.error import URLError

import httpx
import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clock import Clock, FrozenClock
from sandbox.server import Served, application, serve, slack_app
from sandbox.slack.model import APP_TOKEN
from sandbox.slack.transport import HttpTransport
from sandbox.slack.workspace import Workspace
from sandbox.world import Sandbox
from tests.sandbox.bolt import bolt, client, direct, take_the_rest

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
INCIDENTS = "C0INCIDENTS"
LOST = (URLError, http.client.HTTPException, ConnectionError)
PLAIN: Any = {"trust_env": False, "verify": False}  # whom to trust, where nothing is encrypted, need not be read


@pytest.fixture
def space() -> Workspace:
    return Workspace(FrozenClock(NOON))


@pytest.fixture
def served(space: Workspace) -> Iterator[Served]:
    with serve(slack_app(space)) as running:
        yield running


@pytest.fixture
def web(served: Served) -> WebClient:
    return client(served.url)


@contextmanager
def socket_mode(space: Workspace, app: App) -> Iterator[SocketModeHandler]:
    url = space.url
    handler = SocketModeHandler(app, APP_TOKEN, web_client=client(url, APP_TOKEN), ping_interval=0.1)
    handler.client.connect()
    try:
        yield handler
    finally:
        handler.client.auto_reconnect_enabled = False
        space.sockets.drop()  # it waits seconds for a frame before it closes, but not on a broken connection
        handler.close()


# ------------------------------------------------------------ HTTP


def test_the_sdk_calls_by_form_by_json_and_with_a_query(web: WebClient, served: Served) -> None:
    made = web.conversations_create(name="inc-1")["channel"]
    web.conversations_invite(channel=made["id"], users=["U0DANA", "U0BOB"])
    sent = web.chat_postMessage(channel=made["id"], text="hi", blocks=[{"type": "divider"}])
    assert web.conversations_history(channel=made["id"], limit=1, inclusive=True)["messages"][0]["ts"] == sent["ts"]
    headers = {"authorization": f"Bearer {web.token}"}
    got = httpx.get(f"{served.url}/api/users.info?user=U0DANA", headers=headers, **PLAIN)
    assert got.json()["user"]["name"] == "dana"
    assert got.headers["x-slack-req-id"]
    assert got.headers["content-type"] == "application/json; charset=utf-8"


def test_an_error_reaches_the_sdk_with_all_that_it_says(web: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        web.chat_postMessage(channel=INCIDENTS, text="x", blocks=[{"type": "header"}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert "missing required field: text" in caught.value.response["response_metadata"]["messages"][0]


def test_a_limit_has_its_status_and_its_header(web: WebClient, space: Workspace) -> None:
    space.faults.add("auth.test", "ratelimited", retry_after=9)
    with pytest.raises(SlackApiError) as caught:
        web.auth_test()
    assert caught.value.response.status_code == 429
    assert {key.lower(): value for key, value in caught.value.response.headers.items()}["retry-after"] == "9"


def test_a_lost_answer_is_a_closed_connection_and_the_message_is_there(web: WebClient, space: Workspace) -> None:
    space.faults.add("chat.postMessage", "drop_after")
    with pytest.raises(LOST):
        web.chat_postMessage(channel=INCIDENTS, text="once")
    web.chat_postMessage(channel=INCIDENTS, text="twice")
    assert [message["text"] for message in space.messages(INCIDENTS)] == ["once", "twice"]


def test_when_slack_is_cut_off_nobody_answers_and_nothing_is_done(
    web: WebClient, served: Served, space: Workspace
) -> None:
    def switch(**asked: bool) -> dict[str, Any]:
        return dict(httpx.post(f"{served.url}/faults", json=asked, **PLAIN).json())

    assert switch(cut=True)["cut"]
    with pytest.raises(LOST):
        web.chat_postMessage(channel=INCIDENTS, text="into the void")
    assert not switch(cut=False)["cut"]
    assert web.auth_test()["ok"]
    assert space.messages(INCIDENTS) == []


def test_faults_can_be_asked_for_over_http(web: WebClient, served: Served) -> None:
    url = f"{served.url}/faults"
    httpx.post(url, json={"method": "auth.*", "kind": "error", "error": "fatal_error"}, **PLAIN)
    with pytest.raises(SlackApiError, match="fatal_error"):
        web.auth_test()
    assert httpx.post(url, json={"method": "x", "kind": "gremlins"}, **PLAIN).status_code == 400
    httpx.post(url, json={"method": "*", "kind": "html500"}, **PLAIN)
    assert len(httpx.get(url, **PLAIN).json()["faults"]) == 1
    httpx.delete(url, **PLAIN)
    assert web.auth_test()["ok"]


def test_a_hanging_call_ends_when_the_fault_is_taken_away(web: WebClient, space: Workspace) -> None:
    space.faults.add("auth.test", "hang")
    seen: list[BaseException] = []

    def call() -> None:
        try:
            web.auth_test()
        except LOST as error:
            seen.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert space.until(lambda: not space.faults.waiting)
    space.faults.clear()
    thread.join(5)
    assert len(seen) == 1


def test_a_file_goes_up_in_three_steps_and_comes_down(web: WebClient, served: Served, space: Workspace) -> None:
    web.files_upload_v2(channel=INCIDENTS, filename="INC-1.md", title="Postmortem", content="# Why\n<script>")
    shown = space.messages(INCIDENTS)[0]["files"][0]
    got = httpx.get(shown["url_private_download"], **PLAIN)
    assert got.text == "# Why\n<script>"
    assert got.headers["content-type"].startswith("text/markdown")
    assert httpx.get(f"{served.url}/files/F9999/x", **PLAIN).status_code == 404


def test_a_response_url_says_why_it_does_not_work(served: Served) -> None:
    gone = httpx.post(f"{served.url}/respond/nonsense", json={"text": "x"}, **PLAIN)
    assert (gone.status_code, gone.text) == (404, "invalid_url")


# ------------------------------------------------------------ Bolt


def listening(url: str) -> App:
    """An app that answers a command at once and later, opens a modal from a button, and keeps what it hears."""
    app = bolt(url)

    @app.command("/incident")
    def incident(ack: Any, respond: Any, command: Any) -> None:
        ack()
        respond(f"you said {command['text']}")

    @app.action("more")
    def more(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        title = {"type": "plain_text", "text": "More"}
        element = {"type": "plain_text_input", "action_id": "typed"}
        block = {"type": "input", "block_id": "why", "label": title, "element": element}
        view = {"type": "modal", "callback_id": "why", "title": title, "submit": title, "blocks": [block]}
        client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("why")
    def why(ack: Any, view: Any) -> None:
        said = view["state"]["values"]["why"]["typed"]["value"]
        if len(said) < 3:
            ack(response_action="errors", errors={"why": "Longer, please."})
        else:
            ack()

    @app.event("message")
    def message(event: Any, say: Any) -> None:
        say(f"heard {event['text']}", thread_ts=event["ts"])

    take_the_rest(app)
    return app


def converses(space: Workspace, web: WebClient) -> None:
    """A command, a button with a modal, and a message, all answered by Bolt."""
    shown = space.command("U0DANA", INCIDENTS, "/incident hello @bob", wait=5)
    assert [one["text"] for one in shown] == ["you said hello <@U0BOB|bob>"]
    button = {"type": "button", "action_id": "more", "text": {"type": "plain_text", "text": "More"}}
    ts = web.chat_postMessage(channel=INCIDENTS, text="card", blocks=[{"type": "actions", "elements": [button]}])["ts"]
    space.press("U0DANA", INCIDENTS, ts, "more")
    assert space.until(lambda: bool(space.views.get("U0DANA")))
    view = space.views["U0DANA"][-1]["id"]
    assert space.submit("U0DANA", view, {"why": "no"}) == {"why": "Longer, please."}
    assert space.submit("U0DANA", view, {"why": "because"}) == {}
    said = space.post("U0DANA", INCIDENTS, "errors")
    assert space.until(lambda: len(space.messages(INCIDENTS, said["ts"])) == 2)
    assert space.messages(INCIDENTS, said["ts"])[1]["text"] == "heard errors"


def test_bolt_in_this_process(space: Workspace, served: Served, web: WebClient) -> None:
    space.connect(direct(listening(served.url)))
    converses(space, web)


def test_bolt_over_socket_mode(space: Workspace, served: Served, web: WebClient) -> None:
    with socket_mode(space, listening(served.url)):
        assert space.until(lambda: len(space.sockets) == 1)
        converses(space, web)
        assert space.until(lambda: not space.due())  # every event was acknowledged


def test_socket_mode_goes_on_after_slack_asks_for_a_new_connection(space: Workspace, served: Served) -> None:
    with socket_mode(space, listening(served.url)):
        for end in (lambda: space.sockets.disconnect("refresh_requested"), space.sockets.drop):
            assert space.until(lambda: bool(space.sockets.open))
            old = space.sockets.open[0]
            end()
            assert space.until(lambda old=old: bool(space.sockets.open) and old not in space.sockets.open)  # type: ignore[misc]
            # The SDK may let go of what it has only just opened, and what came in there is lost; people type again.
            assert any(hears_again(space) for _ in range(3))


def hears_again(space: Workspace) -> bool:
    return bool(space.command("U0DANA", INCIDENTS, "/incident again", wait=5)[0]["text"] == "you said again")


def test_a_ticket_lets_one_socket_in(space: Workspace, served: Served) -> None:
    url = client(served.url, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN)["url"]
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    def knock() -> int:
        address = url.replace("ws://", "http://")
        with httpx.Client(**PLAIN) as http, http.stream("GET", address, headers=upgrade) as answer:
            return answer.status_code

    assert [knock(), knock()] == [101, 403]


@contextmanager
def http_mode(app: App) -> Iterator[str]:
    """The app behind an address of its own, as Slack calls it."""
    handler = SlackRequestHandler(app)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    made = Starlette(routes=[Route("/slack/events", events, methods=["POST"])])
    made.state.workspace, made.state.chores = Workspace(Clock()), ()
    with serve(made) as running:
        yield f"{running.url}/slack/events"


def test_bolt_over_signed_http(space: Workspace, served: Served, web: WebClient) -> None:
    with http_mode(listening(served.url)) as url:
        transport = HttpTransport(url)
        try:
            assert transport.verify()
            space.connect(transport)
            converses(space, web)
        finally:
            transport.close()


def test_a_wrong_signature_is_not_taken(space: Workspace, served: Served) -> None:
    with http_mode(listening(served.url)) as url:
        transport = HttpTransport(url, "another-secret")
        try:
            space.connect(transport)
            shown = space.command("U0DANA", INCIDENTS, "/incident hello")
        finally:
            transport.close()
    assert [one["text"] for one in shown] == ['/incident failed with the error "dispatch_failed"']


# ------------------------------------------------------------ all on one port


def test_one_port_serves_the_whole_world() -> None:
    world = Sandbox.build(FrozenClock(NOON))
    with serve(application(world)) as running, httpx.Client(base_url=running.url, **PLAIN) as http:
        paths = (
            "/",
            "/panel/state",
            "/cluster/version",
            "/prometheus/api/v1/status/buildinfo",
            "/shop/metrics",
            "/faults",
        )
        assert {path: http.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
        assert http.post("/api/auth.test").json() == {"ok": False, "error": "not_authed"}


def test_a_taken_port_is_an_error_at_once(served: Served, space: Workspace) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(slack_app(space), int(served.url.rsplit(":", 1)[1]))


def test_stopping_leaves_no_thread_behind(space: Workspace) -> None:
    running = serve(slack_app(space))
    with socket_mode(space, listening(running.url)):
        space.until(lambda: len(space.sockets) == 1)
        running.close()
        assert not running.thread.is_alive()
