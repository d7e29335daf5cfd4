"""Rollouts through the use cases: the real store, the real provider, and the pretend cluster behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.decision import ActOnRollout, Card, Decision, VerifyRollout
from bot.errors import Moved, ProviderError, Refused
from bot.model import Assignment, Request, RequestState, Role, Severity
from bot.policy import Group, Policy, Rota, Rule, Service
from handlers import rollouts
from handlers.world import World
from storage.store import Store
from tests.databases import memory_store
from tests.providers.shops import Front, Shop, target
from tests.values import NOON, incident

DANA, BOB, CAROL = "U0DANA", "U0BOB", "U0CAROL"
POLICY = Policy(
    consent=(Rule(approvals=0, typed=False),),
    oncall={
        "shop": Rota(people=(DANA, BOB), start=NOON - timedelta(days=1), turn=timedelta(days=7)),
        "pay": Group(id="S0"),
    },
    services={
        "checkout": Service(name="checkout", oncall="shop", rollout=target("checkout")),
        "payments": Service(name="payments", oncall="pay", owners=(CAROL,), rollout=target("payments")),
        "ledger": Service(name="ledger"),
        "ghost": Service(name="ghost", rollout=target("ghost")),
    },
)


class Slack:
    """The one question that rollouts ask of Slack."""

    groups: dict[str, tuple[str, ...]] | None = None

    def members(self, group: str) -> Sequence[str]:
        if self.groups is None:
            raise ProviderError("Slack", "is down")
        return self.groups[group]


class Desk:
    """Somebody who types /rollout lines and sees what comes of them."""

    def __init__(self, shop: Shop, store: Store) -> None:
        self.shop, self.store, self.slack = shop, store, Slack()
        self.world = World(store, self.slack, {"argo": shop.argo}, POLICY, shop.clock.now)  # type: ignore[arg-type]

    def types(self, line: str, by: str = DANA, channel: str = "C1") -> str:
        say = rollouts.run(self.world, Ask(command="rollout", text=line, by=by, channel=channel)).say
        assert isinstance(say, str | Card)
        return as_text(say)

    def confirms(self, preview: str, by: str = DANA) -> str:
        line = next(line for line in preview.splitlines() if "[Confirm]" in line)
        return self.types(line.partition("/rollout ")[2], by)

    def works(self, effect: type[ActOnRollout] | type[VerifyRollout], seconds: float = 0) -> list[Decision]:
        """Do what is due of one kind, as the outbox would."""
        self.shop.passes(seconds)
        done = []
        for job in self.store.claim(self.shop.clock.now(), kinds=[effect.__name__], limit=9):
            do = rollouts.act if effect is ActOnRollout else rollouts.verify
            done.append(self.world.decide(do(self.world, job.effect.subject), receipt=job))
        return done

    def request(self, id: str) -> Request:
        return self.store.read(lambda tx: tx.request(id))


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


@pytest.fixture
def desk(front: Front, tmp_path: Path) -> Iterator[Desk]:
    shop, store = Shop(front, tmp_path), memory_store()
    here = incident(channel="C1", version=0)
    store.decide(lambda tx, now: Decision(save=(here,)), NOON)
    yield Desk(shop, store)
    store.close()
    shop.close()


ID = "INC-7/rollback/checkout/1"


def test_from_typed_to_proven(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    preview = desk.types("rollback checkout")
    assert "v42 (revision 2) → v41 (revision 1)" in preview
    assert desk.confirms(preview) == "Rollback of checkout: v42 → v41. I will report here."
    desk.works(ActOnRollout)
    assert desk.request(ID).state is RequestState.ACTING
    desk.works(VerifyRollout, seconds=30)
    assert desk.request(ID).state is RequestState.DONE
    post = desk.store.read(lambda tx: tx.post(f"{ID}/outcome"))
    assert "*proven*: stable revision v41 (revision 1), canary weight 0 %, 10/10 available" in post.text
    texts = [entry.text for entry in desk.store.read(lambda tx: tx.entries("INC-7"))]
    assert [text.split(" ")[0] for text in texts] == ["asks", "confirms", "rollback", "rollback"]


def test_a_pause_needs_one_press_and_no_role(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    assert desk.types("pause checkout", by=CAROL).startswith("Pausing `checkout`")
    desk.works(ActOnRollout)
    assert desk.shop.get().paused


def test_in_an_incidents_channel_its_service_goes_without_saying(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    assert "v42" in desk.types("show")
    with pytest.raises(Refused, match="Say which service"):
        desk.types("show", channel="")


def test_trap_in_a_channel_about_staging_production_does_not_go_without_saying(desk: Desk) -> None:
    desk.store.decide(lambda tx, now: Decision(save=(incident(channel="C7", environment="staging"),)), NOON)
    for line in ("show", "pause", "rollback", "promote --full"):
        with pytest.raises(Refused, match=r"INC-7 is about `checkout` in `staging`.*Nothing was changed"):
            desk.types(line, channel="C7")
    assert desk.shop.patches == []
    assert "checkout" in desk.types("show checkout", channel="C7")


def test_an_effect_done_twice_does_nothing_the_second_time(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.confirms(desk.types("rollback checkout"))
    desk.works(ActOnRollout)
    sent = len(desk.shop.patches)
    assert desk.world.decide(rollouts.act(desk.world, ID)) == Decision()
    assert len(desk.shop.patches) == sent


def test_a_crash_after_the_call_and_before_the_commit_acts_once(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.confirms(desk.types("rollback checkout"))
    rollouts.act(desk.world, ID)  # the thought is lost
    sent = len(desk.shop.patches)
    desk.works(ActOnRollout)
    assert len(desk.shop.patches) == sent
    assert desk.request(ID).state is RequestState.ACTING


def test_what_is_so_already_is_not_said_to_be_sent(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.confirms(desk.types("rollback checkout"))
    rollouts.act(desk.world, ID)  # the thought is lost; somebody else may have done it as well
    decision = desk.world.decide(rollouts.act(desk.world, ID))
    assert "nothing was left to send to cluster" in decision.note[0].text


def test_a_second_confirmation_is_told_so(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    preview = desk.types("rollback checkout")
    desk.confirms(preview)
    with pytest.raises(Refused, match="already confirmed by <@U0DANA>"):
        desk.confirms(preview)


def test_a_deploy_between_preview_and_press_cancels(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    preview = desk.types("rollback checkout")
    desk.shop.ships("checkout", "v43", seconds=8)
    assert "is at v43 (revision 3) now, not at v42" in desk.confirms(preview)
    assert desk.request(ID).state is RequestState.CANCELLED
    assert desk.works(ActOnRollout) == []


def test_a_deploy_between_press_and_call_ends_the_request_with_words(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.confirms(desk.types("rollback checkout"))
    desk.shop.ships("checkout", "v43", seconds=8)
    with pytest.raises(Moved) as caught:
        rollouts.act(desk.world, ID)
    desk.world.decide(rollouts.gave_up(desk.world, ID, caught.value))
    assert desk.request(ID).state is RequestState.NOTHING
    assert "v43" in desk.store.read(lambda tx: tx.post(f"{ID}/outcome")).text


def test_an_action_is_never_done_long_after_it_was_asked_for(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.confirms(desk.types("rollback checkout"))
    desk.shop.passes(3600)
    with pytest.raises(ProviderError, match="too late to act") as caught:
        rollouts.act(desk.world, ID)
    assert caught.value.permanent
    assert not desk.shop.patches


def test_cancel(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    desk.types("rollback checkout")
    assert "cancelled; nothing was changed" in desk.types(f"cancel {ID}")
    with pytest.raises(Refused, match="withdrawn"):
        desk.types(f"confirm {ID}")
    with pytest.raises(Refused, match="no request"):
        desk.types("confirm INC-1/never")


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("by", "groups", "allowed"), [(BOB, {"S0": (BOB,)}, True), (BOB, {"S0": ()}, False), (CAROL, None, True)]
)
def test_group_members_and_owners_may_and_slack_being_down_stops_no_owner(
    desk: Desk, by: str, groups: dict[str, tuple[str, ...]] | None, allowed: bool
) -> None:
    desk.slack.groups = groups
    desk.shop.ships("payments", "v42", seconds=8)
    if allowed:
        assert "[Confirm]" in desk.types("rollback payments", by=by, channel="")
        return
    with pytest.raises(Refused, match="is on call for it"):
        desk.types("rollback payments", by=by, channel="")


def test_a_role_in_the_incident_is_enough(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    with pytest.raises(Refused, match="holds a role"):
        desk.types("rollback checkout", by=BOB)  # his turn is next week
    role = Assignment(incident="INC-7", role=Role.OPS, user=BOB, by=DANA, at=NOON)
    desk.store.decide(lambda tx, now: Decision(save=(role,)), NOON)
    assert "[Confirm]" in desk.types("rollback checkout", by=BOB)


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("line", "why", "instead"),
    [
        ("show chekout", "no service `chekout`", "/rollout show checkout"),
        ("show zzz", "no service `zzz`", "/rollout list"),
        ("rollback ledger", "`services.ledger.rollout`", "/rollout list"),
        ("promote checkout --ful", "`--ful`", "/rollout promote SERVICE [--full]"),
        ("promote checkout --now", "`--now`", "/rollout promote SERVICE [--full]"),
        ("abort checkout --full", "`--full`", "/rollout abort SERVICE"),
        ("rollback checkout --to", "`--to`", "/rollout rollback SERVICE [--to REV] [--now]"),
        ("check checkout pause --full", "`--full`", "/rollout pause SERVICE"),
        (
            "check checkout explode",
            "`explode` is not a verb",
            "/rollout check SERVICE pause|resume|promote|abort|retry|rollback",
        ),
        ("rolback checkout", "`rolback`", "/rollout rollback"),
    ],
)
def test_a_mistake_is_one_clear_sentence(desk: Desk, line: str, why: str, instead: str) -> None:
    with pytest.raises(Refused) as caught:
        desk.types(line)
    assert why in caught.value.why
    assert caught.value.instead == instead


def test_bare_is_a_tray(desk: Desk) -> None:
    assert "/rollout list" in desk.types("")


def test_the_list_says_what_cannot_be_read(desk: Desk) -> None:
    text = desk.types("list")
    assert "`checkout` v41, healthy" in text
    assert '`ghost` Kubernetes sandbox: HTTP 404: rollouts.argoproj.io "ghost" not found' in text
    assert "ledger" not in text


def test_check_changes_nothing_and_names_every_verb(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    text = desk.types("check checkout")
    assert [word in text for word in ("Pause: ", "Resume: ", "Promote: ", "Roll back: ", "v42")] == [True] * 5
    assert "Promote" not in desk.types("check checkout rollback")
    assert not desk.shop.patches


# ---------------------------------------------------------------- what became stable


def test_a_rollback_of_a_finished_release_goes_to_what_was_seen_stable(desk: Desk) -> None:
    rollouts.observe(desk.world)
    desk.shop.ships("checkout", "v42", seconds=900)
    rollouts.observe(desk.world)
    desk.shop.passes(10)
    rollouts.observe(desk.world)
    stables = desk.store.read(lambda tx: tx.stables("checkout", "production"))
    assert [stable.version for stable in stables] == ["v42", "v41"]
    assert "v42 (revision 2) → v41 (revision 1)" in desk.types("rollback checkout")


def test_rolling_back_twice_does_not_bring_the_bad_version_back(desk: Desk) -> None:
    rollouts.observe(desk.world)
    desk.shop.ships("payments", "v42", seconds=50)
    goes_on(desk, "promote payments")
    rollouts.observe(desk.world)
    goes_on(desk, "rollback payments")
    (waits,) = desk.store.read(lambda tx: [r for r in tx.requests("INC-7") if r.verb == "rollback"])
    assert "v41 waits to be promoted" in waits.outcome
    goes_on(desk, "promote payments")
    rollouts.observe(desk.world)
    assert desk.shop.cluster.rollouts["payments"].stable == "v41"
    with pytest.raises(Refused, match="not seen an earlier revision"):
        desk.types("rollback payments", by=CAROL)


def test_in_an_emergency_a_finished_release_is_undone_and_promoted_fully(desk: Desk) -> None:
    finished(desk)
    preview = desk.types("rollback payments", by=CAROL)
    assert "all 4 steps and their analysis are skipped" in preview
    desk.confirms(preview, by=CAROL)
    desk.works(ActOnRollout)
    assert desk.shop.patches[-1][0] == "rollouts"
    desk.works(VerifyRollout, seconds=2)  # the controller has seen the undo: now the rest is sent
    assert desk.shop.patches[-1][1]["status"] == {"promoteFull": True}
    sent = len(desk.shop.patches)
    desk.works(VerifyRollout, seconds=30)
    assert len(desk.shop.patches) == sent
    (request,) = rollbacks(desk)
    assert (request.state, request.intent) == (RequestState.DONE, "undo, then promote fully")
    assert desk.shop.cluster.rollouts["payments"].stable == "v41"


def test_a_pause_between_the_undo_and_its_full_promotion_ends_it(desk: Desk) -> None:
    """It is pressed at once by anybody, and what is overtaken promotes nothing any more."""
    finished(desk)
    desk.confirms(desk.types("rollback payments", by=CAROL), by=CAROL)
    desk.works(ActOnRollout)
    desk.shop.passes(1)
    desk.types("pause payments", by=BOB)
    desk.works(ActOnRollout)
    desk.works(VerifyRollout, seconds=30)
    assert [r.state for r in rollbacks(desk)] == [RequestState.CANCELLED]
    assert not any("promoteFull" in str(body) for _, body in desk.shop.patches)
    assert desk.shop.get("payments").paused


def test_the_rest_of_it_is_not_sent_long_after_it_was_asked_for(desk: Desk) -> None:
    finished(desk)
    desk.confirms(desk.types("rollback payments", by=CAROL), by=CAROL)
    desk.works(ActOnRollout)
    desk.works(VerifyRollout, seconds=3600)  # we were away
    assert not any("promoteFull" in str(body) for _, body in desk.shop.patches)
    (request,) = rollbacks(desk)
    assert request.state is RequestState.FAILED
    assert "not done yet, still moving: 3 of 4 steps" in request.outcome


def test_now_makes_any_rollback_of_a_finished_release_a_quick_one(desk: Desk) -> None:
    calm(desk)
    finished(desk)
    assert "through all 4 steps again" in desk.types("rollback payments", by=CAROL)
    assert "steps and their analysis are skipped" in desk.types("rollback payments --now", by=CAROL)
    assert "steps and their analysis are skipped" in desk.types("rollback payments --to v41 --now", by=CAROL)
    assert "the way back are skipped" in desk.types("check payments rollback --now", by=CAROL)


def test_the_policy_may_want_the_spec_mended_after_an_abort(desk: Desk) -> None:
    mends = replace(POLICY.services["checkout"], respec=True)
    desk.world = replace(desk.world, policy=replace(POLICY, services={"checkout": mends}))
    desk.shop.ships("checkout", "v42", seconds=8)
    preview = desk.types("rollback checkout")
    assert "Then v41 is put back into the spec too" in preview
    desk.confirms(preview)
    desk.works(ActOnRollout)
    desk.works(VerifyRollout, seconds=60)
    assert desk.request(ID).outcome == "stable revision v41 (revision 3), healthy, 10/10 available"


def test_abort_and_retry_from_typed_to_proven(desk: Desk) -> None:
    desk.shop.ships("checkout", "v42", seconds=8)
    goes_on(desk, "abort checkout", by=DANA)
    assert desk.shop.get().aborted
    goes_on(desk, "retry checkout", by=DANA)
    assert not desk.shop.get().aborted
    states = [(r.verb, r.state) for r in desk.store.read(lambda tx: tx.requests("INC-7"))]
    assert states == [("abort", RequestState.DONE), ("retry", RequestState.DONE)]


def test_two_people_in_two_incidents_who_confirm_at_the_same_moment_act_once(desk: Desk) -> None:
    other = incident(8, channel="C2", group="other", version=0)
    desk.store.decide(lambda tx, now: Decision(save=(other,)), NOON)
    role = Assignment(incident="INC-8", role=Role.OPS, user=BOB, by=BOB, at=NOON)
    desk.store.decide(lambda tx, now: Decision(save=(role,)), NOON)
    desk.shop.ships("checkout", "v42", seconds=8)
    asked = [(desk.types("rollback checkout"), DANA), (desk.types("promote checkout --full", BOB, "C2"), BOB)]
    at_once = Barrier(len(asked))

    def press(preview: str, by: str) -> str:
        at_once.wait()
        try:
            return desk.confirms(preview, by)
        except Refused as refused:
            return refused.why

    with ThreadPoolExecutor(len(asked)) as pool:
        said = list(pool.map(lambda each: press(*each), asked))
    assert sorted("is still under way; nothing was changed" in text for text in said) == [False, True], said
    desk.works(ActOnRollout)
    assert len(desk.shop.patches) == 1


def finished(desk: Desk) -> None:
    """payments went to v42, and both versions were seen being stable."""
    rollouts.observe(desk.world)
    desk.shop.ships("payments", "v42", seconds=50)
    goes_on(desk, "promote payments")
    rollouts.observe(desk.world)
    emergency = desk.store.read(lambda tx: tx.incident("INC-7"))
    about = replace(emergency, service="payments")
    desk.store.decide(lambda tx, now: Decision(save=(about,)), NOON)


def calm(desk: Desk) -> None:
    here = desk.store.read(lambda tx: tx.incident("INC-7"))
    desk.store.decide(lambda tx, now: Decision(save=(replace(here, severity=Severity.SEV3),)), NOON)


def rollbacks(desk: Desk) -> list[Request]:
    return desk.store.read(lambda tx: [r for r in tx.requests("INC-7") if r.verb == "rollback"])


def goes_on(desk: Desk, line: str, by: str = CAROL) -> None:
    desk.confirms(desk.types(line, by=by), by=by)
    desk.works(ActOnRollout)
    desk.works(VerifyRollout, seconds=60)
