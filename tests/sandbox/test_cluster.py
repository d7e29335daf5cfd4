"""The pretend cluster behaves as a real one does, traps included, and the official client works against it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.client import ApiException

from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster, kubeconfig
from sandbox.server import application, serve
from sandbox.workloads import Share
from sandbox.world import Sandbox

GROUP = ("argoproj.io", "v1alpha1", "shop", "rollouts")
MERGE = "application/merge-patch+json"


@pytest.fixture
def later(clock: FrozenClock, cluster: Cluster) -> Callable[[float], Any]:
    """Lets time pass and answers with checkout as it is then."""

    def pass_time(seconds: float, name: str = "checkout") -> Any:
        clock.advance(seconds=seconds)
        return cluster.workload(name)

    return pass_time


@pytest.fixture
def url(world: Sandbox) -> Iterator[str]:
    with serve(application(world)) as served:
        yield served.url + "/cluster"
        world.cluster.close()


@pytest.fixture
def api(url: str) -> Iterator[client.ApiClient]:
    configuration = client.Configuration(host=url)
    configuration.retries = False
    with client.ApiClient(configuration) as api:
        yield api


def abort(cluster: Cluster, name: str = "checkout") -> None:
    cluster.patch(name, {"status": {"abort": True}}, "status")


def at_half(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("checkout", image="shop/checkout:v42")
    assert later(20).weight == 50


# --- a canary


def test_the_shop_starts_healthy_with_an_hour_of_history(cluster: Cluster) -> None:
    assert {name: (w.phase, w.stable) for name, w in cluster.workloads.items()} == dict.fromkeys(
        ("checkout", "payments", "storefront", "search"), ("Healthy", "v41")
    )
    assert cluster.traffic("checkout")[0].shares == (Share("stable", "v41", 100.0),)


def test_a_canary_goes_through_its_steps_as_time_passes(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("checkout", image="shop/checkout:v42")
    story = [(w.phase, w.message, w.step, w.weight) for w in (later(1), later(2), later(10), later(5), later(600))]
    assert story == [
        ("Progressing", "more replicas need to be updated", 0, 0),
        ("Paused", "CanaryPauseStep", 1, 10),
        ("Progressing", "more replicas need to be updated", 2, 10),
        ("Paused", "CanaryPauseStep", 3, 50),
        ("Progressing", "waiting for all steps to complete", 4, 50),
    ]
    done = later(60)
    assert (done.phase, done.stable, done.step, done.weight) == ("Healthy", "v42", 5, 0)
    assert [(s.version, s.desired) for s in done.sets] == [("v42", 10), ("v41", 0)]


def test_what_happened_does_not_depend_on_how_often_somebody_looked(clock: FrozenClock) -> None:
    watched, alone = Cluster(clock), Cluster(clock)
    for cluster in (watched, alone):
        cluster.deploy("checkout", image="shop/checkout:v42")
        cluster.deploy("payments", image="shop/payments:v42")
    for _ in range(80):
        clock.advance(seconds=1)
        watched.reconcile()
    for name in ("checkout", "payments"):
        assert list(alone.traffic(name)) == list(watched.traffic(name))
        assert alone.workload(name).status == watched.workload(name).status


def test_without_a_router_the_weight_is_the_share_of_the_pods(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("payments", image="shop/payments:v42")
    assert [s.ready for s in later(5, "payments").sets] == [1, 3]
    assert later(40, "payments").shares == (Share("canary", "v42", 50.0), Share("stable", "v41", 50.0))
    cluster.patch("payments", {"status": {"pauseConditions": None}}, "status")
    assert (later(10, "payments").phase, cluster.workload("payments").stable) == ("Healthy", "v42")


def test_an_abort_takes_the_traffic_at_once_and_the_pods_later(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    abort(cluster)
    aborted = later(1)
    assert (aborted.phase, aborted.message) == ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
    assert (aborted.weight, aborted.step, aborted.stable, aborted.current) == (0, 0, "v41", "v42")
    assert [(s.version, s.ready) for s in aborted.sets] == [("v42", 5), ("v41", 10)]
    assert aborted.status["abortedAt"] == "2026-11-21T09:00:20Z"
    assert [(s.version, s.ready) for s in later(30).sets] == [("v42", 0), ("v41", 10)]


def test_a_retry_starts_over(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    abort(cluster)
    later(1)
    cluster.patch("checkout", {"status": {"abort": False}}, "status")
    retried = later(5)
    assert (retried.weight, retried.aborted, retried.status.get("abortedAt")) == (10, False, None)


def test_undo_to_the_stable_template_ends_healthy_without_steps(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    abort(cluster)
    later(1)
    cluster.deploy("checkout", image="shop/checkout:v41", by="kubectl")
    back = later(2)
    assert (back.phase, back.step, back.aborted, back.weight) == ("Healthy", 5, False, 0)
    assert [(s.version, s.revision) for s in back.sets] == [("v41", 3), ("v42", 2)]
    assert back.sets[0].object["metadata"]["annotations"]["rollout.argoproj.io/revision-history"] == "1"


def test_pods_that_never_come_up_end_in_a_missed_deadline(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.replicas.broken_images.add("shop/checkout:v44")
    cluster.deploy("checkout", image="shop/checkout:v44")
    assert (later(500).phase, cluster.workload("checkout").weight) == ("Progressing", 0)
    late = later(200)
    assert late.phase == "Degraded"
    assert late.message.startswith("ProgressDeadlineExceeded: ReplicaSet")


# --- the traps


def test_a_full_promotion_of_an_aborted_rollout_ships_the_bad_version(
    cluster: Cluster, later: Callable[..., Any]
) -> None:
    at_half(cluster, later)
    abort(cluster)
    later(1)
    cluster.patch("checkout", {"status": {"promoteFull": True}}, "status")
    assert (later(30).stable, cluster.workload("checkout").phase) == ("v42", "Healthy")


def test_a_plain_promote_of_an_aborted_rollout_does_nothing(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    abort(cluster)
    later(1)
    cluster.patch("checkout", {"status": {"pauseConditions": None, "currentStepIndex": 1}}, "status")
    still = later(60)
    assert (still.aborted, still.step, still.stable) == (True, 0, "v41")


def test_an_abort_is_ignored_while_a_full_promotion_is_pending(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    cluster.patch("checkout", {"status": {"promoteFull": True}}, "status")
    later(1)
    abort(cluster)
    assert (later(1).aborted, later(30).stable) == (False, "v42")


def test_an_abort_that_also_withdraws_the_full_promotion_works(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    cluster.patch("checkout", {"status": {"promoteFull": True}}, "status")
    later(1)
    cluster.patch("checkout", {"status": {"abort": True, "promoteFull": False}}, "status")
    assert (later(1).aborted, later(30).stable, cluster.workload("checkout").weight) == (True, "v41", 0)


def test_an_abort_of_a_paused_canary_leaves_its_pods_serving(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("payments", image="shop/payments:v42")
    later(5, "payments")
    cluster.patch("payments", {"spec": {"paused": True}})
    later(1, "payments")
    abort(cluster, "payments")
    stuck = later(60, "payments")
    assert (stuck.phase, stuck.aborted, stuck.weight) == ("Degraded", True, 25)
    cluster.patch("payments", {"spec": {"paused": False}})
    assert later(5, "payments").weight == 0


def test_an_abort_of_what_is_stable_is_dropped(cluster: Cluster, later: Callable[..., Any]) -> None:
    abort(cluster)
    assert (later(1).aborted, cluster.workload("checkout").phase) == (False, "Healthy")


def test_a_full_promotion_before_the_template_is_observed_is_lost(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("checkout", image="shop/checkout:v42")
    assert not cluster.workload("checkout").observed
    cluster.patch("checkout", {"status": {"promoteFull": True}}, "status")
    seen = later(3)
    assert (seen.observed, seen.stable, seen.weight, "promoteFull" in seen.status) == (True, "v41", 10, False)


def test_a_pause_by_a_person_stops_steps_and_scaling(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    cluster.patch("checkout", {"spec": {"paused": True, "replicas": 20}})
    held = later(900)
    assert (held.phase, held.message, held.weight) == ("Paused", "manually paused", 50)
    assert [s.desired for s in held.sets] == [5, 10]


def test_resuming_a_pause_step_is_seen_only_after_the_controller(cluster: Cluster, later: Callable[..., Any]) -> None:
    at_half(cluster, later)
    cluster.patch("checkout", {"status": {"pauseConditions": None}}, "status")
    now = cluster.workload("checkout").status
    assert (now["controllerPause"], now.get("pauseConditions")) == (True, None)
    assert later(1).step == 4


def test_a_first_deploy_has_nothing_to_go_back_to(clock: FrozenClock) -> None:
    cluster = Cluster(clock, manifests=())
    manifest = Cluster(clock).workload("checkout").object
    cluster.create({"kind": "Rollout", "metadata": {"name": "new", "namespace": "shop"}, "spec": manifest["spec"]})
    clock.advance(seconds=1)
    assert (cluster.workload("new").stable, cluster.workload("new").weight) == ("", 0)
    abort(cluster, "new")
    clock.advance(seconds=60)
    assert (cluster.workload("new").phase, cluster.workload("new").stable) == ("Degraded", "")


# --- the other strategies


def test_blue_green_switches_after_its_pause_and_keeps_the_old_pods_for_a_while(
    cluster: Cluster, later: Callable[..., Any]
) -> None:
    cluster.deploy("storefront", image="shop/storefront:v42")
    waiting = later(10, "storefront")
    assert (waiting.message, waiting.weight) == ("BlueGreenPause", 0)
    switched = later(20, "storefront")
    assert (switched.phase, switched.stable, [s.ready for s in switched.sets]) == ("Healthy", "v42", [4, 4])
    cluster.deploy("storefront", image="shop/storefront:v41")
    assert later(1, "storefront").stable == "v41", "pods that still run are switched to at once"
    assert [(s.version, s.ready) for s in later(40, "storefront").sets] == [("v41", 4), ("v42", 0)]


def test_a_deployment_rolls_and_pauses(cluster: Cluster, later: Callable[..., Any]) -> None:
    cluster.deploy("search", image="shop/search:v42")
    cluster.patch("search", {"spec": {"paused": True}})
    assert later(10, "search").phase == "Paused"
    cluster.patch("search", {"spec": {"paused": None}})
    assert (later(30, "search").phase, cluster.workload("search").shares) == (
        "Healthy",
        (Share("stable", "v42", 100.0),),
    )


# --- the API, with the official client


def test_the_client_reads_rollouts_and_what_belongs_to_them(api: client.ApiClient, cluster: Cluster) -> None:
    rollout = client.CustomObjectsApi(api).get_namespaced_custom_object(*GROUP, "checkout")
    assert rollout["status"]["observedGeneration"] == "1"
    assert rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"
    sets = client.AppsV1Api(api).list_namespaced_replica_set("shop", label_selector="app=checkout").items
    assert [s.metadata.labels["rollouts-pod-template-hash"] for s in sets] == [rollout["status"]["stableRS"]]
    assert sets[0].metadata.owner_references[0].uid == rollout["metadata"]["uid"]
    pods = client.CoreV1Api(api).list_namespaced_pod("shop", label_selector="app in (checkout, cart)").items
    assert len(pods) == 10
    assert all(p.status.container_statuses[0].image_id.startswith("docker.io/shop/checkout@sha256:") for p in pods)
    events = client.CoreV1Api(api).list_namespaced_event("shop", field_selector="involvedObject.name=checkout").items
    assert {"NewReplicaSetCreated", "RolloutCompleted"} <= {e.reason for e in events}
    assert client.AppsV1Api(api).read_namespaced_deployment("search", "shop").status.ready_replicas == 4


def test_the_client_finds_its_way_in(api: client.ApiClient, url: str) -> None:
    assert client.VersionApi(api).get_code().major == "1"
    assert "argoproj.io" in [g.name for g in client.ApisApi(api).get_api_versions().groups]
    names = {r.name for r in client.AppsV1Api(api).get_api_resources().resources}
    assert {"deployments", "deployments/status", "replicasets"} <= names
    assert kubeconfig(url)["clusters"][0]["cluster"]["server"] == url


def test_a_status_patch_works_and_a_stale_one_conflicts(
    api: client.ApiClient, cluster: Cluster, later: Callable[..., Any]
) -> None:
    at_half(cluster, later)
    custom = client.CustomObjectsApi(api)
    version = custom.get_namespaced_custom_object(*GROUP, "checkout")["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": version}, "status": {"abort": True, "promoteFull": False}}
    done = custom.patch_namespaced_custom_object_status(
        *GROUP, "checkout", body, field_manager="watchkeeper", _content_type=MERGE
    )
    assert done["status"]["abort"] is True
    with pytest.raises(ApiException) as caught:
        custom.patch_namespaced_custom_object_status(*GROUP, "checkout", body, _content_type=MERGE)
    status = api.deserialize(response_of(caught.value), "V1Status", "application/json")
    assert (status.code, status.reason, status.details.name) == (409, "Conflict", "checkout")
    assert "the object has been modified" in status.message
    assert later(1).weight == 0
    owners = {
        (f["manager"], f.get("subresource")) for f in cluster.workload("checkout").object["metadata"]["managedFields"]
    }
    assert ("ci", None) in owners
    assert ("rollouts-controller", "status") in owners
    assert [(c.verb, c.resource, c.manager) for c in cluster.calls if c.verb == "patch"] == [
        ("patch", "rollouts/status", "watchkeeper"),
        ("patch", "rollouts/status", "OpenAPI-Generator"),
    ]


def response_of(error: ApiException) -> str:
    return str(error.body)


def test_a_status_in_a_patch_of_the_main_resource_is_dropped(api: client.ApiClient, cluster: Cluster) -> None:
    custom = client.CustomObjectsApi(api)
    body = {"spec": {"paused": True}, "status": {"abort": True}}
    answer = custom.patch_namespaced_custom_object(*GROUP, "checkout", body, _content_type=MERGE)
    assert answer["spec"]["paused"] is True
    assert "abort" not in answer["status"]
    assert answer["metadata"]["generation"] == 2


def test_a_json_patch_with_a_failing_test_changes_nothing(api: client.ApiClient, cluster: Cluster) -> None:
    custom = client.CustomObjectsApi(api)
    replace = {"op": "replace", "path": "/spec/paused", "value": True}
    for first in ({"op": "test", "path": "/metadata/resourceVersion", "value": "1"}, replace):
        with pytest.raises(ApiException) as caught:
            custom.patch_namespaced_custom_object(
                *GROUP, "checkout", [first], _content_type="application/json-patch+json"
            )
        assert caught.value.status == 422
    add = [{"op": "add", "path": "/spec/paused", "value": True}]
    custom.patch_namespaced_custom_object(*GROUP, "checkout", add, _content_type="application/json-patch+json")
    assert cluster.workload("checkout").paused


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        ({"spec": {}}, "application/strategic-merge-patch+json", 415, "accepted media types include"),
        ({"spec": {"paused": "yes"}}, MERGE, 422, 'must be of type boolean: "string"'),
        ([{"op": "sideways", "path": "/spec"}], "application/json-patch+json", 400, "error decoding patch"),
    ],
)
def test_bad_patches_are_refused_in_the_words_of_the_server(
    api: client.ApiClient, body: Any, kind: str, status: int, message: str
) -> None:
    with pytest.raises(ApiException) as caught:
        client.CustomObjectsApi(api).patch_namespaced_custom_object(*GROUP, "checkout", body, _content_type=kind)
    assert caught.value.status == status
    assert message in caught.value.body.replace('\\"', '"')


def test_a_replace_needs_the_version_that_it_replaces(api: client.ApiClient, cluster: Cluster) -> None:
    custom = client.CustomObjectsApi(api)
    held = custom.get_namespaced_custom_object(*GROUP, "checkout")
    held["spec"]["replicas"] = 12
    assert custom.replace_namespaced_custom_object(*GROUP, "checkout", held)["spec"]["replicas"] == 12
    with pytest.raises(ApiException) as stale:
        custom.replace_namespaced_custom_object(*GROUP, "checkout", held)
    del held["metadata"]["resourceVersion"]
    with pytest.raises(ApiException) as blind:
        custom.replace_namespaced_custom_object(*GROUP, "checkout", held)
    assert (stale.value.status, blind.value.status) == (409, 422)


def test_a_rehearsal_changes_nothing(api: client.ApiClient, cluster: Cluster) -> None:
    custom = client.CustomObjectsApi(api)
    body = {"spec": {"paused": True}}
    answer = custom.patch_namespaced_custom_object(*GROUP, "checkout", body, dry_run="All", _content_type=MERGE)
    assert answer["spec"]["paused"] is True
    assert not cluster.workload("checkout").paused


def test_a_watch_tells_each_change_from_a_version_on(
    api: client.ApiClient, cluster: Cluster, later: Callable[..., Any]
) -> None:
    custom = client.CustomObjectsApi(api)
    version = custom.list_namespaced_custom_object(*GROUP)["metadata"]["resourceVersion"]
    cluster.deploy("checkout", image="shop/checkout:v42")
    stream = watch.Watch().stream(
        custom.list_namespaced_custom_object, *GROUP, resource_version=version, timeout_seconds=5
    )
    first = next(stream)
    assert (first["type"], first["object"]["metadata"]["generation"]) == ("MODIFIED", 2)
    later(1)
    statuses = [event["object"]["status"] for event in itertools.islice(stream, 2)]
    assert statuses[-1]["currentPodHash"] != statuses[-1]["stableRS"]
    stream.close()


def test_a_watch_from_before_the_log_is_gone(api: client.ApiClient, cluster: Cluster) -> None:
    version = str(cluster.store.version - 10)
    cluster.store.forget()
    stream = watch.Watch().stream(
        client.AppsV1Api(api).list_namespaced_replica_set, "shop", resource_version=version, timeout_seconds=1
    )
    with pytest.raises(ApiException, match="too old resource version") as caught:
        list(stream)
    assert caught.value.status == 410


def test_a_watch_ends_with_a_bookmark(api: client.ApiClient, cluster: Cluster) -> None:
    version = cluster.store.version
    seen = watch.Watch().stream(
        client.CoreV1Api(api).list_namespaced_pod,
        "shop",
        resource_version=str(version),
        allow_watch_bookmarks=True,
        timeout_seconds=1,
    )
    assert [(e["type"], e["raw_object"]["metadata"]["resourceVersion"]) for e in seen] == [("BOOKMARK", str(version))]


def test_unknown_names_and_denied_verbs(api: client.ApiClient, cluster: Cluster) -> None:
    custom = client.CustomObjectsApi(api)
    with pytest.raises(ApiException, match='\\\\"nobody\\\\" not found') as missing:
        custom.get_namespaced_custom_object(*GROUP, "nobody")
    assert missing.value.status == 404
    cluster.api.deny("patch", "rollouts/status")
    with pytest.raises(ApiException, match="cannot patch resource") as denied:
        custom.patch_namespaced_custom_object_status(*GROUP, "checkout", {"status": {}}, _content_type=MERGE)
    assert denied.value.status == 403
    about = client.V1ResourceAttributes(verb="patch", group="argoproj.io", resource="rollouts", subresource="status")
    ask = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=about))
    assert client.AuthorizationV1Api(api).create_self_subject_access_review(ask).status.allowed is False


@pytest.mark.parametrize(
    ("fault", "status"), [(409, 409), (403, 403), (404, 404), (429, 429), (500, 500), ("html", 502)]
)
def test_faults_hit_the_next_call_and_change_nothing(
    api: client.ApiClient, cluster: Cluster, fault: int | str, status: int
) -> None:
    cluster.faults.add("patch", fault)
    custom = client.CustomObjectsApi(api)
    body = {"spec": {"paused": True}}
    with pytest.raises(ApiException) as caught:
        custom.patch_namespaced_custom_object(*GROUP, "checkout", body, _content_type=MERGE)
    assert (caught.value.status, cluster.workload("checkout").paused) == (status, False)
    custom.patch_namespaced_custom_object(*GROUP, "checkout", body, _content_type=MERGE)
    assert cluster.workload("checkout").paused


def test_a_timeout_may_hide_that_it_was_done(api: client.ApiClient, cluster: Cluster) -> None:
    cluster.faults.add("patch", "timeout_after", resource="rollouts/status")
    body = {"status": {"abort": True}}
    with pytest.raises(ApiException) as caught:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            *GROUP, "checkout", body, _content_type=MERGE
        )
    assert (caught.value.status, cluster.workload("checkout").aborted) == (504, True)


def test_a_hanging_call_ends_when_it_is_released(api: client.ApiClient, cluster: Cluster) -> None:
    cluster.faults.add("get", "hang")
    cluster.before_call = lambda verb: threading.Timer(0.05, cluster.faults.release).start()
    with pytest.raises(ApiException) as caught:
        client.CustomObjectsApi(api).get_namespaced_custom_object(*GROUP, "checkout")
    assert caught.value.status == 504
