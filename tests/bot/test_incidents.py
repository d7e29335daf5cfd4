from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bot import declaring, incidents, roles, updates
from bot.commands import CALLED, COMMANDS, Ask, incident_id, person, unknown_verb
from bot.decision import CallResponders, DraftPostmortem, RemindUpdate, SendPost, TellResolved
from bot.errors import Refused
from bot.linting import Words
from bot.model import Assignment, Incident, Phase, Post, Role, Severity
from bot.policy import Policy, Service
from tests.values import NOON, incident, minutes

POLICY = Policy(services={"checkout": Service(name="checkout")}, broadcast=("#status-updates",))


def the(kind, decision):
    return [noun for noun in decision.save if isinstance(noun, kind)]


@pytest.mark.parametrize(
    ("text", "service", "severity", "title"),
    [
        ("checkout is down sev2", "checkout", Severity.SEV2, "checkout is down"),
        ("SEV-1 nothing works", "", Severity.SEV1, "nothing works"),
        ("prices look odd", "", Severity.SEV3, "prices look odd"),
        ("   sev4  ", "", Severity.SEV4, "Unnamed incident"),
    ],
)
def test_a_declaration_is_read_from_its_words(text, service, severity, title):
    what = declaring.parse(text, POLICY)
    assert (what.service, what.severity, what.title) == (service, severity, title)


def test_who_declares_commands():
    decision = declaring.declare(declaring.parse("checkout down", POLICY), (), 3, "U0DANA", POLICY, NOON)
    [lead] = the(Assignment, decision)
    assert (lead.role, lead.user) == (Role.COMMANDER, "U0DANA")
    assert [entry.text for entry in decision.note] == ["SEV3 declared: checkout down", "is commander"]
    assert "#inc-3-checkout" in str(decision.say)


def test_a_twin_is_asked_about_not_opened():
    what = declaring.parse("checkout down", POLICY)
    known = declaring.twin(what, (incident(channel="C1"),), ())
    with pytest.raises(Refused, match="Is it this again"):
        declaring.must_be_news(what, known)
    worse = declaring.parse("checkout down sev1", POLICY)
    with pytest.raises(Refused) as refused:
        declaring.must_be_news(worse, known)
    assert refused.value.instead == "/incident declare --new checkout down sev1"
    anyway = declaring.parse("--new checkout down", POLICY)
    assert declaring.twin(anyway, (incident(),), ()) is None
    [opened] = the(Incident, declaring.declare(anyway, (incident(),), 8, "U0DANA", POLICY, NOON))
    assert opened.group == ""


def test_channel_names_are_what_slack_takes():
    assert incidents.channel_name(incident(environment="staging")) == "inc-7-checkout-staging"
    assert incidents.channel_name(incident(service="Check Out/ünï")) == "inc-7-check-out-n"
    assert len(incidents.channel_name(incident(service="x" * 200))) <= 80
    assert incidents.channel_name(incident(service=""), "shop-") == "shop-inc-7-higherrorrate"


def test_a_worse_severity_brings_the_next_update_forward():
    before = incident(severity=Severity.SEV3, next_update_at=NOON + minutes(15))
    [after] = the(Incident, incidents.set_severity(before, "1 customers cannot pay", "U1", POLICY, NOON))
    assert after.next_update_at == NOON + minutes(10)


def test_a_promise_is_not_put_off_by_a_change_of_phase():
    before = incident(next_update_at=NOON + minutes(5))
    [after] = the(Incident, incidents.set_phase(before, "monitoring", "U1", POLICY, NOON))
    assert after.next_update_at == NOON + minutes(5)


@pytest.mark.parametrize("word", ["", "9", "sev9", "high", "1️⃣"])
def test_a_bad_severity_says_what_is_one(word):
    with pytest.raises(Refused) as refusal:
        incidents.set_severity(incident(), word, "U1", POLICY, NOON)
    assert refusal.value.instead == "/incident sev 2"


def test_what_was_no_incident_is_cancelled_without_a_postmortem():
    decision = incidents.cancel(incident(), "a test", "U0DANA", NOON)
    [ended] = the(Incident, decision)
    assert (ended.is_open, ended.cancelled) == (False, True)
    assert [entry.text for entry in decision.note] == [
        "investigating → resolved: cancelled, it was no incident (a test)"
    ]
    assert DraftPostmortem("INC-7") not in decision.do
    with pytest.raises(Refused, match="already cancelled"):
        incidents.cancel(ended, "", "U0DANA", NOON)


