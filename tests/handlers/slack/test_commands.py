"""What people type is answered: always, in words, to them alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from slack_bolt import BoltRequest
from structlog.testing import capture_logs

from bot.decision import Decision
from bot.errors import NotYet, ProviderError, Refused
from handlers.manifest import manifest
from handlers.slack import bolt
from handlers.slack.answers import is_slack, typed
from handlers.slack.commands import demand_member
from handlers.world import Think, World
from sandbox.slack.model import Person
from storage.store import Busy, Job
from tests.handlers.slack.desk import INCIDENTS, Desk, text_of


@dataclass(frozen=True, kw_only=True)
class Failing(World):
    """A world in which nothing can be decided."""

    error: Exception

    def decide(self, think: Think, receipt: Job | None = None) -> Decision:
        raise self.error


def failing(desk: Desk, error: Exception) -> None:
    same = {field.name: getattr(desk.world, field.name) for field in fields(World)}
    desk.listening(Failing(**same, error=error))


def typed_by(desk: Desk, line: str, user: str = "U0DANA", channel: str = INCIDENTS) -> str:
    answers = desk.workspace.command(user, channel, line)
    assert len(answers) == 1, answers
    assert answers[0]["is_ephemeral"]
    return text_of(answers[0])


@dataclass(frozen=True, kw_only=True)
class Slow(World):
    """A world in which deciding takes as long as it is made to."""

    go: threading.Event

    def decide(self, think: Think, receipt: Job | None = None) -> Decision:
        self.go.wait(30)
        return Decision()


def test_many_people_who_type_at_once_are_all_heard_within_slacks_three_seconds(desk: Desk) -> None:
    go, same = threading.Event(), {field.name: getattr(desk.world, field.name) for field in fields(World)}
    app = bolt.build(Slow(**same, go=go), desk.client, desk.me)
    line = {"command": "/incident", "text": "declare checkout is down", "user_id": "U0DANA", "team_id": "T0SHOP"}

    def type_(number: int) -> int:
        return app.dispatch(BoltRequest(mode="socket_mode", body={**line, "trigger_id": str(number)})).status

    with ThreadPoolExecutor(20) as people:
        heard = list(people.map(type_, range(20)))  # none is done yet, and Bolt's own pool would hear five
        go.set()
    app.listener_runner.listener_executor.shutdown()
    assert heard == [200] * 20


def test_an_answer_is_for_the_one_who_asked(desk: Desk) -> None:
    assert "/incident declare" in typed_by(desk, "/incident help")
    assert desk.workspace.messages(INCIDENTS) == []
    assert desk.calls("chat.postEphemeral") == 0  # the response_url needs no membership


def test_a_mention_arrives_as_an_id_and_text_as_it_was_typed(desk: Desk) -> None:
    desk.open_incident()
    assert "<@U0BOB> is now" in typed_by(desk, "/incident role comms @bob")
    typed_by(desk, "/incident note a < b && c > d, says @alice")
    [*_, entry] = desk.world.read(lambda tx: tx.entries("INC-7"))
    assert entry.text == "a < b && c > d, says <@U0ALICE|alice>"


def test_an_unknown_verb_is_refused_with_the_nearest_one(desk: Desk) -> None:
    assert ":no_entry: I do not know `declair`. Try `/incident declare`." in typed_by(desk, "/incident declair x")


def test_what_is_suggested_has_the_name_that_the_command_has_here(desk: Desk) -> None:
    desk.world = replace(desk.world, commands={"incident": "/inc", "rollout": "/ship"})
    desk.workspace.install(manifest(desk.world.commands))
    desk.listening(desk.world)
    assert "Try `/inc declare`." in typed_by(desk, "/inc declair x")


def test_a_suggestion_cannot_break_out_of_its_code() -> None:
    assert typed("/incident declare `rm` *x*", {"incident": "/inc"}) == "/inc declare 'rm' *x*"


def test_a_bug_is_told_with_the_reference_that_is_in_the_log(desk: Desk) -> None:
    failing(desk, RuntimeError("the cache is on fire"))
    with capture_logs() as logs:
        said = typed_by(desk, "/incident declare checkout is down")
    [entry] = [log for log in logs if log["event"] == "a command failed"]
    assert f"Reference `{entry['reference']}`" in said
    assert entry["exc_info"]
    assert "fire" not in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Busy("the disk is full"), "I could not save that; nothing was changed."),
        (NotYet(4.2, "slow down"), "nothing was changed: please ask again in 4 s"),
        (ProviderError("Argo", "no answer", unknown=True), "Argo: no answer. It may have happened all the same"),
        (ProviderError("Argo", "no answer"), "Argo: no answer. Nothing was changed. Please try again."),
        (ProviderError("Argo", "forbidden", permanent=True), "Nothing was changed. Asking again will not help"),
    ],
)
def test_a_failure_says_what_was_and_was_not_changed(desk: Desk, error: Exception, words: str) -> None:
    failing(desk, error)
    assert words in typed_by(desk, "/incident declare checkout is down")


def test_a_form_opens_instead_of_an_answer(desk: Desk) -> None:
    assert desk.workspace.command("U0DANA", INCIDENTS, "/incident declare") == []
    [view] = desk.workspace.views["U0DANA"]
    assert view["callback_id"] == "incident.declare"


def test_a_form_that_comes_too_late_is_said_to(desk: Desk) -> None:
    desk.workspace.faults.add("views.open", "error", error="expired_trigger_id")
    assert "within 3 seconds" in typed_by(desk, "/incident declare")
    assert "U0DANA" not in desk.workspace.views
    assert desk.calls("views.open") == 1  # a trigger is good for one view


@pytest.mark.parametrize("fault", ["html500", "http", "drop_before"])
def test_where_the_response_url_fails_the_answer_comes_another_way(desk: Desk, fault: Any) -> None:
    desk.workspace.faults.add("response_url", fault)
    desk.workspace.command("U0DANA", INCIDENTS, "/incident list")
    assert desk.calls("chat.postEphemeral") == 1
    assert desk.said_to("U0DANA")


def test_where_no_answer_can_be_given_the_log_has_it_and_bolt_hears_nothing(desk: Desk) -> None:
    desk.workspace.faults.add("response_url", "http")
    desk.workspace.faults.add("chat.postEphemeral", "error", error="user_not_in_channel")
    with capture_logs() as logs:
        assert desk.workspace.command("U0DANA", INCIDENTS, "/incident list") == []
    assert "answer not delivered" in [log["event"] for log in logs]


@pytest.mark.parametrize("team", ["T0OTHER", "T0SHOP"])
def test_guests_and_people_of_other_organisations_are_refused(desk: Desk, team: str) -> None:
    desk.workspace.people["U0GUEST"] = Person("U0GUEST", "guest", "Guest", team=team, is_restricted=team == "T0SHOP")
    desk.workspace.channels[INCIDENTS].members.append("U0GUEST")
    assert "Only members of this workspace" in typed_by(desk, "/incident declare free money", "U0GUEST")
    assert desk.world.read(lambda tx: tx.incidents()) == ()


def test_another_organisation_is_refused_also_while_slack_says_nothing_of_its_people(desk: Desk) -> None:
    desk.workspace.faults.add("users.info", "error", times=9)
    assert not desk.me.is_home("T0OTHER")
    with pytest.raises(Refused):
        demand_member(desk.world, desk.me, "U0GUEST", "T0OTHER")
    demand_member(desk.world, desk.me, "U0DANA", "T0SHOP")


def test_while_slack_does_not_say_who_somebody_is_members_can_act(desk: Desk) -> None:
    desk.workspace.faults.add("users.info", "ratelimited")
    assert "INC-1" in typed_by(desk, "/incident declare checkout is down")


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://hooks.slack.com/commands/T1/2/3", True),
        ("https://rilke.slack.com/commands/1", True),
        ("https://hooks.slack-gov.com/commands/1", True),
        ("http://127.0.0.1:5000/respond/1", True),
        ("http://hooks.slack.com/commands/T1/2/3", False),
        ("https://slack.com.evil.example/", False),
        ("https://evilslack.com/", False),
        ("http://127.0.0.1:5001/respond/1", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_an_answer_goes_to_slack_only(url: str, ours: bool) -> None:
    assert is_slack(url, "http://127.0.0.1:5000/api/") is ours
