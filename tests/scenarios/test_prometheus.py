"""The real Prometheus and Alertmanager: they scrape the sandbox's shop, and nobody lifts a finger."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.model import Entry, EntryKind
from handlers.manifest import manifest
from sandbox.clock import Clock
from sandbox.server import application, serve
from sandbox.world import Sandbox
from storage.store import Store
from tests import processes
from tests.databases import in_memory
from tests.processes import HOOK_TOKEN, Process
from tests.required import missing

SHARE = """
sum by (service, namespace) (rate(http_requests_total{service="checkout", code=~"5.."}[3s]))
  / sum by (service, namespace) (rate(http_requests_total{service="checkout"}[3s]))
"""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing("prometheus", f"There is no {name} on this machine.")
    return found


def alertmanager(folder: Path, bot: str) -> Process:
    """As docs/senders.md has it, but for its patience."""
    hook = {"url": f"{bot}/hooks/alertmanager", "send_resolved": True}
    hook["http_config"] = {"authorization": {"credentials": HOOK_TOKEN}}
    route = {
        "receiver": "watchkeeper",
        "group_by": ["alertname", "service"],
        "group_wait": "0s",
        "group_interval": "1s",
    }
    config = {"route": route, "receivers": [{"name": "watchkeeper", "webhook_configs": [hook]}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = processes.free_port()
    words = [
        program("prometheus-alertmanager"),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return Process.run(words, folder / "alertmanager.log", f"http://127.0.0.1:{port}")


def prometheus(folder: Path, shop: str, alerts: str) -> Process:
    rule = {
        "alert": "CheckoutErrors",
        "expr": f"{SHARE} > 0.02",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $value | humanizePercentage }} of checkout's requests fail"},
    }
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "shop", "rules": [rule]}]}))
    config = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
        "rule_files": [str(folder / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts.removeprefix("http://")]}]}]},
        "scrape_configs": [
            {
                "job_name": "shop",
                "metrics_path": "/shop/metrics",
                "honor_labels": True,
                "static_configs": [{"targets": [shop.removeprefix("http://")]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = processes.free_port()
    words = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
    ]
    return Process.run(words, folder / "prometheus.log", f"http://127.0.0.1:{port}")


@contextmanager
def running(start: Callable[[], Process], ready: str) -> Iterator[Process]:
    process = start()
    try:
        process.until(ready)
        yield process
    finally:
        process.stop()


def told(store: Store, what: str) -> list[str]:
    entries: tuple[Entry, ...] = store.read(lambda tx: tx.entries("INC-1"))
    return [e.text for e in entries if e.kind is EntryKind.ALERT and e.text.endswith(what)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


def test_a_rule_fires_an_incident_opens_and_the_alert_clears_all_on_its_own(folder: Path) -> None:
    world = Sandbox.build(Clock.system())
    world.workspace.install(manifest({}))
    world.shop.tempo = world.cluster.replicas.tempo = 0.05
    database = f"sqlite:///{folder}/bot.db"
    with (
        serve(application(world)) as served,
        running(lambda: processes.bot(folder, served.url, database), "/readyz") as bot,
    ):
        store: Any = Store(database)
        with (
            running(lambda: alertmanager(folder, bot.url), "/-/ready") as alerts,
            running(lambda: prometheus(folder, served.url, alerts.url), "/-/ready"),
        ):
            world.cluster.deploy("checkout", image="shop/checkout:v42")
            bot.wait_for(lambda: bool(told(store, "fired")), "the alert to fire")
            bot.wait_for(lambda: rooms(world) == ["inc-1-checkout"], "the incident's channel")
            world.cluster.deploy("checkout", image="shop/checkout:v41")
            bot.wait_for(lambda: bool(told(store, "cleared")), "the alert to clear")
        assert len(told(store, "fired")) == 1, "one episode, however often it was sent"
        assert rooms(world) == ["inc-1-checkout"]
        store.close()


def rooms(world: Sandbox) -> list[str]:
    return [channel.name for channel in world.workspace.channels.values() if channel.creator == "U0WATCH"]
