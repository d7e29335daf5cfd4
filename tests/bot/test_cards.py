"""Every card and form: one golden file each, within Slack's limits whatever people and senders write."""

from dataclasses import replace
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards import incident as cards
from bot.cards.forms import task_modal
from bot.cards.help import help_card
from bot.cards.kit import option, press, select
from bot.cards.marking import marked
from bot.cards.poll import poll_card
from bot.cards.question import question_card
from bot.cards.role import instructions_card, vacancy_card
from bot.cards.task import task_list
from bot.cards.update import update_card
from bot.catchup import catchup
from bot.commands import COMMANDS, Ask
from bot.decision import Card, Modal
from bot.declaring import Declaration
from bot.linting import Advice, Words
from bot.model import (
    BOT,
    Answer,
    Assignment,
    ChangeKind,
    ChangeStatus,
    Entry,
    EntryKind,
    Finding,
    Link,
    Phase,
    Poll,
    Question,
    Role,
    RolloutPhase,
    Severity,
    Sighting,
    Task,
    Update,
    VendorState,
    Verdict,
)
from bot.policy import Policy, Service, Target
from bot.positions import POSITIONS, Position
from bot.vendors import Trouble, template
from tests.blockkit import check, nodes
from tests.bot.test_text import ANY
from tests.golden import same_as
from tests.values import NOON, alert, change, incident, minutes

POLICY = Policy(
    services={
        "checkout": Service(
            name="checkout", rollout=Target(provider="argo", cluster="eu", namespace="shop", name="checkout")
        ),
        "prices": Service(name="prices"),
    }
)
OPEN = incident(
    title="CheckoutErrorRatioHigh",
    onset_at=NOON - minutes(3),
    next_update_at=NOON + minutes(15),
    impact="One payment in eight fails",
    channel="C0INC7",
    channel_name="inc-7-checkout",
)
RESOLVED = replace(
    OPEN,
    phase=Phase.RESOLVED,
    summary="Rolled back checkout to v41; v42 failed on orders with a voucher.",
    resolved_at=NOON + minutes(42),
    next_update_at=None,
)
ROLES = (
    Assignment(incident="INC-7", role=Role.COMMANDER, user="U0DANA", by=BOT, at=NOON),
    Assignment(incident="INC-7", role=Role.COMMS, user="U0BOB", by="U0BOB", at=NOON + minutes(1)),
    Assignment(incident="INC-7", role=Role.OPS, user="", by="U0BOB", at=NOON + minutes(1)),
)
DEPLOY = change(url="https://ci.example/builds/42", at=NOON - minutes(5))
FLAG = change(
    "flag/prices/1",
    change=ChangeKind.FLAG,
    service="prices",
    version="",
    at=NOON - minutes(9),
    url="https://flags.example/1",
)
ENTRIES = (
    Entry(at=NOON - minutes(3), kind=EntryKind.ALERT, by="alertmanager", text="CheckoutErrorRatioHigh fired"),
    Entry(at=NOON, kind=EntryKind.ROLE, whom="U0DANA", text="is commander by on-call"),
    Entry(
        at=NOON + minutes(2),
        kind=EntryKind.NOTE,
        by="U0BOB",
        text="errors only on canary pods",
        source="https://x.example/1",
    ),
)
UPDATE = Update(
    incident="INC-7",
    number=2,
    phase=Phase.MITIGATING,
    severity=Severity.SEV2,
    text="Checkout failed for about one customer in eight. It is rolled back, and orders recover.",
    by="U0BOB",
    at=NOON + minutes(9),
    next_at=NOON + minutes(39),
)


def link(change=DEPLOY, verdict=Verdict.SUSPECT, reasons=("began 2 min before the onset", "same service")):
    return Link(incident="INC-7", change=change.key, verdict=verdict, reasons=reasons, by=BOT, at=NOON), change


FIRING = (
    alert(
        url="https://grafana.example/d/1",
        runbook="https://runbooks.example/checkout_errors",
        value="23% of requests",
        image="https://grafana.example/1.png",
    ),
    alert("b", title="<!channel> *Slow*", value="<@U0EVE> 3 s", url="server1.example", runbook="javascript:alert(1)"),
)
QUESTION = Question(
    id="ASK-3",
    group="checkout/production",
    title="Slow <!here>",
    service="checkout",
    environment="production",
    severity=Severity.SEV3,
    at=NOON,
    onset_at=NOON - minutes(2),
    count=3,
)
ANSWERED = replace(QUESTION, answer=Answer.OPENED, incident="INC-7", answered_by="U0BOB", answered_at=NOON)
SUSPECTS = (link(), link(FLAG, reasons=("began 6 min before the onset", "`checkout` depends on `prices`")))

