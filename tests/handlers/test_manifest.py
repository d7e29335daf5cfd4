"""The manifest asks for what the code uses: nothing less, nothing more."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.commands import COMMANDS
from handlers import manifest
from handlers.providers.slack_api import METHODS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "tests/schemas/manifest.schema.2.0.0.json").read_text())
NAMES = {"incident": "/incident", "rollout": "/rollout"}
# Called by the SDK's own methods: auth.test needs no scope, the other the app-level token.
BY_THE_SDK = {"auth_test": "auth.test", "apps_connections_open": "apps.connections.open"}


@pytest.fixture
def content() -> dict[str, Any]:
    return manifest.manifest(NAMES)


def scopes(content: dict[str, Any], kind: str = "bot") -> list[str]:
    return list(content["oauth_config"]["scopes"][kind])


def called() -> set[str]:
    """The Web API methods that stand as the first argument of a `call` or `pages` somewhere in the provider."""
    found: set[str] = set()
    tree = ast.parse((ROOT / "handlers/providers/slack.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("call", "pages"):
            found |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
        elif isinstance(node, ast.Assign):  # method = "a" if … else "b"
            found |= {str(n.value) for n in ast.walk(node.value) if isinstance(n, ast.Constant) and n.value in METHODS}
    return found


def test_it_is_valid_for_slack(content: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(content)


def test_its_commands_are_those_that_people_can_type(content: dict[str, Any]) -> None:
    commands = content["features"]["slash_commands"]
    assert {command["command"] for command in commands} == {f"/{name}" for name in COMMANDS}
    assert all(command["should_escape"] for command in commands)  # mentions arrive as ids


@pytest.mark.parametrize("name", COMMANDS)
def test_its_hints_name_verbs_that_exist(content: dict[str, Any], name: str) -> None:
    [command] = [c for c in content["features"]["slash_commands"] if c["command"] == f"/{name}"]
    hinted = command["usage_hint"].split(" | ")
    assert set(hinted) <= {verb for verb, usage in COMMANDS[name].items() if not usage.hidden}


def test_commands_can_have_other_names() -> None:
    content = manifest.manifest({"incident": "/inc", "rollout": "/rollout"})
    assert [command["command"] for command in content["features"]["slash_commands"]] == ["/inc", "/rollout"]


def test_its_events_are_those_that_are_handled(content: dict[str, Any]) -> None:
    assert set(content["settings"]["event_subscriptions"]["bot_events"]) == manifest.subscriptions()
    assert set(manifest.EVENT_SCOPES) == manifest.subscriptions()


def test_every_method_that_is_called_is_in_the_table_and_no_other() -> None:
    assert called() == set(METHODS) - set(BY_THE_SDK.values())


def test_no_other_module_calls_slack() -> None:
    calls = re.compile(r"\.(api_call|(?:auth|apps|chat|views|users|conversations|files|pins)_\w+)\(")
    found = {
        (path.name, name) for path in (ROOT / "handlers").rglob("*.py") for name in calls.findall(path.read_text())
    }
    allowed = {("identity.py", "auth_test"), ("socket.py", "apps_connections_open"), ("slack_api.py", "api_call")}
    assert found == allowed


def test_its_scopes_are_those_that_are_needed(content: dict[str, Any]) -> None:
    needed = {s for method in METHODS.values() for s in (method.scope, method.private, method.direct) if s}
    needed |= set(filter(None, manifest.EVENT_SCOPES.values())) | {"commands"}
    assert set(scopes(content)) == needed
    assert len(scopes(content)) == len(set(scopes(content)))
    assert set(scopes(content, "bot_optional")) <= needed
