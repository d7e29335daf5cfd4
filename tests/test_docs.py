"""Docs that fail: whoever adds a command or a setting and forgets to say so learns it here, by name."""

import re
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer
import yaml
from pydantic import BaseModel

from bot.cards.help import help_card
from bot.commands import COMMANDS
from handlers.cli import cli
from handlers.config import Config
from handlers.settings import Environment, parse

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# The changelog names what was, the guide for contributors what could be.
FOR_USERS = [page for page in PAGES if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md")]
EXAMPLE = ROOT / "config.example.yml"

VERBS = [(command, verb) for command, verbs in COMMANDS.items() for verb, usage in verbs.items() if not usage.hidden]


def read(name: str) -> str:
    return (ROOT / name).read_text()


# ---------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def slash_commands() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load(read("manifest.yml"))
    return {command["command"].removeprefix("/"): command for command in content["features"]["slash_commands"]}


def test_the_manifest_has_exactly_our_commands(slash_commands: dict[str, dict[str, Any]]) -> None:
    assert set(slash_commands) == set(COMMANDS)


@pytest.mark.parametrize(("command", "verb"), VERBS)
def test_every_verb_is_hinted_at_in_slack(slash_commands: dict[str, dict[str, Any]], command: str, verb: str) -> None:
    assert verb in re.findall(r"[a-z]+", slash_commands[command]["usage_hint"])


@pytest.mark.parametrize(("command", "verb"), VERBS)
def test_every_verb_is_in_the_help(command: str, verb: str) -> None:
    card = help_card(command, COMMANDS[command], "all")
    assert re.search(rf"\b{verb}\b", str(card.blocks) + card.text)


@pytest.mark.parametrize(("command", "verb"), VERBS)
def test_every_verb_is_in_the_docs(command: str, verb: str) -> None:
    assert re.search(rf"^\| `/{command} {verb}[ `]", read("docs/commands.md"), re.MULTILINE)


@pytest.mark.parametrize("page", FOR_USERS, ids=lambda page: page.name)
def test_no_page_names_a_verb_that_does_not_exist(page: Path) -> None:
    written = re.findall(r"`/(incident|rollout) ([a-z]+)", page.read_text())
    assert [(command, verb) for command, verb in written if verb not in COMMANDS[command]] == []


def test_every_shell_command_is_in_the_docs() -> None:
    ours = set(typer.main.get_command(cli).commands)  # type: ignore[attr-defined]  # a group, since there are several
    written = set(re.findall(r"^\| `watchkeeper ([a-z]+)", read("docs/commands.md"), re.MULTILINE))
    assert written == ours


# ---------------------------------------------------------------- settings


def settings(model: type[BaseModel], at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every setting; `*` stands for a name that the user gives."""
    found: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        name = field.alias or name
        found.append((*at, name))
        for part, step in parts_of(field.annotation):
            found += settings(part, (*at, name, *step))
    return found


def parts_of(annotation: Any) -> list[tuple[type[BaseModel], tuple[str, ...]]]:
    """The models inside an annotation, and how one gets to them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, ())]
    step = ("*",) if get_origin(annotation) is dict else ()
    return [(model, (*step, *more)) for part in get_args(annotation) for model, more in parts_of(part)]


def shown(content: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if isinstance(content, list):
        return any(shown(each, path) for each in content)
    if not isinstance(content, dict):
        return False
    inside = list(content.values()) if path[0] == "*" else [content[path[0]]] if path[0] in content else []
    return any(shown(value, path[1:]) for value in inside)


@pytest.mark.parametrize("path", settings(Config), ids=".".join)
def test_every_setting_is_in_the_example(path: tuple[str, ...]) -> None:
    assert shown(example(), path)


@cache
def example() -> Any:
    return yaml.safe_load(EXAMPLE.read_text())


def test_settings_are_found_at_every_depth() -> None:
    paths = settings(Config)
    assert ("announce",) in paths
    assert ("services", "*", "rollout", "namespace") in paths


def test_the_example_is_valid() -> None:
    parse(EXAMPLE.read_text(), EXAMPLE.name)


@pytest.mark.parametrize("name", [name.upper() for name in Environment.model_fields])
def test_every_environment_variable_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in read("README.md")


# ---------------------------------------------------------------- links

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_named_test_exists(page: Path) -> None:
    """`tests/storage/test_x.py::test_y` in a page is a promise; a renamed test would break it silently."""
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text())
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in text_of(ROOT / file)] == []


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""