GOOD = Finding(
    id="login",
    service="checkout",
    environment="production",
    faults=(),
    kinds=(),
    around="",
    in_a_row=9,
    since=NOON,
    checked_at=NOON + minutes(9),
)
PROBED = (
    GOOD,
    replace(GOOD, id="prices", faults=("“€” is not in it",), kinds=("text €",), alerted_at=NOON),
    replace(GOOD, id="search", alerted_at=NOON),
)

PAYBRIDGE = Trouble(
    vendor="Paybridge",
    component="Card payments",
    state=VendorState.MAJOR_OUTAGE,
    since=NOON,
    title="Elevated card payment errors",
    url="https://stspg.example/paybridge",
)

LATE = NOON + minutes(20)
TASKS = (
    Task(
        id="INC-7/task/1",
        incident="INC-7",
        kind="task",
        text="look at the payment logs",
        owner="U0BOB",
        by="U0DANA",
        at=NOON,
    ),
    Task(
        id="INC-7/task/2",
        incident="INC-7",
        kind="follow-up",
        text="alert on vouchers",
        owner="U0DANA",
        by="U0DANA",
        at=NOON,
        due_at=NOON + minutes(60 * 24 * 7),
    ),
    Task(
        id="INC-7/task/3",
        incident="INC-7",
        kind="question",
        text="are refunds hit?",
        owner="U0BOB",
        by="U0BOB",
        at=NOON,
    ),
    Task(
        id="INC-7/task/4", incident="INC-7", kind="task", text="done", owner="U0BOB", by="U0BOB", at=NOON, done_at=NOON
    ),
)
TRIED = Entry(at=NOON + minutes(4), kind=EntryKind.ACTION, by="U0DANA", text="rollback of checkout v42 → v41: done")
POLL = Poll(
    id="INC-7/poll/1",
    incident="INC-7",
    text="roll back checkout now",
    by="U0DANA",
    at=NOON,
    ends_at=NOON + minutes(1),
    votes={"U0BOB": True, "U0EVE": False},
)

ROLLING = Sighting(
    id="checkout/production",
    service="checkout",
    environment="production",
    revision="b",
    revision_version="v42",
    stable="a",
    stable_version="v41",
    phase=RolloutPhase.PROGRESSING,
    step=1,
    weight=20,
    paused=False,
    aborted=False,
    at=NOON,
)
PAUSED = replace(ROLLING, id="prices/production", service="prices", paused=True, weight=5)
ABORTED = replace(ROLLING, id="search/production", service="search", aborted=True)
THROUGH = replace(ROLLING, id="shop/production", service="<!here>", stable=ROLLING.revision)

