"""After an act: it holds, it is put back or lifted, it is overtaken, or nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import vigils
from bot.dangers import Figures
from bot.decision import Decision, SendPost, WatchRollout
from bot.model import Keeper, Post, Request, RequestState, Reverts, Rollout, RolloutPhase, Verb, Vigil
from bot.policy import Policy
from tests.blockkit import check_message
from tests.bot.rollout_values import V41, V42, V43, idle, in_flight, request
from tests.values import NOON, minutes

POLICY = Policy()
LATER = NOON + minutes(1)
HEALS = Keeper(
    tool="Argo CD",
    kind="Application",
    name="shop",
    namespace="argocd",
    reverts=Reverts.AT_ONCE,
    setting='{"selfHeal":true}',
    commit="d34c3f3b",
    repository="https://git.example/deploy.git",
)
BACK = idle(current=V41, stable=V41, history=(V42, V41))
PUT_BACK = idle(
    current=V42, stable=V42, history=(V42, V41), keeper=HEALS, written_by="argocd-controller", written_at=NOON
)


def undo(**other: Any) -> Request:
    return request(**{"intent": "undo", "state": RequestState.DONE, "acted_at": NOON, "settled_at": NOON} | other)


def begun(asked: Request | None = None, others: tuple[Vigil, ...] = ()) -> Decision:
    return vigils.begin(asked or undo(), others, POLICY, NOON)


def vigil(**other: Any) -> Vigil:
    found = next(noun for noun in begun().save if isinstance(noun, Vigil))
    return replace(found, **{"version": 1} | other)


def look(rollout: Rollout, at: datetime = LATER, figures: Figures | None = None, **other: Any) -> Decision:
    return vigils.looked(vigil(**other), undo(), rollout, figures, POLICY, at)


def posts(decision: Decision) -> list[Post]:
    return [noun for noun in decision.save if isinstance(noun, Post)]


def after(decision: Decision) -> Vigil:
    return [noun for noun in decision.save if isinstance(noun, Vigil)][-1]


def text(decision: Decision) -> str:
    return "; ".join(entry.text for entry in decision.note)


def test_a_proven_rollback_is_watched_for_half_an_hour_and_first_soon_after_argo_cd_would_heal() -> None:
    decision = begun()
    assert after(decision).until == NOON + minutes(30)
    assert decision.do == (WatchRollout(undo().id, due=NOON + timedelta(seconds=10)),)


def test_one_that_was_put_back_before_it_was_proven_is_looked_at_at_once() -> None:
    assert begun(undo(state=RequestState.FAILED)).do == (WatchRollout(undo().id, due=NOON),)


@pytest.mark.parametrize(
    "asked", [undo(state=RequestState.NOTHING), undo(state=RequestState.ACTING), undo(state=RequestState.CANCELLED)]
)
def test_what_changed_nothing_for_good_is_not_watched(asked: Request) -> None:
    assert begun(asked) == Decision()


def test_another_rollback_ends_the_vigil_before_it() -> None:
    old = vigil(id="INC-7/rollback/checkout/0")
    assert replace(old, ended_at=NOON) in begun(others=(old,)).save


def test_while_it_holds_nothing_is_said() -> None:
    decision = look(BACK)
    assert (decision.save, decision.note) == ((), ())
    assert decision.do == (WatchRollout(undo().id, due=NOON + minutes(1.5)),)


def test_it_held_is_one_line_on_the_timeline_and_no_message() -> None:
    decision = look(BACK, NOON + minutes(30))
    assert text(decision) == "rollback of checkout to v41 held"
    assert after(decision).ended_at == NOON + minutes(30)
    assert (posts(decision), decision.do) == ([], ())


@pytest.mark.parametrize(
    ("rollout", "figures", "why"),
    [
        (replace(BACK, phase=RolloutPhase.DEGRADED), None, "it is degraded"),
        (replace(BACK, stable_available=3), None, "3/4 replicas available"),
        (BACK, Figures(by_version={"v41": 0.2}), "v41 fails 20.0% of requests"),
        (BACK, Figures(missing="Prometheus: HTTP 503"), "no error figures for v41 (Prometheus: HTTP 503)"),
        (BACK, Figures(by_version={"v42": 0.0}), "no error figures for v41"),
    ],
)
def test_missing_or_bad_evidence_is_not_green(rollout: Rollout, figures: Figures | None, why: str) -> None:
    decision = look(rollout, NOON + minutes(30), figures)
    assert why in text(decision)
    assert f"held, but I cannot call it well: {why}" in posts(decision)[0].text  # without figures it may well be
    assert look(BACK, NOON + minutes(30), Figures(by_version={"v41": 0.001})).do == ()


def test_put_back_is_said_with_who_and_when_and_what_would_last() -> None:
    decision = look(PUT_BACK)
    (post,) = posts(decision)
    check_message(post.text, post.blocks)
    said = str(post.blocks)
    assert "did not stick" in said
    assert "Argo CD Application shop (argocd-controller)" in said
    assert "git revert d34c3f3b" in said
    assert "rollout suspend checkout" in said
    assert "rollout rollback checkout --to hash41" in said
    assert "v42 was put back by Argo CD Application shop" in text(decision)
    assert SendPost(post.id) in decision.do


def test_what_was_touched_and_not_seen_by_its_controller_is_not_called_put_back() -> None:
    """Until it has looked, an abort that holds may read as none."""
    assert posts(look(replace(PUT_BACK, observed=False))) == []


def test_it_is_said_once_however_often_it_swings() -> None:
    broken = after(look(PUT_BACK))
    again = vigils.looked(broken, undo(), PUT_BACK, None, POLICY, NOON + minutes(2))
    assert (posts(again), again.note) == ([], ())
    back = vigils.looked(broken, undo(), BACK, None, POLICY, NOON + minutes(3))
    assert text(back) == "v41 serves again"
    third = vigils.looked(after(back), undo(), PUT_BACK, None, POLICY, NOON + minutes(4))
    assert posts(third) == []
    assert "did not stick" in text(third)


def test_somebody_with_kubectl_is_named_and_there_is_nothing_to_switch_off() -> None:
    decision = look(replace(PUT_BACK, keeper=None, written_by="kubectl-edit"))
    assert "put back by kubectl-edit" in text(decision)
    assert "rollout suspend" not in str(posts(decision)[0].blocks)


def test_an_abort_that_somebody_retries_did_not_stick() -> None:
    aborted = in_flight(aborted=True, weight=0)
    assert look(aborted).note == ()
    assert "did not stick" in text(look(replace(aborted, aborted=False, weight=20)))


def test_a_newer_deploy_ends_the_vigil_without_a_message() -> None:
    decision = look(idle(current=V43, stable=V43, history=(V43, V41)))
    assert text(decision) == "overtaken: checkout is at v43 (revision 3) now"
    assert (posts(decision), decision.do) == ([], ())


def test_what_is_on_its_way_is_neither_held_nor_put_back() -> None:
    decision = look(in_flight(current=V41, stable=V42))
    assert decision.note == ()
    assert len(decision.do) == 1


def test_a_cluster_that_does_not_answer_is_asked_until_the_end_and_then_it_is_not_known() -> None:
    early = vigils.unseen(vigil(), undo(), "HTTP 503", POLICY, NOON + minutes(5))
    assert (early.note, len(early.do)) == ((), 1)
    late = vigils.unseen(vigil(), undo(), "HTTP 503", POLICY, NOON + minutes(30))
    assert "not known whether it held; HTTP 503" in text(late)
    assert after(late).ended_at


def test_what_is_over_is_over() -> None:
    assert look(PUT_BACK, ended_at=NOON) == Decision()
    assert vigils.unseen(vigil(ended_at=NOON), undo(), "x", POLICY, NOON) == Decision()


def test_without_a_channel_it_is_only_noted() -> None:
    decision = look(PUT_BACK, channel="")
    assert (posts(decision), "did not stick" in text(decision)) == ([], True)


# ---------------------------------------------------------------- a pause, and a release that is to go on


def forward(verb: Verb, **other: Any) -> Request:
    """An act on v42, which is at 20 %."""
    id = f"INC-7/{verb}/checkout/2"
    return undo(**{"id": id, "verb": verb, "intent": verb.value, "to_revision": "hash42", "to_version": "v42"} | other)


def sees(asked: Request, rollout: Rollout, at: datetime = LATER, **other: Any) -> Decision:
    return vigils.looked(after(begun(asked)), asked, rollout, None, POLICY, at, **other)


PAUSE, RESUME, PROMOTE = forward(Verb.PAUSE), forward(Verb.RESUME, intent="resume"), forward(Verb.PROMOTE)
PAUSED = in_flight(paused=True, phase=RolloutPhase.PAUSED)
DONE = idle(current=V42, stable=V42, history=(V42, V41), weight=100)


@pytest.mark.parametrize("asked", [PAUSE, RESUME, PROMOTE, forward(Verb.RETRY), undo(verb=Verb.ABORT, intent="abort")])
def test_after_any_act_somebody_looks_on(asked: Request) -> None:
    assert after(begun(asked)).id == asked.id
    assert begun(replace(asked, state=RequestState.FAILED)) == Decision()  # the outcome says so already


@pytest.mark.parametrize(
    ("asked", "rollout", "kept"),
    [
        (PAUSE, PAUSED, "pause of checkout at v42 held"),
        (RESUME, DONE, "resume of checkout to v42 held"),
        (PROMOTE, DONE, "promotion of checkout to v42 held"),
    ],
    ids=["pause", "resume", "promote"],
)
def test_what_was_kept_is_one_line_at_the_end_and_no_message(asked: Request, rollout: Rollout, kept: str) -> None:
    assert sees(asked, rollout).note == ()
    decision = sees(asked, rollout, NOON + minutes(30))
    assert (text(decision), posts(decision), decision.do) == (kept, [], ())


@pytest.mark.parametrize(
    ("asked", "rollout", "why"),
    [
        (PAUSE, in_flight(weight=50), "somebody resumed it, and v42 (revision 2) gets 50 % of the traffic"),
        (PAUSE, DONE, "somebody promoted it, and v42 (revision 2) is stable"),
        (PAUSE, in_flight(keeper=HEALS), "Argo CD Application shop writes it, too, and may have done it"),
        (RESUME, PAUSED, "somebody paused it by hand"),
        (PROMOTE, in_flight(aborted=True, message="analysis\nfailed"), "v42 (revision 2) was aborted: analysis failed"),
        (
            PROMOTE,
            in_flight(phase=RolloutPhase.DEGRADED, message="ProgressDeadlineExceeded"),
            "it stopped short: Progr",
        ),
        (PROMOTE, in_flight(waiting="InconclusiveAnalysisRun", message=""), "as its analysis is inconclusive"),
    ],
    ids=["resumed", "promoted", "gitops", "paused", "aborted", "degraded", "inconclusive"],
)
def test_what_breaks_it_is_said_once_and_the_vigil_is_over(asked: Request, rollout: Rollout, why: str) -> None:
    decision = sees(asked, rollout)
    (post,) = posts(decision)
    check_message(post.text, post.blocks)
    assert "*did not hold*" in post.text
    assert why in text(decision)
    assert after(decision).ended_at == LATER
    assert [type(effect) for effect in decision.do] == [SendPost]


def test_an_older_revision_in_the_place_of_what_was_promoted_was_put_back() -> None:
    made = {"v41": NOON - minutes(60), "v42": NOON - minutes(5), "v43": NOON + minutes(1)}
    v41, v42, v43 = (replace(each, created_at=made[each.version]) for each in (V41, V42, V43))
    back = in_flight(current=v41, stable=v42, history=(v41, v42), written_by="argocd-controller")
    assert "v41 (revision 1) was put back by argocd-controller" in text(sees(PROMOTE, back))
    newer = sees(PROMOTE, in_flight(current=v43, stable=v42, history=(v43, v42)))
    assert (text(newer), posts(newer)) == ("overtaken: checkout is at v43 (revision 3) now", [])


def test_a_release_that_takes_its_time_breaks_no_promise() -> None:
    decision = sees(PROMOTE, in_flight(phase=RolloutPhase.PAUSED, waiting="CanaryPauseStep"))
    assert (decision.note, len(decision.do)) == ((), 1)
    late = sees(PROMOTE, in_flight(), NOON + minutes(30))
    assert text(late).startswith("watch over the promotion of checkout ends: it is not over yet; the cluster shows")
    assert posts(late) == []


def test_a_pause_of_what_was_aborted_is_no_longer_of_use() -> None:
    decision = sees(PAUSE, in_flight(aborted=True))
    assert (text(decision), posts(decision)) == ("overtaken: it was aborted", [])


def test_what_we_are_just_doing_ourselves_breaks_no_promise() -> None:
    """Whoever confirmed the resume is about to hear of it; then that is watched."""
    decision = sees(PAUSE, in_flight(), acting=True)
    assert (decision.note, len(decision.do)) == ((), 1)
    assert replace(after(begun(PAUSE)), ended_at=NOON) in begun(RESUME, others=(after(begun(PAUSE)),)).save


def test_what_the_controller_has_not_seen_yet_is_not_judged() -> None:
    assert sees(PAUSE, in_flight(observed=False)).note == ()


def test_a_pause_that_was_lifted_can_be_renewed_while_there_is_something_to_pause() -> None:
    assert "rollout pause checkout" in str(posts(sees(PAUSE, in_flight()))[0].blocks)
    assert "rollout pause checkout" not in str(posts(sees(PAUSE, DONE))[0].blocks)


@pytest.mark.parametrize(
    ("doubts", "words"),
    [
        (None, "rollback of checkout to v41 held"),
        ((), "rollback of checkout to v41 held, and its probes are good"),
        (("probe prices is red: HTTP 503, not 200",), "held, but I cannot call it well: probe prices is red: HTTP 503"),
    ],
)
def test_what_customers_see_is_part_of_the_proof(doubts: tuple[str, ...] | None, words: str) -> None:
    end = NOON + minutes(30)
    decision = vigils.looked(vigil(), undo(), BACK, None, POLICY, end, doubts=doubts)
    assert words in text(decision)
    assert after(decision).ended_at == end
    assert len(posts(decision)) == bool(doubts)
