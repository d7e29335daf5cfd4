"""A service that Flagger releases: its Deployment, its Service and its Canary, as people write them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

NAME = "reviews"
LABELS = {"app": NAME}
DEPLOYMENT: Json = {
    "kind": "Deployment",
    "metadata": {"name": NAME, "namespace": "shop", "labels": LABELS},
    "spec": {
        "replicas": 4,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "app", "image": f"shop/{NAME}:v41"}]},
        },
    },
}
SERVICE: Json = {
    "kind": "Service",
    "metadata": {"name": NAME, "namespace": "shop"},
    "spec": {"selector": LABELS, "ports": [{"port": 8080}]},
}
WEIGHTS: Json = {"interval": "10s", "threshold": 3, "maxWeight": 50, "stepWeight": 10}
TYPES = ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback", "event", "post-rollout")


def canary(analysis: Json | None = None, webhooks: list[Json] | None = None) -> Json:
    return {
        "kind": "Canary",
        "metadata": {"name": NAME, "namespace": "shop"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "service": {"port": 8080},
            "analysis": {**(analysis or WEIGHTS), "webhooks": webhooks or []},
        },
    }


def manifests(analysis: Json | None = None, webhooks: list[Json] | None = None) -> list[Json]:
    return [DEPLOYMENT, SERVICE, canary(analysis, webhooks)]


def hooks(*types: str, base: str = f"http://bot/gates/{NAME}/", query: str = "") -> list[Json]:
    """One webhook for each type, named after it, at a URL that ends with it."""
    return [{"name": type, "type": type, "url": f"{base}{type}{query}"} for type in types]