GALLERY = {
    "incident_open": cards.incident_card(OPEN, ROLES, SUSPECTS, ENTRIES, POLICY),
    "incident_probed": cards.incident_card(OPEN, ROLES, SUSPECTS, ENTRIES, POLICY, probes=PROBED),
    "incident_vendor": cards.incident_card(OPEN, ROLES, SUSPECTS, ENTRIES, POLICY, vendors=(PAYBRIDGE,)),
    "incident_kept": cards.incident_card(OPEN, ROLES, (), (), POLICY, kept=(2, 3)),
    "incident_rolling": cards.incident_card(
        OPEN, ROLES, (link(),), (), POLICY, rollouts=(ROLLING, THROUGH, ABORTED, PAUSED), publishing=True
    ),
    "incident_bare": cards.incident_card(incident(service="", severity=Severity.SEV4), (), (), (), POLICY),
    "incident_alerts": cards.incident_card(OPEN, (), (), (), POLICY, firing=cards.Firing(FIRING, 42, 5)),
    "question": question_card(QUESTION, FIRING, 2, [OPEN, incident(8, service="search")]),
    "question_bare": question_card(replace(QUESTION, service=""), (), 0, ()),
    "question_opened": question_card(ANSWERED, (), 0, [OPEN], "<#C0INC7>"),
    "question_dismissed": question_card(replace(ANSWERED, answer=Answer.DISMISSED, incident=""), (), 0, ()),
    "incident_troubled": cards.incident_card(OPEN, (), (), (), POLICY, ["Slack: missing_scope pins:write"] * 5),
    "incident_resolved": cards.incident_card(RESOLVED, ROLES, [link(verdict=Verdict.CAUSED)], ENTRIES, POLICY),
    "announcement_open": cards.announcement(OPEN),
    "announcement_resolved": cards.announcement(RESOLVED),
    "incident_list": cards.incident_list([OPEN, incident(8, service="", severity=Severity.SEV4)]),
    "incident_list_empty": cards.incident_list([]),
    "timeline": cards.timeline_card(OPEN, ENTRIES),
    "timeline_empty": cards.timeline_card(OPEN, ()),
    "reminder_due": cards.reminder(OPEN, 0),
    "reminder_late": cards.reminder(OPEN, 10, "U0DANA"),
    "reminder_before": cards.reminder(OPEN, -5),
    "tray": cards.tray(None),
    "tray_in_channel": cards.tray(OPEN),
    "tray_resolved": cards.tray(RESOLVED),
    "tray_with_odd": cards.tray(None, 3),
    "help_incident": help_card("incident", COMMANDS["incident"]),
    "help_rollout": help_card("rollout", COMMANDS["rollout"]),
    "help_incident_all": help_card("incident", COMMANDS["incident"], "all"),
    "help_incident_updates": help_card("incident", COMMANDS["incident"], "updates"),
    "catchup": catchup(
        OPEN,
        ROLES,
        SUSPECTS,
        (*ENTRIES, TRIED),
        (UPDATE,),
        TASKS,
        FIRING,
        "https://shop.slack.com/archives/C0INC7/p1",
        LATE,
    ),
    "catchup_bare": catchup(incident(), (), (), (), (), (), (), "", LATE),
    "tasks": task_list(OPEN, TASKS),
    "tasks_none": task_list(OPEN, ()),
    "poll_open": poll_card(POLL),
    "poll_agreed": poll_card(replace(POLL, votes={"U0BOB": True}, ended_at=NOON + minutes(1))),
    "poll_objected": poll_card(replace(POLL, ended_at=NOON + minutes(1))),
    "incident_merged": cards.incident_card(replace(RESOLVED, merged_into="INC-3"), (), (), (), POLICY),
    "incident_cancelled": cards.incident_card(replace(RESOLVED, cancelled=True, summary=""), (), (), (), POLICY),
    "announcement_cancelled": cards.announcement(replace(RESOLVED, cancelled=True)),
    "incident_drill": cards.incident_card(replace(OPEN, drill="amazon-checkout"), ROLES, (), (), POLICY),
    "announcement_drill": cards.announcement(replace(OPEN, drill="amazon-checkout")),
    "reminder_drill": marked(replace(OPEN, drill="amazon-checkout"), cards.reminder(OPEN, 3)),
    "update_responders": update_card(OPEN, UPDATE, "responders"),
    "update_broadcast": update_card(OPEN, UPDATE, "broadcast"),
    "form_declare": cards.declare_modal(("checkout", "prices"), "Customers cannot pay"),
    "form_declare_again": cards.declare_modal(
        ("checkout", "prices"), "cannot pay", Declaration(title="cannot pay", service="checkout", impact="many"), OPEN
    ),
    "form_task": task_modal(OPEN, "C0INC7/1.2", "can somebody look at the payment logs?"),
    "form_update_first": cards.update_modal(OPEN, None),
    "form_update_vendor": cards.update_modal(OPEN, None, Words(text=template(OPEN, (PAYBRIDGE,)))),
    "form_update_openly": cards.update_modal(OPEN, None, Words(text="Nobody can pay."), openly=True),
    "form_update": cards.update_modal(
        OPEN,
        UPDATE,
        Words(text=UPDATE.text, changed="12:08 rollback of checkout: v42 → v41"),
        readers="Read by support",
    ),
    "form_update_advised": cards.update_modal(
        OPEN,
        UPDATE,
        Words(text="Fixed by <noon>"),
        (Advice("text", "“Fixed by <noon>” promises an end."), Advice("scope", "Who is affected?")),
        phase=Phase.MONITORING,
        next_="30",
    ),
    "form_resolve": cards.resolve_modal(OPEN),
    "form_resolve_red": cards.resolve_modal(OPEN, ("probe prices is red: “€” is not in it",)),
    "form_handoff": cards.handoff_modal(
        OPEN, Role.COMMANDER, "Commander", "- SEV2, investigating.\n- v42 is suspected"
    ),
}