def test_what_is_reopened_is_an_incident_of_its_own_again():
    over = incident(phase=Phase.RESOLVED, resolved_at=NOON, merged_into="INC-3", cancelled=True)
    decision = incidents.reopened(over, "", (), POLICY, NOON, "U0DANA")
    [again] = the(Incident, decision)
    assert (again.is_open, again.merged_into, again.cancelled, again.group) == (True, "", False, over.group)
    assert [entry.text for entry in decision.note] == ["reopened"]
    assert CallResponders("INC-7") in decision.do
    assert (again.since, again.reopened_by) == (NOON, "U0DANA")
    [post] = the(Post, decision)
    assert post.text == "INC-7 is open again."
    with pytest.raises(Refused, match="is open"):
        incidents.reopened(incident(), "", (), POLICY, NOON, "U0DANA")


def test_the_alerts_stay_with_the_incident_that_has_taken_them_since():
    over, since = incident(phase=Phase.RESOLVED, resolved_at=NOON), incident(9)
    [again] = the(Incident, incidents.reopened(over, "not over", (since,), POLICY, NOON, "U0DANA"))
    assert again.group == ""


def test_the_impact_is_said_in_words():
    decision = incidents.impact(incident(), "one in <4> fails", "U0DANA", NOON)
    assert [noun.impact for noun in the(Incident, decision)] == ["one in <4> fails"]
    assert decision.say == "Impact of INC-7: one in &lt;4&gt; fails"
    for words in ("", "one in <4> fails"):
        with pytest.raises(Refused):
            incidents.impact(incident(impact="one in <4> fails"), words, "U0DANA", NOON)


def test_resolving_drafts_the_postmortem():
    decision = incidents.resolve(incident(), "rolled back", "U1", NOON + timedelta(hours=1, minutes=2))
    assert DraftPostmortem("INC-7") in decision.do
    assert TellResolved("INC-7") in decision.do
    [post] = the(Post, decision)
    assert "1 h 2 min" in post.text
    assert "rolled back" in post.text


RED = ("probe prices is red: “€” is not in it",)


@pytest.mark.parametrize("words", ["rolled back", "", "rolled back --anyway", "it was --anyways fine"])
def test_while_a_probe_is_red_resolving_asks_for_a_reason(words):
    with pytest.raises(Refused, match="INC-7 stays open") as refusal:
        incidents.resolve(incident(), words, "U1", NOON, RED)
    assert "probe prices is red" in refusal.value.why
    assert refusal.value.instead.endswith(" --anyway WHY")


@pytest.mark.parametrize("dash", ["--", "—"])  # Slack makes one of two on some keyboards
def test_a_reason_to_resolve_all_the_same_is_noted(dash):
    decision = incidents.resolve(incident(), f"Rolled back {dash}anyway the page has moved", "U1", NOON, RED)
    [after] = the(Incident, decision)
    assert after.summary == "Rolled back"
    assert [entry.text for entry in decision.note] == [
        "investigating → resolved: Rolled back",
        "resolved although probe prices is red: “€” is not in it: the page has moved",
    ]
    [post] = the(Post, decision)
    assert "although probe prices is red" in post.text


def test_without_doubts_a_reason_is_not_needed_and_not_noted():
    decision = incidents.resolve(incident(), "Rolled back --anyway it is fine", "U1", NOON)
    assert [entry.text for entry in decision.note] == ["investigating → resolved: Rolled back"]


def test_the_phase_is_no_way_round_the_question():
    with pytest.raises(Refused, match="stays open"):
        incidents.set_phase(incident(), "resolved", "U1", POLICY, NOON, RED)


def assigned(role=Role.COMMANDER, user="U0DANA"):
    return {role: Assignment(incident="INC-7", role=role, user=user, by="bot", at=NOON, version=1)}


def test_a_free_role_is_taken_by_asking():
    decision = roles.assign(incident(), "comms", {}, "U0BOB", POLICY, NOON)
    assert the(Assignment, decision)[0].user == "U0BOB"
    assert decision.note[0].whom == "U0BOB"


