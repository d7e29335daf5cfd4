"""Whatever responders type, press and submit in a live story: they get an answer, and what is remembered holds."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from bot.commands import COMMANDS
from bot.intents import UNDER_WAY
from bot.model import Entry, Phase, Request, Severity, Verb, Vote
from bot.policy import Rule
from bot.positions import POSITIONS
from storage.reads import Tx
from storage.rows import table
from tests.conftest import Tell
from tests.story import ALICE, BOB, CAROL, DANA, SHOP, flat

NONSENSE = [
    "",
    " ",
    "-",
    "--",
    "--to",
    "<@U0NOBODY>",
    "<@",
    "`",
    "*_~",
    "<!channel>",
    "\u200b",
    "💥" * 50,
    "%s {0} \\",
    "INC-0",
    "--break-glass",
]
REQUESTS = [f"INC-1/{verb}/{service}/{n}" for verb in Verb for service in ("checkout", "payments") for n in (1, 2, 3)]
# Some may alone, some have to ask, and some have to type as well.
CONSENT = (
    Rule(verbs=frozenset({Verb.ROLLBACK}), approvals=1, typed=False),
    Rule(verbs=frozenset({Verb.RESUME}), approvals=1, typed=True),
    Rule(approvals=0, typed=True),
)
WORDS = st.one_of(
    st.sampled_from(NONSENSE),
    st.sampled_from([*POSITIONS, *Phase, *Verb, *(str(int(s)) for s in Severity), "sev2", "sev9"]),
    st.sampled_from(["checkout", "payments", "chekout", "warehouse", "INC-1", "INC-2", "inc1", "1", "INC-99"]),
    st.sampled_from([f"<@{DANA}>", f"<@{BOB}|bob>", "@alice", "bob", "--to v41", "--to=v42", "--new checkout is down"]),
    st.sampled_from(REQUESTS),
    st.sampled_from(["--break-glass nobody else is awake", '--break-glass "it burns"']),
    st.sampled_from(["checkout is down sev2", "restarted the cache", "Checkout fails for one in eight."]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
)
POLICY = replace(SHOP, consent=CONSENT)
VERBS = [(command, verb) for command, verbs in COMMANDS.items() for verb in verbs]
PEOPLE = st.sampled_from([DANA, BOB, ALICE, CAROL])
TITLES = st.sampled_from(["CheckoutErrorRatioHigh", "CheckoutSlow"])


class Responders(RuleBasedStateMachine):
    tell: ClassVar[Tell]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.story = self.stack.enter_context(Responders.tell(POLICY))
        self.story.ships("v42")
        self.story.alert()
        for who in (ALICE, CAROL):
            self.story.slack.join(who, self.story.channel)

    def teardown(self) -> None:
        self.stack.close()

    # ------------------------------------------------------------ what people do

    @rule(by=PEOPLE, verb=st.sampled_from(VERBS), words=st.lists(WORDS, max_size=3))
    def types(self, by: str, verb: tuple[str, str], words: list[str]) -> None:
        self.type(by, f"/{verb[0]} {verb[1]} {' '.join(words)}")

    @rule(by=PEOPLE, command=st.sampled_from(sorted(COMMANDS)), words=st.lists(WORDS, max_size=3))
    def types_without_a_verb(self, by: str, command: str, words: list[str]) -> None:
        self.type(by, f"/{command} {' '.join(words)}")

    def type(self, by: str, line: str) -> None:
        where = self.room(by)
        self.answered(by, line, lambda: self.story.slack.command(by, where, line))

    @rule(by=PEOPLE, pick=st.integers(0, 200))
    def presses(self, by: str, pick: int) -> None:
        where = self.room(by)
        if found := list(self.buttons(where, by)):
            ts, action, value = found[pick % len(found)]
            self.answered(by, f"{action} = {value}", lambda: self.story.slack.press(by, where, ts, action, value))

    @rule(
        by=PEOPLE,
        words=st.lists(WORDS, min_size=6, max_size=6),
        picks=st.lists(st.integers(0, 9), min_size=6, max_size=6),
    )
    def submits(self, by: str, words: list[str], picks: list[int]) -> None:
        for view in self.story.slack.views.get(by, [])[-1:]:
            inputs = [block for block in view["blocks"] if block["type"] == "input"]
            given = {
                block["block_id"]: entry(block["element"], word, pick)
                for block, word, pick in zip(inputs, words, picks, strict=False)
            }
            errors = self.story.slack.submit(by, view["id"], {id: value for id, value in given.items() if value})
            assert ":boom:" not in str(errors) + flat(
                {"blocks": (self.story.slack.views.get(by) or [{}])[-1].get("blocks")}
            )
            assert "bug in me" not in str(errors), (view["callback_id"], given, errors)
            self.story.settle()

    # ------------------------------------------------------------ what happens meanwhile

    @rule(
        title=TITLES, service=st.sampled_from(["checkout", "payments"]), status=st.sampled_from(["firing", "resolved"])
    )
    def alerts(self, title: str, service: str, status: str) -> None:
        self.story.alert(title, service, status=status, since=self.story.clock.now().isoformat())

    @rule(seconds=st.sampled_from([1, 20, 60, 900, 2400]))
    def time_goes_by(self, seconds: int) -> None:
        self.story.passes(seconds)

    @rule(version=st.sampled_from(["v41", "v42", "v43"]))
    def a_version_ships(self, version: str) -> None:
        self.story.ships(version)

    # ------------------------------------------------------------ always

    @invariant()
    def everybody_is_answered_and_no_bug_is_found(self) -> None:
        posts = [
            text for c in self.story.slack.channels.values() if c.creator == "U0WATCH" for text in self.story.said(c.id)
        ]
        assert not any(":boom:" in text for text in posts)
        assert self.story.dead == []

    @invariant()
    def what_is_remembered_holds(self) -> None:
        entry = table(Entry)
        lines, last = self.story.store.read(
            lambda tx: tx.connection.execute(select(func.count(), func.max(entry.c.seq)).select_from(entry)).one()
        )
        assert lines == last, "the timeline has a gap"
        open_ones = Counter(i.group for i in self.story.incidents if i.is_open and i.group)
        assert all(count == 1 for count in open_ones.values()), open_ones
        for service in ("checkout", "payments"):
            asked = self.story.store.read(partial(open_requests, service=service))
            assert sum(request.state in UNDER_WAY for request in asked) <= 1, asked

    @invariant()
    def nothing_is_done_without_consent(self) -> None:
        for asked, votes in self.story.store.read(asked_and_agreed):
            if asked.confirmed_by and asked.verb is not Verb.PAUSE:
                agreed = {vote.user for vote in votes if vote.approves} - {asked.by}
                assert len(agreed) >= asked.approvals, (asked, votes)
                assert asked.approvals or asked.verb is Verb.PROMOTE or asked.broken_glass, asked

    @invariant()
    def every_incident_has_its_channel_and_its_card(self) -> None:
        for incident in self.story.incidents:
            room = self.story.slack.channels[incident.channel]
            assert incident.card in room.messages
            assert incident.card in room.pins
        assert len(self.story.channels) == len(self.story.incidents)
        assert self.story.doubled() == []

    # ------------------------------------------------------------

    def room(self, by: str) -> str:
        """The newest incident's channel for who is there; the others ask from outside."""
        newest = self.story.channel
        return newest if by in self.story.slack.channel(newest).members else "C0INCIDENTS"

    def answered(self, by: str, what: str, ask: Callable[[], list[dict[str, Any]]]) -> None:
        before = [view["id"] for view in self.story.slack.views.get(by, [])]
        shown = ask()
        said = "\n".join(flat(message) for message in shown)
        opened = [v["id"] for v in self.story.slack.views.get(by, []) if v["id"] not in before]
        assert said.strip() or opened, f"{what!r} was not answered"
        assert ":boom:" not in said, f"{what!r}: {said}"
        assert "failed with the error" not in said, f"{what!r}: {said}"
        self.story.settle()

    def buttons(self, where: str, by: str) -> Iterator[tuple[str, str, Any]]:
        """(ts, action, value) of everything that this person could press or choose there."""
        for message in [*self.story.slack.messages(where), *self.story.slack.ephemerals(where, by)]:
            for block in message.get("blocks") or ():
                for element in [*block.get("elements", ()), *filter(None, [block.get("accessory")])]:
                    if element.get("type") == "button" and not element.get("url"):
                        yield message["ts"], element["action_id"], element.get("value")
                    for option in element.get("options") or ():
                        yield message["ts"], element["action_id"], option["value"]


def asked_and_agreed(tx: Tx) -> list[tuple[Request, tuple[Vote, ...]]]:
    homes = ["", *(incident.id for incident in tx.incidents())]
    return [(asked, tx.votes(asked.id)) for home in homes for asked in tx.requests(home)]


def open_requests(tx: Tx, service: str) -> tuple[Request, ...]:
    return tx.open_requests(service, "production")


def entry(element: dict[str, Any], word: str, pick: int) -> Any:
    """Something that Slack's client would let a person enter there; None leaves it as it is."""
    match element["type"]:
        case "plain_text_input":
            return word[: element.get("max_length", 3000)]
        case "static_select" | "radio_buttons":
            options = element["options"]
            return options[pick % len(options)]["value"]
        case "users_select":
            return [DANA, BOB, ALICE, CAROL][pick % 4]
    return None


def test_whatever_is_typed_pressed_and_submitted_is_answered_and_holds(tell: Tell) -> None:
    Responders.tell = tell
    run_state_machine_as_test(
        Responders,
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