@pytest.mark.parametrize("name", GALLERY)
def test_looks_as_agreed(name):
    check(GALLERY[name])
    same_as(f"{name}.json", GALLERY[name])


def presses(shown: Card | Modal) -> dict[str, str]:
    """Label → the line it stands for."""
    tree = shown.blocks if isinstance(shown, Card) else shown.view["blocks"]
    return {node["text"]["text"]: node["value"] for node in nodes(tree) if "value" in node}


@pytest.mark.parametrize("name", [name for name, shown in GALLERY.items() if isinstance(shown, Card)])
def test_every_button_is_a_line_that_can_be_typed(name):
    for line in presses(GALLERY[name]).values():
        command, _, rest = line.partition(" ")
        verb, _ = Ask(command=command, text=rest, by="U0DANA").split()
        assert verb in COMMANDS[command]


# ---------------------------------------------------------------- the card


def card(*, roles=ROLES, suspects=SUSPECTS, **other):
    return cards.incident_card(replace(OPEN, **other), roles, suspects, ENTRIES, POLICY)


def test_a_free_role_can_be_taken_and_a_held_one_handed_off():
    lines = presses(card())
    assert lines["Hand off commander"] == "incident handoff INC-7 commander"
    assert lines["Take ops"] == "incident role INC-7 ops"  # given up is free
    assert lines["Take scribe"] == "incident role INC-7 scribe"
    assert "Take commander" not in lines


def test_the_lines_name_the_incident_because_the_card_is_read_elsewhere_too():
    lines = [line for line in presses(card()).values() if line.startswith("incident")]
    assert len(lines) == 14
    assert all(" INC-7" in line for line in lines)


def test_the_likeliest_suspect_can_be_rolled_back_from_the_card():
    assert presses(card())["Roll back checkout"] == "rollout rollback checkout"


@pytest.mark.parametrize(
    "other",
    [
        {"service": "prices"},  # no rollout configured
        {"environment": "staging"},  # the rollout is production's
        {"change": ChangeKind.FLAG},  # not undone by a rollback of the deployment
        {"status": ChangeStatus.ROLLED_BACK},
        {"status": ChangeStatus.CANCELLED},
    ],
)
def test_no_roll_back_is_offered_that_would_not_undo_the_change(other):
    suspect = link(replace(DEPLOY, **other))
    assert not any("Roll back" in label for label in presses(card(suspects=[suspect])))
    assert any(node.get("url") == DEPLOY.url for node in nodes(card(suspects=[suspect]).blocks))


def test_what_fixed_it_is_not_offered_for_rolling_back():
    assert "Roll back checkout" not in presses(card(suspects=[link(verdict=Verdict.FIXED)]))
    assert "Roll back checkout" in presses(card(suspects=[link(verdict=Verdict.CAUSED)]))


def test_two_suspects_of_one_service_share_one_button():
    both = card(suspects=[link(), link(replace(DEPLOY, key="deploy/2", version="v41.1"))])
    check(both)
    assert sum(node.get("value") == "rollout rollback checkout" for node in nodes(both.blocks)) == 1


def test_no_more_than_three_suspects_and_five_entries_are_shown():
    many = cards.incident_card(OPEN, (), [link(replace(DEPLOY, key=str(n))) for n in range(9)], ENTRIES * 9, POLICY)
    shown = str(many.blocks)
    assert shown.count("*Suspect*") == 3
    assert many.blocks[-1]["elements"][0]["text"].count("\n") == 4


def test_the_last_lines_do_not_say_again_who_is_suspected():
    lines = [replace(ENTRIES[0], kind=kind, text=f"a line of {kind}") for kind in EntryKind]
    shown = cards.incident_card(OPEN, (), [link()], lines, POLICY).blocks[-1]["elements"][0]["text"]
    assert "a line of action" in shown
    assert "a line of suspect" not in shown


