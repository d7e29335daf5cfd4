"""Rollouts through the use cases: the real store, the real provider, and the pretend cluster behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cards.plain import as_text
from bot.commands import Ask
from bot.decision import ActOnRollout, Card, Decision, VerifyRollout
from bot.errors import Moved, ProviderError, Refused
from bot.model import Assignment, Request, RequestState, Role
from bot.policy import Group, Policy, Rota, Rule, Service
from handlers import rollouts
from handlers.world import World
from storage.store import Store
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
    shop, store = Shop(front, tmp_path), Store("sqlite://")
    store.migrate()
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
        ("promote checkout --full", "`--full`", "/rollout promote SERVICE"),
        ("rollback checkout --to", "`--to`", "/rollout rollback SERVICE [--to REV]"),
        ("check checkout explode", "`explode` is not a verb", "/rollout check SERVICE pause|resume|promote|rollback"),
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


def goes_on(desk: Desk, line: str) -> None:
    desk.confirms(desk.types(line, by=CAROL), by=CAROL)
    desk.works(ActOnRollout)
    desk.works(VerifyRollout, seconds=60)