def test_a_held_role_is_not_taken_by_a_bystander():
    with pytest.raises(Refused, match="U0DANA"):
        roles.assign(incident(), "commander", assigned(), "U0BOB", POLICY, NOON)


def test_a_role_whose_holder_is_away_can_be_taken_and_everybody_is_told():
    decision = roles.assign(incident(), "commander --take", assigned(), "U0BOB", POLICY, NOON)
    assert the(Assignment, decision)[0].user == "U0BOB"
    [post] = the(Post, decision)
    assert post.text == "<@U0BOB> is now *Commander* of INC-7, after <@U0DANA>."
    assert SendPost(post.id) in decision.do


def test_who_is_given_a_role_is_told_and_who_takes_a_free_one_knows():
    given = roles.assign(incident(), "comms <@U0BOB>", {}, "U0DANA", POLICY, NOON)
    assert the(Post, given)[0].text == "<@U0BOB> is now *Comms lead* of INC-7 (<@U0DANA> said so)."
    assert not the(Post, roles.assign(incident(), "comms", {}, "U0BOB", POLICY, NOON))


def test_the_holder_hands_over():
    decision = roles.assign(incident(), "commander <@U0BOB|bob>", assigned(), "U0DANA", POLICY, NOON, handing_off=True)
    [assignment] = the(Assignment, decision)
    assert (assignment.user, assignment.version) == ("U0BOB", 1)
    assert decision.note[0].text == "takes over as commander"


def test_the_commander_reassigns_any_role():
    current = assigned() | assigned(Role.COMMS, "U0BOB")
    decision = roles.assign(incident(), "comms <@U0CAROL>", current, "U0DANA", POLICY, NOON)
    assert the(Assignment, decision)[0].user == "U0CAROL"


@pytest.mark.parametrize(("word", "id"), [("INC-7", "INC-7"), ("inc7", "INC-7"), ("7", "INC-7"), ("x7", None)])
def test_incident_ids_are_read_loosely(word, id):
    assert incident_id(word) == id


@pytest.mark.parametrize(("word", "id"), [("<@U123|dana>", "U123"), ("<@W1>", "W1"), ("U0DANA", "U0DANA")])
def test_people_are_read_from_mentions(word, id):
    assert person(word) == id


def test_a_name_is_not_a_person():
    with pytest.raises(Refused):
        person("@dana")