def test_a_resolved_card_asks_for_nothing_but_the_postmortem():
    assert presses(GALLERY["incident_resolved"]) == {"Draft postmortem anew": "incident postmortem INC-7"}


def test_a_deployer_named_like_a_person_is_not_pinged():
    by = cards.incident_card(
        OPEN, (), [link(replace(DEPLOY, actor="U0BOB"))], [replace(ENTRIES[0], by="U0BOB")], POLICY
    )
    assert "<@" not in str(by.blocks)


def test_the_phase_menu_shows_the_phase():
    menu = menu_of("ask.phase", card(phase=Phase.MONITORING))
    assert menu["initial_option"]["value"] == "incident status INC-7 monitoring"


def menu_of(id, of):
    return next((node for node in nodes(of.blocks) if node.get("action_id") == id), None)


def test_what_people_may_say_of_the_suspects_is_one_menu():
    said = [
        one["value"]
        for one in menu_of("ask.link", card(suspects=[link(verdict=Verdict.CAUSED), link(FLAG)]))["options"]
    ]
    assert said == [
        "incident link INC-7 deploy/checkout/production/v42 dismissed",
        "incident link INC-7 flag/prices/1 caused",
        "incident link INC-7 flag/prices/1 dismissed",
    ]


@pytest.mark.parametrize("key", ["k" * 200, "two\nlines"])
def test_a_key_that_no_menu_holds_as_it_is_is_typed(key):
    assert menu_of("ask.link", card(suspects=[link(replace(DEPLOY, key=key))])) is None


# ---------------------------------------------------------------- the rest


def test_a_broadcast_has_no_internals():
    shown = str(update_card(OPEN, UPDATE, "broadcast"))
    for internal in ("checkout\b", "CheckoutErrorRatioHigh", "U0BOB", "C0INC7", "inc-7-checkout", "Update 2"):
        assert internal not in shown
    assert "<@U0BOB>" in str(update_card(OPEN, UPDATE, "responders"))


def test_a_broadcast_says_when_the_next_one_comes_or_that_none_does():
    assert "Next update by" in str(update_card(OPEN, UPDATE, "broadcast"))
    assert "No further update is planned" in str(update_card(OPEN, replace(UPDATE, next_at=None), "broadcast"))


def test_the_topic_says_what_a_newcomer_must_know():
    assert cards.topic(OPEN, "U0DANA") == (
        "INC-7 · SEV2 · investigating · commander <@U0DANA> · CheckoutErrorRatioHigh"
    )
    assert "no commander yet" in cards.topic(OPEN, "")


def test_help_hides_what_only_buttons_type():
    assert "confirm" not in str(GALLERY["help_rollout"].blocks)
    assert "rollback" in str(GALLERY["help_rollout"].blocks)


def test_an_update_cannot_resolve_by_the_way():
    assert "resolved" not in presses(cards.update_modal(OPEN, None)).values()


@pytest.mark.parametrize("n", [0, 99, 100, 250])
def test_any_number_of_services_can_be_chosen_from(n):
    modal = cards.declare_modal([f"service-{i:03}" for i in range(n)])
    check(modal)
    assert len([v for v in presses(modal).values() if v.startswith("service-")]) == n


def test_a_service_whose_name_no_option_can_hold_is_left_out_of_the_menu():
    modal = cards.declare_modal(["a" * 151, "b" * 150])
    check(modal)
    assert "a" * 151 not in presses(modal).values()


def test_a_line_that_no_button_can_hold_gets_no_button():
    assert press("x", "incident note " + "a" * 2000, "x") is None


def test_a_menu_without_its_initial_choice_has_none():
    assert "initial_option" not in select("x", "Choose", [option("a", "a")], "b")


LONG = st.one_of(
    ANY, ANY.map(lambda text: text * 30), st.sampled_from(["&" * 9000, "W" * 9000, "👩‍🚒" * 3000, " ", ""])
)


EXTREMES = ("<!here>" * 1000, "&" * 9000, '"' * 9000, "\\" * 9000, "U" * 9000)


