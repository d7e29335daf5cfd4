"""What does not belong here: one clear sentence, nothing stored, nobody pinged, no secret told."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from sandbox.slack.workspace import APP_TOKEN, BOT_TOKEN
from tests.story import API_TOKEN, BOB, CAROL, TOKEN, Story, flat

pytestmark = pytest.mark.usefixtures("quietly")

DEPLOY = b'{"service":"checkout","version":"v42","status":"started"}'


@pytest.fixture(scope="module")
def still(lasting: Callable[[], Story]) -> Story:
    """Where nothing has happened."""
    return lasting()


@pytest.fixture(scope="module")
def hurt(lasting: Callable[[], Story]) -> Story:
    story = lasting()
    story.ships("v42")
    story.alert()
    return story


def nothing(story: Story) -> bool:
    """No incident, no change, no line on any timeline."""
    alert = story.store.read(lambda tx: tx.alerts(""))
    changes = story.store.read(lambda tx: tx.changes(story.clock.now().replace(year=2000), story.clock.now()))
    return not (story.incidents or alert or changes or story.channels)


@pytest.mark.parametrize(
    ("sender", "body", "token", "status", "words"),
    [
        ("alertmanager", b"{", TOKEN, 400, "not JSON"),
        ("alertmanager", b"\xff\xfe", TOKEN, 400, "not UTF-8"),
        ("alertmanager", b"[" * 100_000, TOKEN, 400, ""),
        ("alertmanager", b'{"version":"4"}', TOKEN, 400, "alerts"),
        ("alertmanager", b"[]", TOKEN, 400, ""),
        ("alertmanager", b"", TOKEN, 400, "not JSON"),
        ("deploys", b'{"service":"checkout","status":"sort of"}', TOKEN, 400, "status"),
        ("deploys", b'{"status":"started"}', TOKEN, 400, "service"),
        ("deploys", b"null", TOKEN, 400, "write an object"),
        ("", DEPLOY, TOKEN, 404, "There is nothing at /hooks/"),
        ("deploys/", DEPLOY, TOKEN, 404, "There is nothing at /hooks/deploys/"),
        ("deploys?dry_run=perhaps", DEPLOY, TOKEN, 422, "dry_run: input should be a valid boolean"),
        ("deploys", DEPLOY, "wrong", 401, "token"),
        ("deploys", DEPLOY, "", 401, "token"),
        ("deploy", DEPLOY, TOKEN, 404, "/hooks/deploys"),
        ("teapot", DEPLOY, TOKEN, 404, "Known: alertmanager, "),
    ],
)
def test_a_delivery_that_cannot_be_taken_is_one_sentence(
    still: Story, sender: str, body: bytes, token: str, status: int, words: str
) -> None:
    answer = still.knock(sender, body, token)
    assert answer.status_code == status
    said = answer.json()["detail"]
    assert "Nothing was stored" in said or (status == 400 and "No alert or change was stored" in said)
    assert words in said
    assert len(said) < 300
    assert TOKEN not in said
    assert nothing(still)


def test_a_method_that_an_address_does_not_take_is_one_sentence(still: Story) -> None:
    answer = still.http.get("/hooks/deploys", headers=still.bearer())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT")
    assert answer.json()["detail"] == "/hooks/deploys takes POST and PUT only; see /docs. Nothing was stored."


def test_a_dry_run_answers_what_was_understood_and_stores_nothing(still: Story) -> None:
    body = json.dumps(still.alertmanager("CheckoutSlow", "checkout")).encode()
    answer = still.knock("alertmanager", body, query="?dry_run=1")
    still.settle()
    (alert,) = answer.json()
    assert answer.status_code == 200
    assert (alert["kind"], alert["title"], alert["service"]) == ("alert", "CheckoutSlow", "checkout")
    assert nothing(still)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/rollout rollback chekout", "/rollout rollback checkout"),
        ("/rollout rollback warehouse", "I know no service `warehouse`"),
        ("/rollout rolback checkout", "/rollout rollback"),
        ("/incident resolv", "/incident resolve"),
        ("/incident sev 9", "not a severity"),
        ("/incident status fine", "not a phase"),
        ("/incident role king", "not a role"),
        ("/incident role ops somebody", "I do not know who"),
        ("/incident show INC-99", "INC-99"),
        ("/incident note", "needs words"),
        ("/rollout confirm INC-1/rollback/checkout/9", "I know of no request"),
        ("/rollout rollback checkout --to nowhere", "nowhere"),
        ("/rollout promote checkout now", "did not understand"),
    ],
)
def test_a_line_that_cannot_be_done_is_one_sentence_and_changes_nothing(hurt: Story, line: str, words: str) -> None:
    before, patches = hurt.timeline, hurt.patches
    said = hurt.types(line)
    assert said.startswith(":no_entry:")
    assert words in said
    assert "\n" not in said
    assert hurt.timeline == before
    assert hurt.patches == patches


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("/incident sev INC-1", "/incident sev INC-1 2"),
        ("/incident status INC-1 fine", "/incident status INC-1 monitoring"),
        ("/incident role inc-1 king", "/incident role INC-1 commander|"),
        ("/incident note INC-1", "/incident note INC-1 restarted the cache"),
        ("/incident show banana", "/incident show INC-1`."),
        ("/rollout rollback payments", "/incident declare payments"),
    ],
)
def test_what_to_type_instead_can_be_typed_where_one_is(hurt: Story, line: str, instead: str) -> None:
    assert instead in hurt.types(line, by=CAROL, channel="C0SUPPORT")


HOSTILE = {
    "channel": "<!channel> <!here> <!everyone> @channel @here",
    "person": f"<@{BOB}> look <https://evil.example|https://shop.example>",
    "fence": "``` *bold* _it_ ~gone~ ```` ``` > quote",
    "long": "x" * 10_000,
    "wide": "😀" * 4_000,
    "hidden": "a\u200b\u200b\u202edesrever\u202c\u2066\u2069\ufeff b\x07\x1b[31m",
    "lines": "one\ntwo\r\nthree\u2028four",
    "markup": "&amp;lt;!channel&gt; &lt;!here&gt;",
}


def everything(story: Story) -> list[dict[str, Any]]:
    return [m for c in story.slack.channels.values() for m in c.messages.values() if m.get("bot_id")]


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE.keys())
def test_foreign_words_stay_words_wherever_they_go(story: Story, words: str) -> None:
    story.ships(words[:200].replace("\n", " "))
    story.alert(words)
    story.types("/incident update " + words)
    story.types("/incident note " + words)
    story.types("/incident timeline")
    story.types("/incident list")
    story.types("/incident resolve " + words)
    assert not story.incident.is_open
    assert story.dead == []
    shown = everything(story)
    assert {"C0INCIDENTS", "C0STATUS", "C0SUPPORT", story.channel} <= {
        c.id for c in story.slack.channels.values() if any(m.get("bot_id") for m in c.messages.values())
    }
    for message in shown:
        text = flat(message) + str(message.get("text"))
        for ping in ("<!channel", "<!here", "<!everyone", "<https://evil.example|", f"<@{BOB}> look"):
            assert ping not in text, message
    assert any("INC-1-postmortem.md" in flat(m) for m in shown)


def secrets() -> list[str]:
    return [BOT_TOKEN, APP_TOKEN, TOKEN, API_TOKEN]


def test_no_token_is_in_a_message_a_log_line_or_an_entry(story: Story) -> None:
    with capture_logs() as lines:
        story.slack.faults.add("chat.postMessage", "drop_after")
        story.slack.faults.add("conversations.invite", "html500")
        story.slack.faults.add("bookmarks.add", "error", error="invalid_auth")
        story.alert()
        story.knock("alertmanager", b"{", TOKEN)
        story.knock("alertmanager", b"{}", TOKEN + "x")
        story.types("/incident resolve Rolled back")
    draft = story.store.read(lambda tx: tx.postmortem("INC-1"))
    assert lines, "there was something to log"
    assert story.dead, "there was something to give up"
    told = json.dumps([everything(story), lines, story.timeline, story.dead, draft and draft.markdown], default=repr)
    for secret in secrets():
        assert secret not in told


@pytest.mark.parametrize(
    "line",
    [
        "/incident resolve not yet", "/incident status resolved not sure", "/incident close the poll",
        "/incident cancel page",
        "/incident sev 4 INC-9", "/incident status monitoring INC-9", "/incident update cancel", "/incident page stop",
        "/incident poll end", "/incident task list", "/incident task close 1", "/incident declare stop",
    ],
)  # fmt: skip
def test_what_is_meant_for_something_else_neither_ends_nor_publishes_nor_pages(hurt: Story, line: str) -> None:
    before, asked = hurt.timeline, hurt.incident
    assert "Try `/incident " in hurt.types(line)
    assert (hurt.timeline, hurt.incident, len(hurt.incidents)) == (before, asked, 1)


@pytest.mark.parametrize("word", ["help", "--help", "-h", "?"])
def test_whoever_asks_a_verb_for_help_is_helped(hurt: Story, word: str) -> None:
    before = hurt.timeline
    assert "/incident resolve" in hurt.types(f"/incident resolve {word}")
    assert "Back to the stable version" in hurt.types(f"/rollout rollback {word}")
    assert "*What you need now*" in hurt.types(f"/incident {word}")
    assert hurt.timeline == before


def test_elsewhere_the_line_to_paste_names_the_incident_that_was_typed(hurt: Story) -> None:
    assert "`/incident sev INC-9 1`" in hurt.types("/incident sev 1 INC-9", channel="C0GENERAL")
