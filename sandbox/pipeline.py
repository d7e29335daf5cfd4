"""The shop's CI: ships versions, watches what becomes of them, and reports it as deploy events."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.alertmanager import rfc3339
from sandbox.cluster import Cluster
from sandbox.hooks import Hooks
from sandbox.kube.replicas import digest
from sandbox.workloads import Workload

PATH, AGENT = "/hooks/deploys", "shop-ci/2.4"


@dataclass(frozen=True)
class Deploy:
    service: str
    version: str
    environment: str
    actor: str
    build: int

    def event(self, status: str, at: datetime) -> dict[str, Any]:
        return {
            "service": self.service,
            "version": self.version,
            "environment": self.environment,
            "status": status,
            "at": rfc3339(at),
            "url": f"https://ci.shop.example/{self.service}/builds/{self.build}",
            "actor": self.actor,
            "digests": digests(self.image),
        }

    @property
    def image(self) -> str:
        return f"shop/{self.service}:{self.version}"


class Pipeline:
    def __init__(self, cluster: Cluster, hooks: Hooks) -> None:
        self.cluster, self.hooks = cluster, hooks
        self.running: dict[str, Deploy] = {}  # by service
        self.outbox: deque[dict[str, Any]] = deque()
        self._builds = 1_800
        self._lock = threading.RLock()

    def ship(self, service: str, version: str, environment: str, actor: str) -> Deploy:
        """Start a deploy. One that still runs for this service is over, as its version is not wanted any more."""
        now = self.cluster.clock.now()
        with self._lock:
            if old := self.running.pop(service, None):
                self.outbox.append(old.event("cancelled", now))
            self._builds += 1
            deploy = Deploy(service, version, environment, actor, self._builds)
            self.cluster.deploy(service, deploy.image)
            self.running[service] = deploy
            self.outbox.append(deploy.event("started", now))
            return deploy

    def watch(self, now: datetime) -> None:
        """Notice which deploys have ended."""
        with self._lock:
            for deploy in list(self.running.values()):
                if status := outcome(deploy, self.cluster.workload(deploy.service)):
                    del self.running[deploy.service]
                    self.outbox.append(deploy.event(status, now))

    def flush(self) -> None:
        """Report in order; what nobody answered stays for the next time, what was refused is dropped."""
        while self.hooks.connected and self.outbox:
            status = self.hooks.post(PATH, self.outbox[0], AGENT)
            if status == 0 or status >= 500:
                return
            self.outbox.popleft()


def digests(image: str) -> list[str]:
    """Whatever a node may report of an image that was pushed: its index, and the manifest of the one platform."""
    return [digest(image).partition("@")[2], digest(f"{image}/linux/amd64").partition("@")[2]]


def outcome(deploy: Deploy, workload: Workload) -> str:
    if not workload.observed:
        return ""
    if workload.current != deploy.version or workload.aborted:
        return "rolled_back"
    if workload.phase == "Healthy" and workload.stable == deploy.version:
        return "succeeded"
    return "failed" if workload.phase == "Degraded" else ""
