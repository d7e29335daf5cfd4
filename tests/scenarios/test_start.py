"""What is wrong at the start is one sentence and exit code 2, and nothing has been started."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from handlers.manifest import manifest
from sandbox.clock import Clock
from sandbox.server import application, serve
from sandbox.world import Sandbox
from tests import processes


@pytest.fixture(scope="module")
def slack() -> Iterator[str]:
    world = Sandbox.build(Clock.system())
    world.workspace.install(manifest({}))
    with serve(application(world)) as served:
        yield served.url
    world.cluster.close()


def started(folder: Path, slack: str, **changed: str) -> processes.Process:
    """`watchkeeper run`, which has to end by itself."""
    environ = {**processes.environment(slack, f"sqlite:///{folder}/bot.db", processes.free_port()), **changed}
    return processes.warm_bot(folder / "refused.log", environ)


def refusal(process: processes.Process) -> str:
    """The one sentence; no traceback, no token."""
    assert process.popen.wait(60) == 2, process.said()
    said = process.log.read_text()
    last = said.strip().splitlines()[-1]
    assert last.startswith("watchkeeper: ")
    assert "Traceback" not in said
    for secret in (processes.BOT_TOKEN, processes.APP_TOKEN, processes.HOOK_TOKEN, "xoxb-wrong-and-secret"):
        assert secret not in said
    return last


CASES: Mapping[str, tuple[dict[str, str], str]] = {
    "no bot token": ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN"),
    "no way in": ({"SLACK_APP_TOKEN": ""}, "SLACK_APP_TOKEN"),
    "wrong bot token": ({"SLACK_BOT_TOKEN": "xoxb-wrong-and-secret"}, "SLACK_BOT_TOKEN"),
    "app token in its place": ({"SLACK_APP_TOKEN": "xoxb-wrong-and-secret"}, "SLACK_APP_TOKEN"),
    "wrong app token": ({"SLACK_APP_TOKEN": "xapp-wrong"}, "SLACK_APP_TOKEN"),
    "a token with a line break in it": ({"SLACK_BOT_TOKEN": "xoxb-wrong-and-secret\nx"}, "SLACK_BOT_TOKEN"),
    "a Slack without a host": ({"SLACK_API_URL": "https://"}, "SLACK_API_URL"),
    "unknown database": ({"DATABASE_URL": "mongodb://127.0.0.1/x"}, "mongodb"),
    "no folder for the database": ({"DATABASE_URL": "sqlite:////nowhere/at/all/bot.db"}, "/nowhere/at/all"),
    "no place to listen": ({"WATCHKEEPER_LISTEN": "here"}, "WATCHKEEPER_LISTEN"),
    "unknown log level": ({"WATCHKEEPER_LOG": "chatty"}, "WATCHKEEPER_LOG"),
    "configuration named but absent": ({"WATCHKEEPER_CONFIG": "/nowhere/config.yml"}, "/nowhere/config.yml"),
}


@pytest.mark.parametrize(("changed", "words"), CASES.values(), ids=CASES.keys())
def test_what_is_missing_or_wrong_is_named(tmp_path: Path, slack: str, changed: dict[str, str], words: str) -> None:
    assert words in refusal(started(tmp_path, slack, **changed))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("services: [", "line 1"),
        ("services:\n  checkout:\n    onkall: me\n", "onkall"),
        ("services:\n  checkout:\n    oncall: nobody\n", "nobody"),
        ("- a\n- list\n", ""),
    ],
)
def test_a_bad_configuration_is_named_with_its_place(tmp_path: Path, slack: str, content: str, words: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(content)
    said = refusal(started(tmp_path, slack, WATCHKEEPER_CONFIG=str(path)))
    assert words in said
    assert "config.yml" in said


def test_a_port_in_use_is_named(tmp_path: Path, slack: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cold = processes.bot(tmp_path, slack, f"sqlite:///{tmp_path}/bot.db", port=port)  # `python -m bot run` itself
        assert f"127.0.0.1:{port}" in refusal(cold)


def test_a_second_process_on_the_same_sqlite_is_refused_and_the_first_goes_on(tmp_path: Path, slack: str) -> None:
    first = processes.bot(tmp_path, slack, f"sqlite:///{tmp_path}/bot.db")
    try:
        first.until()
        said = refusal(started(tmp_path, slack))
        assert "Another Watchkeeper holds" in said
        assert "PostgreSQL" in said
        assert processes.answers(f"{first.url}/readyz")
    finally:
        assert first.stop() == 0
