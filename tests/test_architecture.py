"""The rules of the house, held by tests: who may import whom, who may ask the clock, where an error may end."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from warnings import warn

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "handlers", "storage", "sandbox")
ASK_AT = 400

# Where an exception of any kind may end, and why: nobody above could do better with it.
EDGES = {
    "handlers/outbox.py": "a bug in one effect is kept as a dead letter; a worker outlives every bug",
    "handlers/schedule.py": "a bug in one tick must not end the clock",
    "handlers/slack/answers.py": "no exception reaches Bolt; the person gets a reference that is also in the log",
    "handlers/together.py": "raised again by the caller whose items it was",
    "handlers/watching.py": "a watch outlives every bug; the slow poll looks meanwhile",
    "sandbox/server.py": "what fails at one tick is due again at the next",
    "storage/group.py": "raised again in the thread that asked, when the group's commit is through",
}

CLOCKS = {"now", "utcnow", "today"}
CHANCE_AND_CLOCK = {"time", "random", "uuid", "secrets"}


def files(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def found(check: Callable[[ast.Module], Iterator[str]], *packages: str) -> list[str]:
    """`file: what`, for all that a check finds."""
    return [f"{name(path)}: {what}" for path in files(*packages) for what in check(parsed(path))]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of every absolute import, wherever it stands."""
    for node in nodes(tree) if isinstance(tree, ast.Module) else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def imports_of(*banned: str) -> Callable[[ast.Module], Iterator[str]]:
    def check(tree: ast.Module) -> Iterator[str]:
        for line, module in imported(tree):
            if module.split(".")[0] in banned:
                yield f"line {line} imports {module}"

    return check


def clock_asked(tree: ast.Module) -> Iterator[str]:
    for node in nodes(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in CLOCKS
            and ast.unparse(node.value).split(".")[-1]
            in (
                "datetime",
                "date",
            )
        ):
            yield f"line {node.lineno} asks {ast.unparse(node)}"


def hidden_imports(tree: ast.Module) -> Iterator[str]:
    for node in nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for line in sorted({line for line, _ in imported(node)}):
                yield f"line {line} imports inside {node.name}()"


def swallowing(tree: ast.Module) -> Iterator[str]:
    """Handlers of every exception that do not raise again."""
    for node in nodes(tree):
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not raises(node):
            yield f"line {node.lineno} swallows every exception"


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException") for kind in kinds)


def raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for statement in handler.body for node in ast.walk(statement))


def test_the_layers_hold() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_bot_never_asks_the_clock_nor_chance() -> None:
    """Time and ids are handed in, so that a re-think and a test see the same."""
    assert found(clock_asked, "bot") == []
    assert found(imports_of(*CHANCE_AND_CLOCK), "bot") == []


def test_the_sandbox_stands_alone() -> None:
    """It plays the outside world: whatever it shared with the bot would be tested against itself."""
    assert found(imports_of("bot", "handlers", "storage", "tests"), "sandbox") == []
    assert found(imports_of("sandbox", "tests"), "bot", "storage", "handlers") == []


def test_imports_stand_at_the_top() -> None:
    """An import inside a function is a cycle that somebody gave up on."""
    assert found(hidden_imports, *PACKAGES) == []


def test_errors_travel_to_an_edge() -> None:
    swallowed = {what.split(":")[0]: what for what in found(swallowing, *PACKAGES)}
    assert {file: what for file, what in swallowed.items() if file not in EDGES} == {}


def test_every_listed_edge_is_one() -> None:
    """A list that is longer than the truth would let the next one in unseen."""
    swallowed = {what.split(":")[0] for what in found(swallowing, *PACKAGES)}
    assert set(EDGES) - swallowed == set()


@pytest.mark.filterwarnings("default::UserWarning")  # a prompt to look, not a law
def test_long_files_are_noticed() -> None:
    for path in files(*PACKAGES, "tests"):
        lines = path.read_text().count("\n")
        if lines > ASK_AT:
            warn(f"{name(path)} has {lines} lines: does it have two subjects?", stacklevel=1)


def test_every_module_says_its_job() -> None:
    """The first lines of a file say why it exists."""
    silent = [name(path) for path in files(*PACKAGES) if parsed(path).body and not ast.get_docstring(parsed(path))]
    assert silent == []


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (clock_asked, "import datetime\nat = datetime.datetime.now()", "at = tx.now()"),
        (clock_asked, "at = date.today()", "today = rota.today"),
        (imports_of("time"), "from time import monotonic", "from datetime import time"),
        (imports_of("bot"), "import bot.model", "import robot"),
        (hidden_imports, "def f():\n    from bot import model", "from bot import model\ndef f(): ..."),
        (swallowing, "try: f()\nexcept Exception: pass", "try: f()\nexcept Exception as e: raise Busy() from e"),
        (swallowing, "try: f()\nexcept: pass", "try: f()\nexcept ValueError: pass"),
        (
            swallowing,
            "try: f()\nexcept (ValueError, BaseException): g()",
            "try: f()\nexcept (ValueError, KeyError): g()",
        ),
    ],
)
def test_the_checks_see(check: Callable[[ast.Module], Iterator[str]], bad: str, good: str) -> None:
    assert list(check(ast.parse(bad)))
    assert not list(check(ast.parse(good)))
