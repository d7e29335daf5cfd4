"""Errors by version, asked of the pretend shop's Prometheus over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.errors import ProviderError
from bot.signals import ERRORS_BY_VERSION
from handlers import check
from handlers.providers.prometheus import ErrorsByVersion, Prometheus
from handlers.settings import load
from sandbox.clock import FrozenClock
from sandbox.server import Served, application, serve
from sandbox.world import Sandbox
from tests.values import NOON


@pytest.fixture(scope="module")
def world() -> Sandbox:
    clock = FrozenClock(NOON)
    world = Sandbox.build(clock)
    clock.advance(seconds=120)
    world.cluster.deploy("checkout", "shop/checkout:v42")
    clock.advance(seconds=90)
    world.shop.tick()
    return world


@pytest.fixture(scope="module")
def served(world: Sandbox) -> Iterator[Served]:
    with serve(application(world)) as served:
        yield served


@pytest.fixture
def errors(served: Served) -> Iterator[ErrorsByVersion]:
    prometheus = Prometheus(f"{served.url}/prometheus")
    yield ErrorsByVersion(prometheus, ERRORS_BY_VERSION)
    prometheus.close()


def test_each_version_has_its_own_figure(errors: ErrorsByVersion) -> None:
    found = errors.errors("checkout", "production")
    assert found["v42"] == pytest.approx(0.23, abs=0.02)
    assert found["v41"] < 0.01


def test_a_service_that_nobody_measures_has_none_and_its_name_is_only_a_name(errors: ErrorsByVersion) -> None:
    assert errors.errors("warehouse", "production") == {}
    assert errors.errors('checkout"} or vector(1) #', "production") == {}


def row(served: Served, folder: Path, errors: str = ERRORS_BY_VERSION) -> tuple[bool, str]:
    """The row of `watchkeeper check`."""
    rollout = {"cluster": "shop", "namespace": "shop"}
    content = {
        "clusters": {"shop": {"kubeconfig": "shop.yml"}},
        "prometheus": {"url": f"{served.url}/prometheus", "errors": errors},
        "services": {"checkout": {"rollout": rollout}, "warehouse": {"rollout": rollout}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(content))
    settings = load({"WATCHKEEPER_CONFIG": str(folder / "config.yml"), "WATCHKEEPER_HOOK_TOKEN": "t"})
    (found,) = [row for row in check.prometheus(settings) if row.what == "errors by version"]
    return found.ok, found.said


def test_the_check_asks_for_it_once_and_says_of_whom_there_is_none(served: Served, tmp_path: Path) -> None:
    assert row(served, tmp_path) == (True, "no figures by version of warehouse")
    ok, said = row(served, tmp_path, "sum by (version) (")
    assert not ok
    assert "Prometheus: HTTP 4" in said


def test_a_prometheus_that_is_down_is_no_figure(errors: ErrorsByVersion, world: Sandbox) -> None:
    world.prometheus.down = True
    with pytest.raises(ProviderError, match="HTTP 503"):
        errors.errors("checkout", "production")
    world.prometheus.down = False
