"""Services and their EndpointSlices: whatever has the labels gets the traffic, whoever owns it."""

from __future__ import annotations

from sandbox.kube.replicas import is_ready
from sandbox.kube.store import ENDPOINT_SLICES, PODS, SERVICES, Object, Store

CONTROLLER = "kube-controller-manager"
OF_SERVICE = "kubernetes.io/service-name"


def follow(store: Store) -> None:
    """Bring every EndpointSlice up to date with the pods that are there."""
    pods = store.all(PODS)
    for service in store.all(SERVICES):
        chosen = [pod for pod in pods if selects(service, pod)]
        wanted = slice_of(service, [endpoint(pod) for pod in chosen if pod["status"].get("podIP")])
        meta = wanted["metadata"]
        held = store.find(ENDPOINT_SLICES, meta["namespace"], meta["name"])
        if held is None:
            store.create(ENDPOINT_SLICES, wanted, CONTROLLER)
        else:
            store.update(ENDPOINT_SLICES, held | {"endpoints": wanted["endpoints"]}, CONTROLLER)


def selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    same_place = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return bool(selector) and same_place and selector.items() <= pod["metadata"]["labels"].items()


def slice_of(service: Object, endpoints: list[Object]) -> Object:
    name = service["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-endpoints",
            "namespace": service["metadata"]["namespace"],
            "labels": {OF_SERVICE: name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        "endpoints": endpoints,
    }


def endpoint(pod: Object) -> Object:
    ready = is_ready(pod)
    meta = pod["metadata"]
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]},
    }
