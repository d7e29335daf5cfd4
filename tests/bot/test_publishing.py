"""Telling customers: by a person, in words of their choice, and nothing of ours with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import copies, loose_ends, maintenances, publishing
from bot.cards.forms import ADVISED
from bot.cards.publishing import publish_modal
from bot.commands import Invalid
from bot.decision import Decision, ExportStatus, Proclaim, SendPost
from bot.errors import Refused
from bot.linting import Words, lint
from bot.model import Audience, ComponentState, Export, Phase, Post, PublicUpdate, Severity
from bot.policy import Contact, Destination, Policy, Room, Service
from bot.publishing import Wanted
from tests.blockkit import check_view
from tests.bot.status_values import POLICY, SHOP_PAGE, ago, maintenance, update
from tests.golden import same_as
from tests.values import NOON, incident, minutes

SECRET = incident(title="pay-db-7.internal OOM", service="payments")


def publish(words: str, *before: PublicUpdate, of: Any = SECRET, policy: Policy = POLICY) -> Decision:
    wanted = publishing.parse(words, SHOP_PAGE)
    return publishing.publish(of, wanted, before, "U0DANA", policy, NOON)


def saved(decision: Decision) -> PublicUpdate:
    return next(noun for noun in decision.save if isinstance(noun, PublicUpdate))


def test_the_first_words_need_nothing_else() -> None:
    decision = publish("Some payments fail. We are looking into it.")
    told = saved(decision)
    assert told.title == "Trouble with Checkout", "never the incident's own"
    assert (told.phase, dict(told.components)) == (Phase.INVESTIGATING, {"checkout": "partial"})
    assert "told customers (investigating; checkout partial)" in decision.note[0].text
    assert {type(effect) for effect in decision.do} == {SendPost, ExportStatus}
    assert decision.say == "Customers can read it now. Checkout: partial outage."


def test_how_bad_it_is_by_its_severity() -> None:
    assert saved(publish("x", of=incident(severity=Severity.SEV1))).components == {"checkout": "major"}
    assert saved(publish("x", of=incident(severity=Severity.SEV4))).components == {"checkout": "degraded"}


def test_everything_may_be_said_in_any_order() -> None:
    words = 'Search is slow. --on search=degraded,api=operational --title "Slow search" --phase identified'
    told = saved(publish(words, of=incident(service="search")))
    assert (told.title, told.phase, told.text) == ("Slow search", Phase.IDENTIFIED, "Search is slow.")
    assert dict(told.components) == {"search": "degraded"}


OVER = incident(phase=Phase.RESOLVED, resolved_at=NOON)


def left(of: Any, *before: PublicUpdate, there: Any = None, asked: bool = False) -> tuple[Post, ...]:
    decision = loose_ends.left_open(of, there, before, asked=asked)
    return tuple(noun for noun in decision.save if isinstance(noun, Post))


def test_who_ends_an_incident_is_told_that_customers_still_read_of_it() -> None:
    (post,) = left(OVER, update())
    assert (post.incident, post.channel) == ("INC-7", "@incident")
    assert post.text.startswith(":mega: INC-7 is resolved, and customers still read")
    assert post.blocks[1]["elements"][0]["value"] == "incident publish INC-7"
    assert "is cancelled, and" in left(replace(OVER, cancelled=True), update())[0].text
    (post,) = left(replace(OVER, merged_into="INC-9"), update(), there=incident(9))
    assert (post.incident, "was merged into INC-9" in post.text) == ("INC-9", True), "people are there now"


def test_what_customers_know_to_be_over_or_never_heard_of_needs_no_word() -> None:
    assert left(OVER) == left(OVER, update(), update(number=2, phase=Phase.RESOLVED)) == ()
    assert left(incident(), update()) == left(OVER, update(), asked=True) == ()


def test_who_opens_it_again_is_told_that_customers_read_of_its_end() -> None:
    ended = update(number=2, phase=Phase.RESOLVED)
    decision = loose_ends.reopened(incident(), (update(), ended), asked=False)
    [post] = [noun for noun in decision.save if isinstance(noun, Post)]
    assert post.text.startswith(":mega: INC-7 is open again, and customers read")
    assert post.blocks[1]["elements"][0]["value"] == "incident publish INC-7"
    for quiet in (
        loose_ends.reopened(incident(), (update(),), asked=False),
        loose_ends.reopened(incident(), (ended,), asked=True),
        loose_ends.reopened(OVER, (ended,), asked=False),
    ):
        assert quiet.save == ()


def test_what_is_not_said_again_stays() -> None:
    told = saved(
        publish("Still on it. --on checkout=operational", update(components={"checkout": "major", "api": "degraded"}))
    )
    assert (told.number, told.title) == (2, "Some payments fail")
    assert dict(told.components) == {"checkout": "operational", "api": "degraded"}


def test_customers_hear_of_the_end_though_it_is_resolved() -> None:
    over = incident(phase=Phase.RESOLVED, resolved_at=NOON)
    told = saved(publish("All payments work again.", update(), of=over))
    assert (told.phase, told.components) == (Phase.RESOLVED, {})


@pytest.mark.parametrize("secret", [{"private": True}, {"drill": "knight-capital"}])
def test_what_is_secret_is_never_published(secret: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="nothing of it is ever published"):
        publish("x", of=incident(**secret))


# As they stay in a form, where Slack makes no mention.
TYPED = [
    "ask @bob.",
    "ask @Bob.Okafor",
    "see #inc-7-checkout.",
    "see #Payments",
    "#ops-feed",
    "#incidents",
    "@here look",
]
KNOWN = replace(
    POLICY,
    people={"U0BOB": Contact(name="Bob Okafor")},
    services={"payments": Service(name="payments", broadcast=("#payments",))},
    broadcasts=(Destination(name="ops", audience=Audience.SUPPORT, to=Room(channel="#ops-feed")),),
)


@pytest.mark.parametrize(
    "words", ["ask <@U0DANA|dana>", "see <#C0INC|inc-7>", "<!here> look", '--title "<@U0DANA>" x', *TYPED]
)
def test_our_people_and_channels_are_not_named(words: str) -> None:
    with pytest.raises(Invalid, match="names a person or a channel"):
        publish(words, policy=KNOWN)


@pytest.mark.parametrize("words", ["Follow @acmestatus", "Order #A123 fails", "Look for #paymentsdown"])
def test_a_sign_before_a_name_that_nobody_has_here_is_advised_against_and_goes_out(words: str) -> None:
    assert saved(publish(words, policy=KNOWN)).text == words
    assert any("a person or a channel" in one.words for one in lint(Words(text=words), {Audience.PUBLIC}))
    assert not any("a channel" in one.words for one in lint(Words(text=words), {Audience.EXECUTIVES}))


@pytest.mark.parametrize("words", ["order #12 fails", "write to help@shop.example", "https://shop.example/@help#top"])
def test_what_customers_may_read_is_no_name(words: str) -> None:
    assert saved(publish(words)).text == words


def test_the_form_advises_and_comes_back_with_what_was_entered() -> None:
    draft = Wanted(
        text="Fixed soon", title="Payments", phase=Phase.MONITORING, components={"api": ComponentState.MAJOR}
    )
    advice = lint(Words(text=draft.text), {Audience.PUBLIC})
    view = publish_modal(incident(), (), SHOP_PAGE, draft, advice).view
    assert (view["private_metadata"], view["submit"]["text"]) == (f"INC-7|{ADVISED}", "Publish anyway")
    assert "promises an end" in view["blocks"][0]["text"]["text"]
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert (fields["title"]["initial_value"], fields["text"]["initial_value"]) == ("Payments", "Fixed soon")
    assert fields["phase"]["initial_option"]["value"] == "monitoring"


def test_a_link_is_the_address_that_it_leads_to() -> None:
    told = saved(publish("See <https://shop.example/help|https://bank.example> for more"))
    assert told.text == "See https://shop.example/help for more"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "Say in the customers' words"),
        ("--on checkuot=major x", "Did you mean `checkout`"),
        ("--on checkout=bad x", "no state of a component"),
        ("--phase over x", "not a phase"),
        ("--titel Hello text", "no option that I know"),
        ("all is well —titel Hello", "no option that I know"),
    ],
)
def test_a_mistake_is_explained_and_publishes_nothing(words: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        publish(words)


def test_without_a_component_it_needs_a_title() -> None:
    with pytest.raises(Invalid) as refused:
        publish("x", of=incident(service="batch"))
    assert set(refused.value.errors) == {"title"}


def test_without_a_status_page_it_says_how_to_have_one() -> None:
    with pytest.raises(Refused, match="add `status:` to the configuration"):
        publish("x", policy=Policy())


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("first", ()),
        ("again", (update(),)),
        ("mixed", (update(components={"checkout": "major", "api": "degraded"}),)),
    ],
)
def test_the_form(name: str, before: tuple[PublicUpdate, ...]) -> None:
    view = publish_modal(SECRET, before, SHOP_PAGE).view
    check_view(view)
    same_as(f"form_publish_{name}.json", view)
    assert "pay-db-7" not in str(view), "it would be sent by whoever does not read it"


# ---------------------------------------------------------------- maintenance


def announce(words: str) -> Decision:
    return maintenances.announce(maintenances.parse(words, POLICY, NOON), 1, "U0DANA", POLICY, NOON)


def test_maintenance_is_announced_ahead() -> None:
    decision = announce("checkout,search --from 22:00 --for 2h Short pauses are possible.")
    (planned,) = decision.save
    assert planned == maintenance(components=("checkout", "search"), text="Short pauses are possible.", at=NOON)
    assert decision.do == (ExportStatus("folder"),)
    assert "2026-03-05 22:00 to 2026-03-06 00:00 UTC" in str(decision.say)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("checkout --from 22:00", "say what customers will notice"),
        ("--for 2h", "Name the components"),
        ("basket x", "There is no component"),
        ("checkout --for 9d x", "at most 7 d"),
        ("checkout --for soon x", "no duration"),
        ("checkout --from 2025-01-01T00:00 x", "not within the next 90 days"),
        ("checkout <@U0DANA> does it", "names a person"),
    ],
)
def test_what_cannot_be_announced_says_why(words: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        announce(words)


def test_maintenance_ends_earlier_or_is_called_off() -> None:
    planned = (maintenance(), maintenance(id="MNT-2", starts_at=ago(hours=1)))
    assert "MNT-1 is called off" in str(maintenances.end("1", planned, "U0DANA", POLICY, NOON).say)
    over = maintenances.end("mnt-2", planned, "U0DANA", POLICY, NOON)
    assert "MNT-2 is over" in over.note[0].text
    assert over.save[0].ended_at == NOON  # type: ignore[union-attr]
    with pytest.raises(Refused, match="Planned or under way: MNT-1, MNT-2"):
        maintenances.end("MNT-9", planned, "U0DANA", POLICY, NOON)


# ---------------------------------------------------------------- copies


def test_people_hear_once_that_copies_fail_and_once_that_they_work_again() -> None:
    export, posts, now = Export(id="bucket", done_at=ago(minutes=5)), [], NOON
    for _ in range(5):
        decision = copies.failed("bucket", export, "the bucket: HTTP 403 <script>", now)
        export, *told = decision.save
        posts += told
        assert bool(told) == any(isinstance(effect, Proclaim) for effect in decision.do)
        now += minutes(1)
    assert (export.failures, export.failing_since) == (5, NOON)
    (failed,) = posts
    assert isinstance(failed, Post)
    assert "HTTP 403 &lt;script&gt;" in failed.text
    assert "The copy there is of 2026-03-05 11:55 UTC" in failed.text
    (export, again), effects = (decision := copies.done("bucket", export, now)).save, decision.do
    assert "again, after 5 min" in again.text
    assert effects == (Proclaim(again.id),)
    assert export == Export(id="bucket", done_at=now)


def test_one_hiccup_is_tried_again_soon_and_told_to_nobody() -> None:
    decision = copies.failed("bucket", None, "no answer", NOON)
    assert decision.do == (ExportStatus("bucket", due=NOON + timedelta(seconds=15)),)
    (export,) = decision.save
    assert copies.done("bucket", export, NOON + minutes(1)).do == ()  # type: ignore[arg-type]


def test_states_are_ordered_from_the_best_to_the_worst() -> None:
    assert [state.rank for state in ComponentState] == [0, 1, 2, 3, 4]