@pytest.mark.parametrize("n", [100, 490, 9000])
@pytest.mark.parametrize("words", EXTREMES, ids=lambda words: words[:7])
def test_the_longest_cards_are_within_the_size_of_a_message(words, n):
    hurt = replace(OPEN, title=words, service=words, environment=words, impact=words, channel="", channel_name=words)
    ship = replace(DEPLOY, service=words[:n], version=words, actor=words, url="https://x.example/" + "a&" * 190)
    links = [link(replace(ship, key=key), reasons=(words, words)) for key in "abc"]
    entries = [Entry(at=NOON, kind=k, text=words, by="U0BOB", whom="U0DANA", source=words) for k in EntryKind]
    policy = Policy(services={words[:n]: replace(POLICY.services["checkout"], name=words[:n])})
    check(cards.incident_card(hurt, ROLES, links, entries, policy, [words] * 4))
    check(cards.incident_list([hurt] * 40))
    check(cards.timeline_card(hurt, entries * 5))


@given(st.lists(LONG, min_size=1, max_size=3))
def test_whatever_is_written_every_card_is_taken_by_slack(texts):
    turns = cycle(texts)

    def some() -> str:
        return next(turns)

    hurt = replace(
        OPEN,
        title=some(),
        service=some(),
        environment=some(),
        impact=some(),
        summary=some(),
        channel=some(),
        channel_name=some(),
    )
    closed = replace(hurt, phase=Phase.RESOLVED, resolved_at=NOON)
    name = some()
    changes = [
        replace(DEPLOY, service=name, version=some(), actor=some(), url=f"https://x.example/{some()}", key=k)
        for k in "abc"
    ]
    links = [link(c, reasons=(some(), some())) for c in changes]
    roles = [Assignment(incident="INC-7", role=role, user=some(), by=BOT, at=NOON) for role in POSITIONS]
    entries = [Entry(at=NOON, kind=kind, text=some(), by=name, whom=name, source=some()) for kind in EntryKind]
    policy = Policy(services={name: replace(POLICY.services["checkout"], name=name)})
    update = replace(UPDATE, text=some(), by=name)
    todo = [replace(task, text=some(), owner=some()) for task in TASKS]
    firing = [replace(one, title=some(), url=some(), runbook=f"https://x.example/{some()}") for one in FIRING]
    for shown in (
        cards.incident_card(hurt, roles, links, entries, policy, [some()] * 4),
        cards.incident_card(
            closed, roles, [(replace(a, verdict=Verdict.CAUSED), b) for a, b in links], entries, policy, [some()]
        ),
        cards.announcement(hurt),
        cards.announcement(closed),
        cards.incident_list([hurt, closed] * 15),
        cards.timeline_card(hurt, entries * 3),
        cards.reminder(hurt, 3),
        cards.tray(hurt),
        cards.tray(closed),
        update_card(hurt, update, "responders"),
        update_card(hurt, update, "broadcast"),
        cards.declare_modal([name, "b"], some()),
        task_modal(hurt, "C0INC7/1.2", some()),
        cards.declare_modal([name], some(), Declaration(title=some(), impact=some(), service=name), hurt),
        cards.update_modal(hurt, update),
        cards.resolve_modal(hurt),
        cards.handoff_modal(hurt, Role.OPS, some()),
        instructions_card(hurt, Role.OPS, Position(title=some(), instructions="Call <https://x.example|them>.")),
        vacancy_card(hurt, Role.OPS, some(), minutes(5), some(), calls=True),
        catchup(hurt, roles, links, entries, [update], todo, firing, some(), LATE),
        task_list(hurt, todo * 9),
        poll_card(replace(POLL, text=some(), by=name, votes={some(): False, name: True})),
        marked(replace(hurt, drill=some()), cards.reminder(hurt, 3)),
        cards.incident_card(replace(hurt, drill=some()), roles, links, entries, policy, tasks=todo),
    ):
        check(shown)
    assert 1 <= len(cards.topic(hurt, name)) <= 250


def test_a_catch_up_names_a_task_once_and_says_whose_words_they_are():
    made = Entry(at=NOON, kind=EntryKind.NOTE, by="U0DANA", text="task: look at the payment logs", source=TASKS[0].id)
    said = Entry(at=NOON, kind=EntryKind.NOTE, by="U0DANA", whom="U0EVE", text="vouchers", source="https://x.example/1")
    shown = str(catchup(OPEN, (), (), (made, said), (), TASKS, (), "", LATE).blocks)
    assert shown.count("look at the payment logs") == 1
    assert "vouchers (<@U0EVE>)" in shown