class IncidentLife(RuleBasedStateMachine):
    """Whatever responders type, in any order, the incident stays explainable."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.incident = NOON, incident(next_update_at=NOON + minutes(15))
        self.roles: dict[Role, Assignment] = {}
        self.changes = self.notes = 0
        self.reminders: list = []

    def follow(self, move, *args, **kwargs) -> None:
        self.now += minutes(1)
        try:
            decision = move(*args, now=self.now, **kwargs)
        except Refused:
            return
        for noun in decision.save:
            if isinstance(noun, Incident):
                self.changes += noun != self.incident
                self.incident = noun
            if isinstance(noun, Assignment):
                self.roles[noun.role] = noun
        self.notes += len(decision.note)
        self.reminders = [effect for effect in decision.do if isinstance(effect, RemindUpdate)] or self.reminders

    @rule(word=st.sampled_from([*Phase, "nonsense", ""]))
    def status(self, word):
        self.follow(incidents.set_phase, self.incident, word, by="U1", policy=POLICY)

    @rule(words=st.sampled_from(["1", "2 worse", "5", "sev3", "0", "none"]))
    def severity(self, words):
        self.follow(incidents.set_severity, self.incident, words, by="U1", policy=POLICY)

    @rule(text=st.text(max_size=20), next_in=st.sampled_from([None, 0, 10, 60]), phase=st.sampled_from(list(Phase)[:4]))
    def update(self, text, next_in, phase):
        self.follow(updates.publish, self.incident, Words(text=text), phase, next_in, by="U1", policy=POLICY)

    @rule(summary=st.sampled_from(["", "rolled back"]))
    def resolve(self, summary):
        self.follow(incidents.resolve, self.incident, summary, by="U1")

    @rule()
    def fires_again(self):
        if not self.incident.is_open:
            self.follow(incidents.reopen, self.incident, "it fired again", policy=POLICY)

    @rule(role=st.sampled_from(["commander", "comms", "cook", ""]), who=st.sampled_from(["", " <@U0BOB>", " bob"]))
    def role(self, role, who):
        self.follow(roles.assign, self.incident, role + who, self.roles, by="U0DANA", policy=POLICY)

    @rule()
    def slack_opens_the_channel(self):
        if not self.incident.channel:
            self.follow(incidents.channel_opened, self.incident, "C1", "inc-7-checkout")

    @invariant()
    def resolved_means_when(self):
        assert (self.incident.resolved_at is not None) == (self.incident.phase is Phase.RESOLVED)

    @invariant()
    def every_change_left_a_note(self):
        assert self.notes >= self.changes

    @invariant()
    def a_promise_has_a_reminder(self):
        if self.incident.is_open and self.incident.next_update_at and self.reminders:
            assert self.reminders[-1].due <= self.incident.next_update_at


TestIncidentLife = IncidentLife.TestCase


def test_a_missing_word_is_asked_for_and_not_quoted():
    with pytest.raises(Refused, match=r"^Say which severity: 1 is the worst"):
        incidents.set_severity(incident(), "", "U0DANA", POLICY, NOON)
    with pytest.raises(Refused, match=r"^Say which phase"):
        incidents.set_phase(incident(), "", "U0DANA", POLICY, NOON)
    with pytest.raises(Refused, match=r"^Say which role"):
        roles.parse_role("", POLICY)


@pytest.mark.parametrize(
    ("words", "severity", "why"),
    [("p1", 1, ""), ("sev 1 all fail", 1, " (all fail)"), ("SEV-3.", 3, ""), ("3: few see it", 3, " (few see it)")],
)
def test_a_severity_is_typed_as_people_write_it(words, severity, why):
    decision = incidents.set_severity(incident(), words, "U0DANA", POLICY, NOON)
    assert decision.note[0].text == f"severity SEV2 → SEV{severity}{why}"


def test_zero_is_the_worst_and_said_to_be_so():
    for words in ("0", "sev 0", "P0"):
        decision = incidents.set_severity(incident(), words, "U0DANA", POLICY, NOON)
        assert decision.note[0].text == "severity SEV2 → SEV1"
        assert decision.say == "INC-7 is now *SEV1*; 0 is read as the worst."


@pytest.mark.parametrize("words", ["", "9", "sev 9 x", "sev", "high", "12", "p"])
def test_what_is_no_severity_says_which_there_are(words):
    with pytest.raises(Refused, match="1 is the worst, 5 the mildest"):
        incidents.set_severity(incident(), words, "U0DANA", POLICY, NOON)


def test_a_phase_may_come_with_why_and_the_end_with_what_ended_it():
    decision = incidents.set_phase(incident(), "Monitoring looks good", "U0DANA", POLICY, NOON)
    assert decision.note[0].text == "investigating → monitoring: looks good"
    [over] = the(Incident, incidents.set_phase(incident(), "resolved rolled back", "U0DANA", POLICY, NOON))
    assert (over.phase, over.summary) == (Phase.RESOLVED, "rolled back")


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("monitor looks good", "/incident status monitoring looks good"),
        ("fix", "/incident status resolved"),
        ("fixed by <@U0BOB|bob>", "/incident status resolved by @bob"),
        ("", "/incident status monitoring"),
        ("purple", "/incident status monitoring"),
    ],
)
def test_a_phase_that_there_is_not_is_not_guessed(words, instead):
    with pytest.raises(Refused, match="investigating, identified, mitigating, monitoring, resolved") as refused:
        incidents.set_phase(incident(), words, "U0DANA", POLICY, NOON)
    assert refused.value.instead == instead


def test_what_ended_it_is_never_empty_where_somebody_said_why():
    with pytest.raises(Refused, match="stands why it is over"):
        incidents.resolve(incident(), "all is well --anyway", "U0DANA", NOON)
    for doubts in ((), ("a probe is red",)):
        [over] = the(Incident, incidents.resolve(incident(), "--anyway the page moves", "U0DANA", NOON, doubts))
        assert over.summary == "the page moves"


def test_what_others_call_a_verb_is_that_verb():
    for command, words in CALLED.items():
        assert not set(words) & set(COMMANDS[command])
        assert set(words.values()) <= set(COMMANDS[command])
    assert Ask(command="rollout", text="STOP checkout", by="U0DANA").split() == ("pause", "checkout")
    assert unknown_verb("incident", "inc-3").instead == "/incident show INC-3"
