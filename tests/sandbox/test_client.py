"""The page's API: what each person sees, what they can do, and word of every change."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from sandbox.clock import FrozenClock
from sandbox.server import Served, application, serve
from sandbox.slack.client import PAGE, page
from sandbox.slack.events import Ack, Delivery
from sandbox.slack.workspace import Workspace
from sandbox.world import Sandbox

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUTTON = {
    "type": "button",
    "action_id": "role.claim",
    "value": "INC-1|comms",
    "text": {"type": "plain_text", "text": "Take"},
}
CARD = [{"type": "actions", "block_id": "roles", "elements": [BUTTON]}]
FORM: dict[str, Any] = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Update"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "text",
            "label": {"type": "plain_text", "text": "Text"},
            "element": {"type": "plain_text_input", "action_id": "value"},
        }
    ],
}


class Page:
    """The page of one person, without its looks."""

    def __init__(self, url: str, user: str) -> None:
        self.http, self.user = httpx.Client(base_url=url, timeout=5, trust_env=False), user

    def sees(self, what: str, **args: Any) -> dict[str, Any]:
        answer = self.http.get(f"/client/{what}", params={"user": self.user, **args})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def does(self, what: str, **args: Any) -> httpx.Response:
        return self.http.post(f"/client/{what}", json={"user": self.user, **args})

    def room(self, name: str) -> dict[str, Any]:
        return next(one for one in self.sees("state")["channels"] if one["name"] == name)

    def texts(self, channel: str, **args: Any) -> list[str]:
        return [message["text"] for message in self.sees("channel", channel=channel, **args)["messages"]]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Sandbox, Served]]:
    world = Sandbox.build(FrozenClock(NOON))
    with serve(application(world)) as served:
        yield world, served


@pytest.fixture
def space(server: tuple[Sandbox, Served]) -> Iterator[Workspace]:
    """The workspace with nothing said yet and nobody connected."""
    workspace = server[0].workspace
    with workspace.lock:
        for channel in workspace.channels.values():
            channel.messages.clear()
            channel.pins.clear()
        workspace.whispers.clear()
        workspace.views.clear()
        workspace.courier.transports.clear()
        workspace.outgoing.clear()
    yield workspace
    workspace.faults.clear()


@pytest.fixture
def dana(server: tuple[Sandbox, Served]) -> Iterator[Page]:
    page = Page(server[1].url, "U0DANA")
    yield page
    page.http.close()


@pytest.fixture
def bob(server: tuple[Sandbox, Served]) -> Iterator[Page]:
    page = Page(server[1].url, "U0BOB")
    yield page
    page.http.close()


# ------------------------------------------------------------ the page itself


def test_the_page_and_its_parts_are_served_and_nothing_else(dana: Page) -> None:
    assert "<title>" in dana.http.get("/").text
    script = dana.http.get("/client/page/app.js")
    assert script.status_code == 200
    assert "javascript" in script.headers["content-type"]
    for other in ("client.py", "..%2fclient.py", "index.htm", "app.js.map"):
        assert dana.http.get(f"/client/page/{other}").status_code == 404


def test_every_part_that_a_script_or_the_page_names_is_served() -> None:
    named = re.compile(r'(?:from "\./|/client/page/)([^"]+)"')
    texts = [part.read_text() for part in PAGE.iterdir() if part.suffix in (".js", ".html")]
    parts = {name for text in texts for name in named.findall(text)}
    assert {"app.js", "blocks.js", "panel.js", "app.css"} <= parts
    assert [name for name in sorted(parts) if page(name).status_code != 200] == []


def test_a_permalink_leads_to_its_message_on_the_page(dana: Page, space: Workspace) -> None:
    ts = space.post("U0DANA", "C0GENERAL", "here")["ts"]
    link = space.permalink("C0GENERAL", ts).replace(space.web, "")
    assert dana.http.get(link).headers["location"] == f"/#/C0GENERAL//{ts}"


# ------------------------------------------------------------ what a person sees


def test_unread_marks_and_mentions_are_each_persons_own(dana: Page, bob: Page, space: Workspace) -> None:
    space.post("U0CAROL", "C0SUPPORT", "customers cannot pay")
    last = space.post("U0CAROL", "C0SUPPORT", "<@U0DANA> <!subteam^S0PAY> can you look?")["ts"]
    assert (dana.room("support")["unread"], dana.room("support")["mentions"]) == (2, 1)
    assert bob.room("support")["mentions"] == 1  # through his group

    dana.does("read", channel="C0SUPPORT", ts=last)
    assert (dana.room("support")["unread"], dana.room("support")["mentions"]) == (0, 0)
    assert bob.room("support")["unread"] == 2


def test_ones_own_words_and_lines_about_the_channel_are_not_unread(dana: Page, space: Workspace) -> None:
    space.post("U0DANA", "C0GENERAL", "mine")
    space.topic("U0BOB", "C0GENERAL", "news")
    assert dana.room("general")["unread"] == 0


def test_what_was_read_stays_read(dana: Page, space: Workspace) -> None:
    first = space.post("U0BOB", "C0DEPLOYS", "one")["ts"]
    second = space.post("U0BOB", "C0DEPLOYS", "two")["ts"]
    dana.does("read", channel="C0DEPLOYS", ts=second)
    dana.does("read", channel="C0DEPLOYS", ts=first)
    assert dana.room("deploys")["unread"] == 0


def test_a_long_channel_is_shown_from_its_end(dana: Page, space: Workspace) -> None:
    ts = [space.post("U0BOB", "C0GENERAL", f"line {n}")["ts"] for n in range(500)]
    seen = dana.sees("channel", channel="C0GENERAL", limit=200)
    assert [seen["messages"][0]["text"], seen["messages"][-1]["text"]] == ["line 300", "line 499"]
    assert seen["more"]
    assert dana.texts("C0GENERAL", limit=200, reach=ts[42])[0] == "line 42"
    assert not dana.sees("channel", channel="C0GENERAL", limit=500)["more"]


def test_replies_stand_in_their_thread_only(dana: Page, space: Workspace) -> None:
    top = space.post("U0BOB", "C0GENERAL", "top")["ts"]
    reply = space.post("U0ALICE", "C0GENERAL", "reply", top)["ts"]
    assert dana.texts("C0GENERAL") == ["top"]
    for ts in (top, reply):
        thread = dana.sees("thread", channel="C0GENERAL", ts=ts)
        assert [one["text"] for one in thread["messages"]] == ["top", "reply"]
    assert dana.sees("thread", channel="C0GENERAL", ts="1.000000")["messages"] == []


def test_an_ephemeral_message_is_seen_by_one_person_in_its_place(dana: Page, bob: Page, space: Workspace) -> None:
    space.post("U0BOB", "C0GENERAL", "before")
    space.call("chat.postEphemeral", channel="C0GENERAL", user="U0DANA", text="for you")
    space.post("U0BOB", "C0GENERAL", "after")
    assert dana.texts("C0GENERAL") == ["before", "for you", "after"]
    assert bob.texts("C0GENERAL") == ["before", "after"]


def test_a_private_channel_is_hidden_from_others(dana: Page, bob: Page, space: Workspace) -> None:
    secret = space.create("U0DANA", "secret-room", is_private=True).id
    assert dana.room("secret-room")["member"]
    assert secret not in [one["id"] for one in bob.sees("state")["channels"]]
    assert bob.http.get("/client/channel", params={"user": "U0BOB", "channel": secret}).status_code == 400


def test_pins_bookmarks_and_topic_come_with_the_channel(dana: Page, space: Workspace) -> None:
    ts = space.post("U0BOB", "C0GENERAL", "remember this")["ts"]
    dana.does("pin", channel="C0GENERAL", ts=ts)
    space.bookmark("U0BOB", "C0GENERAL", "Runbook", "https://wiki.example/runbook")
    seen = dana.sees("channel", channel="C0GENERAL")
    assert [(pin["by"], pin["message"]["text"]) for pin in seen["pins"]] == [("U0DANA", "remember this")]
    assert seen["bookmarks"][-1]["title"] == "Runbook"


def test_a_file_is_read_as_text(dana: Page, space: Workspace) -> None:
    made = json.loads(space.call("files.getUploadURLExternal", filename="note.md", length=6).body)
    space.upload(made["file_id"], "# Höhe".encode())
    assert dana.sees("file", file=made["file_id"]) == {"text": "# Höhe"}


# ------------------------------------------------------------ what a person does


def app_that(answers: dict[str, Ack], heard: list[Delivery]) -> Any:
    def deliver(delivery: Delivery) -> Ack:
        heard.append(delivery)
        return answers.get(delivery.payload.get("type", delivery.kind), Ack())

    return deliver


def test_a_command_is_answered_to_whoever_typed_it(dana: Page, bob: Page, space: Workspace) -> None:
    heard: list[Delivery] = []
    space.connect(app_that({"slash_commands": Ack({"text": "three are open"})}, heard))
    dana.does("command", channel="C0INCIDENTS", text="/incident list")
    assert heard[0].payload["text"] == "list"
    assert dana.texts("C0INCIDENTS") == ["three are open"]
    assert bob.texts("C0INCIDENTS") == []


def test_a_button_is_pressed_by_whoever_acts(dana: Page, bob: Page, space: Workspace) -> None:
    heard: list[Delivery] = []
    space.connect(app_that({}, heard))
    card = json.loads(space.call("chat.postMessage", channel="C0INCIDENTS", text="card", blocks=CARD).body)["ts"]
    assert (
        bob.does("press", channel="C0INCIDENTS", ts=card, action_id="role.claim", block_id="roles").status_code == 200
    )
    pressed = next(one.payload for one in heard if one.kind == "interactive")
    assert (pressed["user"]["id"], pressed["actions"][0]["value"]) == ("U0BOB", "INC-1|comms")


def test_a_modal_opens_shows_its_errors_and_closes(dana: Page, bob: Page, space: Workspace) -> None:
    heard: list[Delivery] = []
    answers = {"view_submission": Ack({"response_action": "errors", "errors": {"text": "Too short."}})}
    space.connect(app_that(answers, heard))
    dana.does("command", channel="C0INCIDENTS", text="/incident update")
    space.call("views.open", trigger_id=heard[-1].payload["trigger_id"], view=FORM)
    view = dana.sees("state")["views"][-1]["id"]
    assert bob.sees("state")["views"] == []

    assert dana.does("submit", view_id=view, values={"text": "x"}).json() == {"errors": {"text": "Too short."}}
    answers["view_submission"] = Ack()
    assert dana.does("submit", view_id=view, values={"text": "All is well."}).json() == {"errors": {}}
    assert heard[-1].payload["view"]["state"]["values"]["text"]["value"]["value"] == "All is well."
    assert dana.sees("state")["views"] == []


def test_looking_at_the_home_is_told_to_the_app_whose_view_is_shown(dana: Page, space: Workspace) -> None:
    heard: list[Delivery] = []
    space.connect(app_that({}, heard))
    dana.does("open_home")
    assert heard[-1].payload["event"]["type"] == "app_home_opened"
    space.call("views.publish", user_id="U0DANA", view={"type": "home", "blocks": CARD})
    assert dana.sees("home")["view"]["blocks"][0]["type"] == "actions"


def test_reactions_edits_and_deletions(dana: Page, bob: Page, space: Workspace) -> None:
    ts = dana.does("post", channel="C0GENERAL", text="helo").json()["ts"]
    bob.does("react", channel="C0GENERAL", ts=ts, name="eyes")
    dana.does("edit", channel="C0GENERAL", ts=ts, text="hello")
    shown = bob.sees("channel", channel="C0GENERAL")["messages"][0]
    assert (shown["text"], shown["reactions"][0]["users"]) == ("hello", ["U0BOB"])
    bob.does("unreact", channel="C0GENERAL", ts=ts, name="eyes")
    dana.does("delete", channel="C0GENERAL", ts=ts)
    assert bob.texts("C0GENERAL") == []


@pytest.mark.parametrize(
    ("what", "args", "says"),
    [
        ("post", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("post", {"channel": "C0GENERAL"}, "text is missing"),
        ("press", {"channel": "C0GENERAL", "ts": "1.0", "action_id": "x"}, "message_not_found"),
        ("submit", {"view_id": "V9", "values": {}}, "This form is not open any more."),
        ("post", {"user": "U0NOBODY", "channel": "C0GENERAL", "text": "x"}, "There is nobody called U0NOBODY."),
    ],
)
def test_what_cannot_be_done_says_why(dana: Page, space: Workspace, what: str, args: dict[str, Any], says: str) -> None:
    answer = dana.does(what, **args)
    assert (answer.status_code, answer.json()["error"]) == (400, says)


# ------------------------------------------------------------ when Slack is gone, and word of changes


def test_the_chat_is_out_of_reach_while_slack_is_cut_off_but_the_shop_is_not(dana: Page, space: Workspace) -> None:
    space.faults.cut(True)
    assert dana.does("post", channel="C0GENERAL", text="anyone?").status_code == 503
    assert dana.http.get("/client/state").status_code == 503
    assert dana.http.get("/").status_code == 200
    assert dana.http.get("/panel/state").json()["faults"]["slack_cut"] is True
    space.faults.cut(False)
    assert dana.texts("C0GENERAL") == []


def test_every_open_page_hears_of_a_change_and_of_the_cut(dana: Page, space: Workspace) -> None:
    url = f"{str(dana.http.base_url).replace('http', 'ws')}/client/events"
    with connect(url, proxy=None) as mine, connect(url, proxy=None) as other:
        assert [json.loads(one.recv(5))["notice"] for one in (mine, other)] == [0, 0]
        space.post("U0BOB", "C0GENERAL", "news")
        assert [json.loads(one.recv(5))["notice"] for one in (mine, other)] == [1, 1]
        space.faults.cut(True)
        assert json.loads(mine.recv(5))["notice"] == 2


def test_many_changes_at_once_are_one_notice(dana: Page, space: Workspace) -> None:
    url = f"{str(dana.http.base_url).replace('http', 'ws')}/client/events"
    with connect(url, proxy=None) as socket:
        socket.recv(5)
        for n in range(100):
            space.post("U0BOB", "C0GENERAL", f"alert {n}")
        last = max(json.loads(notice)["notice"] for notice in until_silent(socket))
        assert 1 <= last <= 10


def until_silent(socket: ClientConnection) -> Iterator[str | bytes]:
    with contextlib.suppress(TimeoutError):
        for _ in range(100):
            yield socket.recv(0.15)
