"""The HTTP door as it describes itself: whatever is sent to any route, none of them answers with a bug."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.policy import Policy, StatusPage
from handlers.intake import SENDERS, STAND_INS, Source
from handlers.web import server
from handlers.web.signin import Entrance
from handlers.world import World
from tests.databases import memory_store
from tests.values import NOON

TOKEN, API = "hook-token", "api-token"


def application(world: World) -> FastAPI:
    """Every sender is there, and an Alertmanager and PagerDuty are stood in for."""
    sources = {
        name: Source(name=name, sender=sender, secrets=(TOKEN,), stands_in=name in STAND_INS)
        for name, sender in SENDERS.items()
    }
    return server.build(world, sources, API, ready=lambda: "", gate_tokens=(TOKEN,), entrance=Entrance(token=API))


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    store = memory_store()
    world = World(store, None, {}, Policy(status=StatusPage()), lambda: NOON)  # type: ignore[arg-type]
    with TestClient(application(world), raise_server_exceptions=False) as http:
        yield http
    store.close()


def operations() -> dict[str, Any]:
    """Each route as the application describes it."""
    described = application(World(None, None, {}, Policy(status=StatusPage()), lambda: NOON)).openapi()  # type: ignore[arg-type]
    found = (result.ok() for result in schemathesis.openapi.from_dict(described).get_all_operations())
    return {operation.label: operation for operation in found}


OPERATIONS = operations()
BODIES = st.one_of(
    st.binary(max_size=50), st.sampled_from([b"{}", b"[]", b"null", b'{"alerts": [{}]}', b"\xff", b"[" * 999])
)


@pytest.mark.parametrize("label", OPERATIONS)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_finds_a_bug(http: TestClient, label: str, data: st.DataObject) -> None:
    case = data.draw(OPERATIONS[label].as_strategy())
    ours = case.path.startswith(("/api/", "/incidents", "/ledger/")) and case.path != "/api/v2/alerts"
    if "source" in case.path_parameters:
        case.path_parameters["source"] = data.draw(st.sampled_from(sorted(SENDERS)))
    request = case.as_transport_kwargs(base_url="http://testserver")
    request["headers"] = dict(request.get("headers") or {}) | {"authorization": f"Bearer {API if ours else TOKEN}"}
    if "hook" in case.path or case.path in (
        "/api/v2/alerts",
        "/v2/enqueue",
    ):  # described as taking none, since each sender has its own
        request["content"] = data.draw(BODIES)
    answer = http.request(**{name: value for name, value in request.items() if value})
    assert answer.status_code < 500, answer.text
    assert answer.status_code != 401 or case.path == "/sign-in"
