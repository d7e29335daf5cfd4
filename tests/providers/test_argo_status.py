"""Reading Rollout objects: every phase, owner, step and oddity, as plain values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Request, Rollout, RolloutPhase
from handlers.providers.argo import next_call
from handlers.providers.argo_status import HASH, Seen, go_duration, in_words, understand
from handlers.providers.argo_template import template_of
from handlers.providers.objects import images, owned, owner_of, selector, tag, version
from tests.bot.rollout_values import request
from tests.providers.shops import target

Json = dict[str, Any]


def replica_set(version: str, number: int, available: int = 4, **template: Any) -> Json:
    return {
        "metadata": {
            "labels": {HASH: f"hash{version[1:]}"},
            "annotations": {"rollout.argoproj.io/revision": str(number)},
            "ownerReferences": [{"uid": "u1", "controller": True}],
        },
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "checkout", HASH: f"hash{version[1:]}"}, "creationTimestamp": None},
                "spec": {"containers": [{"name": "app", "image": f"shop/checkout:{version}"}]},
            }
            | template
        },
        "status": {"availableReplicas": available},
    }


def seen(spec: Json | None = None, status: Json | None = None, **meta: Any) -> Seen:
    steps = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": 300}}]
    rollout = {
        "metadata": {"uid": "u1", "generation": 3, "resourceVersion": "9", **meta},
        "spec": {"replicas": 4, "strategy": {"canary": {"steps": steps}}} | (spec or {}),
        "status": {
            "observedGeneration": "3",
            "phase": "Progressing",
            "currentPodHash": "hash42",
            "stableRS": "hash41",
            "currentStepIndex": 0,
            "availableReplicas": 4,
        }
        | (status or {}),
    }
    return Seen(rollout, (replica_set("v41", 1, 3), replica_set("v42", 2, 1)))


def read(spec: Json | None = None, status: Json | None = None, **meta: Any) -> Rollout:
    return understand(seen(spec, status, **meta), target("checkout"), "checkout", "production")


# ---------------------------------------------------------------- phase


def test_the_generation_that_was_observed_is_a_string() -> None:
    assert read().observed
    assert read(generation=4).message == "waiting for rollout spec update to be observed"


def test_a_hash_in_its_place_is_a_very_old_controller() -> None:
    assert read(status={"observedGeneration": "6c9fd7d5b"}).observed


def test_a_rollout_that_no_controller_has_seen() -> None:
    assert not read(status={"observedGeneration": None}).observed


def test_resumed_but_not_noticed_yet() -> None:
    rollout = read(status={"controllerPause": True, "phase": "Paused", "message": "CanaryPauseStep"})
    assert (rollout.phase, rollout.message) == (RolloutPhase.PROGRESSING, "waiting for rollout to unpause")


def test_a_workload_that_is_ahead_of_the_rollout() -> None:
    spec = {"workloadRef": {"kind": "Deployment", "name": "checkout"}}
    notes = {"rollout.argoproj.io/workload-generation": "7"}
    assert not read(spec, {"workloadObservedGeneration": "6"}, annotations=notes).observed
    assert read(spec, {"workloadObservedGeneration": "7"}, annotations=notes).observed
    assert read(spec).template_in == "Deployment checkout"


@pytest.mark.parametrize("phase", ["Healthy", "Degraded", "Paused", "Progressing"])
def test_else_the_phase_is_the_controllers(phase: str) -> None:
    rollout = read(status={"phase": phase, "message": "because"})
    assert (rollout.phase.value, rollout.message) == (phase.lower(), "because")


# ---------------------------------------------------------------- weight and steps

ROUTER = {"nginx": {}, "maxTrafficWeight": 1000}
ROUTED = {"strategy": {"canary": {"trafficRouting": ROUTER, "steps": [{"setWeight": 50}]}}}


def test_without_a_router_the_available_pods_are_the_weight() -> None:
    assert (read().weight, read().weight_set) == (25, 25)


def test_no_pods_no_weight() -> None:
    assert read(status={"availableReplicas": 0}).weight == 0


def test_a_router_says_the_weight_itself() -> None:
    weights = {"canary": {"weights": {"canary": {"weight": 30}}}}
    assert read(ROUTED, weights).weight == 3
    assert read(ROUTED).weight == 5  # not said yet: what was set


def test_after_the_last_step_it_has_all_there_is() -> None:
    assert read(status={"currentStepIndex": 4}).weight == 100
    assert read(ROUTED, {"currentStepIndex": 1}).weight == 100


def test_a_little_traffic_is_not_none() -> None:
    assert read(ROUTED, {"canary": {"weights": {"canary": {"weight": 1}}}}).weight == 1


def test_what_an_experiment_gets_beside_the_canary_is_told() -> None:
    weights = {"canary": {"weight": 10}, "additional": [{"weight": 5}, {"weight": 5}, "odd"]}
    rollout = read(ROUTED, {"canary": {"weights": weights, "currentExperiment": "checkout-1"}})
    assert rollout.analysis == "experiment checkout-1: under way, with 10 % of the traffic beside that"


def test_an_abort_wants_none() -> None:
    assert read(status={"abort": True}).weight_set == 0


def test_the_weight_of_a_pause_is_the_one_before_it() -> None:
    assert [read(status={"currentStepIndex": n}).weight_set for n in range(5)] == [25, 25, 50, 50, 100]


def test_a_blue_green_has_all_or_nothing() -> None:
    spec = {"strategy": {"blueGreen": {"activeService": "checkout"}}}
    assert read(spec, {"blueGreen": {"activeSelector": "hash41"}}).weight == 0
    assert read(spec, {"blueGreen": {"activeSelector": "hash42"}}).weight == 100


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"setWeight": 20}, "set weight 20%"),
        ({"pause": {}}, "pause until promoted"),
        ({"pause": None}, "pause until promoted"),
        ({"pause": {"duration": "5m"}}, "pause 5m"),
        ({"pause": {"duration": 300}}, "pause 5m"),
        ({"pause": {"duration": "7200"}}, "pause 2h"),
        ({"pause": {"duration": 90}}, "pause 90s"),
        ({"pause": {"duration": 0}}, "pause 0s"),
        ({"analysis": {"templates": []}}, "analysis"),
        ({"experiment": {"templates": []}}, "experiment"),
        ({"experiment": {"duration": "10m"}}, "experiment 10m"),
        ({"plugin": {"name": "acme/smoke"}}, "plugin acme/smoke"),
        ({"setCanaryScale": {"weight": 1}}, "set canary scale"),
        ({"somethingNew": 1}, "somethingNew"),
        ({}, "empty step"),
    ],
)
def test_steps_in_words(step: Json, words: str) -> None:
    assert in_words(step) == words


PAUSES = [
    ({"currentStepIndex": 1}, "CanaryPauseStep", True),
    ({"currentStepIndex": 3}, "CanaryPauseStep", False),
    ({"currentStepIndex": 3}, "InconclusiveAnalysisRun", True),
]


@pytest.mark.parametrize(("status", "reason", "for_person"), PAUSES)
def test_which_pauses_end_by_themselves(status: Json, reason: str, for_person: bool) -> None:
    rollout = read(status=status | {"pauseConditions": [{"reason": reason}]})
    assert (rollout.waiting, rollout.for_person) == (reason, for_person)


@pytest.mark.parametrize(("given", "for_person"), [({"autoPromotionSeconds": 20}, False), ({}, True)])
def test_a_blue_green_may_promote_itself(given: Json, for_person: bool) -> None:
    status = {"pauseConditions": [{"reason": "BlueGreenPause"}]}
    assert read({"strategy": {"blueGreen": given}}, status).for_person is for_person


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("shop/checkout:v42", "v42"),
        ("host:5000/shop/checkout:v42", "v42"),
        ("host:5000/shop/checkout", ""),
        ("shop/checkout:v42@sha256:0123456789abcdef", "v42"),
        ("shop/checkout@sha256:0123456789abcdef", "0123456789ab"),
        ("", ""),
    ],
)
def test_the_version_is_the_tag_of_the_image(image: str, expected: str) -> None:
    assert tag(image) == expected


def test_of_several_containers_the_one_named_like_the_service_counts() -> None:
    containers = [{"name": "proxy", "image": "envoy:1"}, {"name": "checkout", "image": "shop/checkout:v42"}]
    assert version({"spec": {"containers": containers}}, "checkout") == "v42"
    assert version({"spec": {"containers": containers}}, "other") == "1"


def test_only_its_own_replica_sets_count() -> None:
    foreign = replica_set("v7", 7)
    foreign["metadata"]["ownerReferences"] = [{"uid": "u2", "controller": True}]
    mine = replica_set("v42", 2)
    assert owned({"metadata": {"uid": "u1"}}, [foreign, mine]) == (mine,)


def test_a_selector_of_expressions() -> None:
    expressions = [
        {"key": "app", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    spec = {"selector": {"matchLabels": {"x": "y"}, "matchExpressions": expressions}}
    assert selector({"spec": spec}) == "x=y,app in (a,b),!old"
    assert selector({"spec": spec, "status": {"selector": "x=z"}}) == "x=z"


def managed(manager: str, subresource: str = "") -> Json:
    entry = {"manager": manager, "fieldsV1": {"f:spec": {"f:template": {}}}, "subresource": subresource}
    return {"managedFields": [entry]}


@pytest.mark.parametrize(
    ("meta", "owner"),
    [
        ({}, ""),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:argoproj.io/Rollout:shop/checkout"}},
            "Argo CD app shop",
        ),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD app shop"),
        (managed("argocd-controller"), "Argo CD"),
        (managed("argocd-controller") | {"labels": {"app.kubernetes.io/instance": "shop"}}, "Argo CD app shop"),
        ({"labels": {"app.kubernetes.io/instance": "shop"}}, ""),  # charts set it too
        (managed("kubectl-client-side-apply"), ""),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux Kustomization flux/apps",
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux HelmRelease flux/shop",
        ),
        (managed("kustomize-controller"), "Flux"),
        (
            {
                "annotations": {"meta.helm.sh/release-name": "shop"},
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
            },
            "Helm release shop",
        ),
    ],
)
def test_who_else_writes_it(meta: Json, owner: str) -> None:
    assert owner_of({"metadata": meta}) == owner


def test_an_autoscaler_leaves_its_mark() -> None:
    assert read(**managed("kube-controller-manager", "scale")).autoscaled
    assert not read(**managed("kubectl", "scale")).autoscaled


# ---------------------------------------------------------------- going back

AFFINITY = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchExpressions": [{"key": HASH, "operator": "NotIn", "values": ["hash41"]}]}}
        ]
    }
}


def test_undo_strips_ephemeral_metadata_and_the_hash() -> None:
    rs = replica_set("v41", 1)
    rs["spec"]["template"]["metadata"] |= {
        "labels": {"app": "checkout", HASH: "hash41", "role": "stable"},
        "annotations": {"injected": "yes"},
    }
    rs["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = (
        '{"labels": {"role": "stable"}, "annotations": {"injected": "yes"}}'
    )
    assert template_of(rs)["metadata"] == {"labels": {"app": "checkout"}}
    assert rs["spec"]["template"]["metadata"]["labels"]["role"] == "stable"  # what was read stays as it was


def test_undo_strips_the_affinity_that_the_controller_injected_and_no_other() -> None:
    rs = replica_set("v41", 1)
    own = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "checkout"}}}
    (injected,) = AFFINITY["podAntiAffinity"].values()
    preferred = [{"weight": 1, "podAffinityTerm": injected[0]}]
    pod = rs["spec"]["template"]["spec"]
    pod["affinity"] = AFFINITY
    assert "affinity" not in template_of(rs)["spec"]
    key = "preferredDuringSchedulingIgnoredDuringExecution"
    pod["affinity"] = {"podAntiAffinity": {key: [*preferred, {"weight": 9, "podAffinityTerm": own}]}}
    kept = template_of(rs)["spec"]["affinity"]["podAntiAffinity"][key]
    assert kept == [{"weight": 9, "podAffinityTerm": own}]


@pytest.mark.parametrize("written", ["not json", "[]", "7", None])
def test_a_broken_record_of_ephemeral_metadata_is_none(written: str | None) -> None:
    rs = replica_set("v41", 1)
    rs["metadata"]["annotations"]["rollout.argoproj.io/ephemeral-metadata"] = written
    assert template_of(rs)["metadata"]["labels"] == {"app": "checkout"}


def sends(request: Request, at: Seen) -> Any:
    call = next_call(at, understand(at, target("checkout"), "checkout", "production"), request)
    return call.body if call else None


def test_an_undo_tests_the_version_and_replaces_the_template_alone() -> None:
    test, replace = sends(request(intent="undo"), seen())
    assert test == {"op": "test", "path": "/metadata/resourceVersion", "value": "9"}
    assert (replace["op"], replace["path"]) == ("replace", "/spec/template")
    assert replace["value"]["spec"]["containers"][0]["image"] == "shop/checkout:v41"


def test_going_on_after_an_inconclusive_analysis_completes_the_step_by_hand() -> None:
    status = {
        "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}],
        "controllerPause": True,
        "canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Inconclusive"}},
    }
    asked = request(intent="resume", reviewed_step=0, reviewed_wait="InconclusiveAnalysisRun")
    wanted = {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 1}
    assert sends(asked, seen(status=status))["status"] == wanted


# ---------------------------------------------------------------- whatever it says

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("strategy", "replicas", "paused", "selector", "workloadRef", "template")
STATUS = ("pauseConditions", "canary", "blueGreen", "currentStepIndex", "phase", "abort", "stableRS")


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.dictionaries(st.sampled_from(STATUS), json_values),
    st.dictionaries(st.sampled_from(("labels", "annotations", "managedFields", "generation")), json_values),
)
def test_odd_objects_do_not_break_it(spec: Json, status: Json, meta: Json) -> None:
    odd = seen(spec, status, **meta)
    assert understand(odd, target("checkout"), "checkout", "production").service == "checkout"
    selector(odd.object)


@given(st.fixed_dictionaries({"canary": st.fixed_dictionaries({"steps": json_values, "trafficRouting": json_values})}))
def test_odd_strategies_do_not_break_it(strategy: Json) -> None:
    assert read({"strategy": strategy}).strategy == "canary"


# ---------------------------------------------------------------- when it goes on by itself

BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAUSE = {"reason": "CanaryPauseStep", "startTime": "2026-11-21T12:00:00Z"}


def test_a_timed_pause_ends_by_itself_at_a_known_time() -> None:
    timed = {"currentStepIndex": 3, "pauseConditions": [PAUSE]}
    assert read(status=timed).goes_on_at == BEGAN + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({}, {"currentStepIndex": 1, "pauseConditions": [PAUSE]}),  # open-ended
        ({"paused": True}, {"currentStepIndex": 3, "pauseConditions": [PAUSE]}),
        ({}, {"currentStepIndex": 3, "pauseConditions": [PAUSE], "abort": True}),
        ({}, {"currentStepIndex": 3, "pauseConditions": [PAUSE | {"startTime": "soon"}]}),
        ({}, {"currentStepIndex": 3, "pauseConditions": [PAUSE | {"reason": "InconclusiveAnalysisRun"}]}),
        ({}, {"currentStepIndex": 3}),
    ],
)
def test_what_is_held_or_unknown_has_no_countdown(spec: Json, status: Json) -> None:
    assert read(spec, status).goes_on_at is None


def test_a_switch_that_comes_by_itself_has_a_countdown() -> None:
    spec = {"strategy": {"blueGreen": {"autoPromotionSeconds": 90}}}
    pause = {"reason": "BlueGreenPause", "startTime": "2026-11-21T12:00:00Z"}
    assert read(spec, {"pauseConditions": [pause]}).goes_on_at == BEGAN + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(300, 300), ("300", 300), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), ("100ms", 0.1), ("soon", None), ("", None)],
)
def test_durations_as_go_writes_them(written: Any, seconds: float | None) -> None:
    assert go_duration(written) == (None if seconds is None else timedelta(seconds=seconds))


def test_both_sides_have_their_images_and_pods() -> None:
    rollout = read()
    assert rollout.current.images == ("shop/checkout:v42",)
    assert rollout.stable is not None
    assert rollout.stable.images == ("shop/checkout:v41",)
    assert (rollout.current.available, rollout.stable.available) == (1, 3)
    assert images({"spec": {"containers": [{"image": "a:1"}, None, {"name": "b"}]}}) == ("a:1", "")


def test_a_router_keeps_the_weights_or_the_number_of_pods_does() -> None:
    assert not read().routed
    assert read({"strategy": {"canary": {"trafficRouting": {"nginx": {}}}}}).routed


def test_behind_the_last_step_the_routers_word_counts_until_it_is_stable() -> None:
    """A full promotion whose pods do not come up has the last step behind it, and not all the traffic."""
    weights = {"canary": {"weights": {"canary": {"weight": 800}}}, "currentStepIndex": 4}
    assert read(ROUTED, weights | {"currentPodHash": "b", "stableRS": "a"}).weight == 80
    assert read(ROUTED, weights | {"currentPodHash": "b", "stableRS": "b"}).weight == 100


def test_pods_that_cannot_be_made_say_why() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    assert (
        read(status={"conditions": [failure], "message": "waiting"}).message == "waiting; FailedCreate: exceeded quota"
    )
