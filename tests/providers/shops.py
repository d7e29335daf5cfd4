"""The pretend cluster behind HTTP, the provider that is tested on it, and a hand to move the clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from bot.model import Request, RequestState, Rollout, Stable, Verb
from bot.policy import Rule, Target
from bot.preflight import Surroundings
from bot.proof import judge
from bot.rollouts import propose, remembered
from handlers.providers import ROLLOUTS, load
from handlers.providers.kubernetes import Kubernetes
from handlers.world import Rollouts
from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster, kubeconfig
from sandbox.cluster import shop as manifests
from sandbox.server import HttpProtocol
from tests import canary
from tests.values import NOON, incident


class Front:
    """One server for many clusters, one after the other: to stop a server takes longer than a test."""

    def __init__(self) -> None:
        self.cluster: Cluster | None = None
        bound = socket.create_server(("127.0.0.1", 0))  # calls that come before it accepts wait in the queue
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}/cluster"
        app = Starlette(routes=[Route("/cluster/{path:path}", self.endpoint, methods=["GET", "PATCH", "POST"])])
        self.server = uvicorn.Server(uvicorn.Config(app, http=HttpProtocol, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [bound]}, daemon=True)
        self.thread.start()

    async def endpoint(self, request: HttpRequest) -> Response:
        assert self.cluster is not None
        return await self.cluster.api.endpoint(request)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(5)


KINDS = {"search": "deployment", "ledger": "statefulset", "reviews": "flagger"}  # the others are Argo's
LEDGER = {
    "kind": "StatefulSet",
    "metadata": {"name": "ledger", "namespace": "shop", "labels": {"app": "ledger"}},
    "spec": {
        "replicas": 4,
        "serviceName": "ledger",
        "selector": {"matchLabels": {"app": "ledger"}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "template": {
            "metadata": {"labels": {"app": "ledger"}},
            "spec": {"containers": [{"name": "app", "image": "shop/ledger:v41"}]},
        },
    },
}


class Shop:
    """`argo` is the provider of most; a service's own is found by its name. `only` these: smaller is faster."""

    def __init__(self, front: Front, folder: Path, *only: str, name: str = "sandbox") -> None:
        self.clock = FrozenClock(NOON)
        everything = [*manifests(), LEDGER, *canary.manifests()]
        wanted = [m for m in everything if not only or m["metadata"]["name"] in only]
        self.cluster = front.cluster = Cluster(self.clock, wanted)
        path = folder / f"{name}.yml"
        path.write_text(yaml.safe_dump(kubeconfig(front.url)))
        self.kubernetes = Kubernetes.configured("sandbox", str(path))
        self.providers: dict[str, Rollouts] = {kind: load(kind)({name: self.kubernetes}) for kind in ROLLOUTS}
        self.argo = self.providers["argo"]

    def close(self) -> None:
        self.cluster.close()
        self.kubernetes.close()

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    def ships(self, service: str, version: str, seconds: float = 30) -> None:
        self.cluster.deploy(service, image=f"shop/{service}:{version}")
        self.passes(seconds)

    def provider(self, service: str) -> Rollouts:
        return self.providers[KINDS.get(service, "argo")]

    def get(self, service: str = "checkout") -> Rollout:
        return self.provider(service).get(target(service), service, "production")

    def asks(
        self,
        verb: Verb,
        service: str = "checkout",
        to: str = "",
        stables: Sequence[Stable] = (),
        *,
        full: bool = False,
        respec: bool = False,
    ) -> Request:
        decision = propose(
            verb,
            remembered(self.get(service), stables),
            stables,
            Surroundings(incident=incident(), respec=respec),
            by="U0DANA",
            channel="",
            allowed={"U0DANA"},
            number=1,
            now=self.clock.now(),
            to=to,
            full=full,
            rule=Rule(approvals=0, typed=False),
        )
        found = next(noun for noun in decision.save if isinstance(noun, Request))
        return replace(found, state=RequestState.CONFIRMED, confirmed_by="U0DANA")

    def acts(self, request: Request) -> Rollout:
        return self.provider(request.service).act(target(request.service), request)

    def state_of(self, request: Request) -> RequestState:
        return judge(request, self.get(request.service)).state

    @property
    def patches(self) -> list[tuple[str, Any]]:
        return [(call.resource, call.body) for call in self.cluster.calls if call.verb == "patch"]


def target(service: str, cluster: str = "sandbox") -> Target:
    return Target(provider=KINDS.get(service, "argo"), cluster=cluster, namespace="shop", name=service)
