"""The command line: what it prints, and that whatever is wrong is one sentence and exit code 2."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from bot.decision import Decision
from bot.model import Entry, EntryKind
from bot.policy import Policy, Service
from bot.signals import SIGNALS
from handlers import check, ledger
from handlers.cli import cli
from handlers.sealing import signer
from handlers.world import World
from storage.store import Store
from tests.processes import free_port
from tests.story import API_TOKEN, Story
from tests.values import NOON

DEPLOY = '{"service":"checkout","version":"v42","status":"started","at":"2026-03-05T12:00:00Z"}'
TOKEN = "api-token-that-nobody-may-see"
Type = Callable[..., Result]


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a line in an empty folder, with no bot running."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/bot.db",
        "WATCHKEEPER_LISTEN": f"127.0.0.1:{free_port()}",
        "WATCHKEEPER_API_TOKEN": TOKEN,
    }
    return lambda *words, given=None, **changed: CliRunner().invoke(cli, words, given, {**environ, **changed})


class Polite(BaseHTTPRequestHandler):
    """Another program: it has an answer to everything."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": false}')

    def log_message(self, *words: object) -> None: ...


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of another program."""
    with serving(Polite) as address:
        yield address


@pytest.fixture
def bot(story: Story) -> Iterator[str]:
    """The address of a bot in the middle of its work."""

    class Door(Polite):
        def do_GET(self) -> None:
            answer = story.http.get(self.path, headers={"authorization": self.headers["authorization"]})
            self.send_response(answer.status_code)
            self.end_headers()
            self.wfile.write(answer.content)

    with serving(Door) as address:
        yield address


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_parse_prints_what_a_body_would_become(type_: Type) -> None:
    (change,) = json.loads(type_("parse", "deploys", "-", given=DEPLOY).stdout)
    assert (change["kind"], change["service"], change["at"]) == ("change", "checkout", "2026-03-05T12:00:00.000Z")


def test_what_is_odd_in_a_batch_is_said_beside_the_rest(type_: Type) -> None:
    body = json.dumps({"alerts": [{"labels": {"alertname": "A"}}, 7]}).encode()
    odd = "1 of 2 could not be read; alerts.1: this is not an alert: write an object, {…}"
    assert json.loads(type_("parse", "alertmanager", "-", given=body).stdout)[1] == {"kind": "unparsed", "reason": odd}
    said = type_("route", "alertmanager", "-", given=body).stdout
    assert said.startswith("A (firing; ")
    assert said.endswith(f"Of the body {odd}.\n")


MAP = "{each: 'events[]', fields: {key: id, title: text, status: state}, statuses: {ALARM: firing}}"


def test_route_explains_the_way_of_each_alert(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("routes: [{match: {team: shop}, service: cart, then: note}]")
    body = json.dumps({"alerts": [{"labels": {"alertname": "A", "team": "shop"}}, {"labels": {"alertname": "B"}}]})
    said = type_("route", "alertmanager", "-", given=body.encode()).stdout
    assert "  route 1 fits (team=shop) and sets service: cart; then: note\n  service cart," in said
    assert "  route 1 does not fit: team is not there, not shop\n  no route fits: its labels decide\n" in said
    assert type_("route", "deploys", "-", given=DEPLOY).stdout == "There is no alert in it.\n"
    (tmp_path / "alerts.json").write_text(body)
    assert type_("check", "--alert", "alerts.json").stdout == said
    assert type_("check", "--alert", "-", "--source", "deploys", given=DEPLOY).stdout == "There is no alert in it.\n"


def test_parse_tries_out_a_map_and_takes_headers(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(f"senders:\n  boiler: {{sender: generic, secret_env: UNSET, map: {MAP}}}\n")
    body = '{"events": [{"id": 7, "text": "too hot", "state": "alarm"}]}'
    (alert,) = json.loads(type_("parse", "boiler", "-", given=body).stdout)
    assert (alert["key"], alert["title"], alert["status"]) == ("boiler/7", "too hot", "firing")
    event = '{"repository": {"name": "checkout"}, "deployment": {"id": 1}, "deployment_status": {"state": "success"}}'
    for header, status in (("deployment", "started"), ("deployment_status", "succeeded")):
        said = type_("parse", "github", "-", "--header", f"X-GitHub-Event: {header}", given=event).stdout
        assert json.loads(said)[0]["status"] == status


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["unparsed", "list"], "No bot answers at 127.0.0.1:"),
        (["unparsed", "replay", "U-1"], "No bot answers at 127.0.0.1:"),
        (["parse", "teapot", "-"], "There is no sender 'teapot'; known: alertmanager, "),
        (["route", "teapot", "-"], "There is no sender 'teapot'; known: alertmanager, "),
        (["parse", "deploys", "absent.json"], "absent.json cannot be read: No such file or directory."),
        (["parse", "alertmanager", "-"], "the body is not JSON:"),
        (["say", "/incident list"], "No bot answers at 127.0.0.1:"),
        (["outbox", "--retry", "7"], "No bot answers at 127.0.0.1:"),
        (["check", "--source", "grafana"], "write --alert FILE beside them"),
        (["check", "--alert", "absent.json"], "absent.json cannot be read: No such file or directory."),
        (["postmortem", "INC-1"], "and none was made. DATABASE_URL names it."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(type_: Type, words: list[str], says: str) -> None:
    assert says in refusal(type_(*words, given="{"))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WATCHKEEPER_API_TOKEN", "", "WATCHKEEPER_API_TOKEN is not set"),
        ("WATCHKEEPER_LISTEN", "here", "WATCHKEEPER_LISTEN is 'here'"),
        ("WATCHKEEPER_CONFIG", "absent.yml", "absent.yml, which does not exist"),
    ],
)
def test_a_wrong_environment_is_one_sentence(type_: Type, name: str, value: str, says: str) -> None:
    assert says in refusal(type_("say", "/incident list", **{name: value}))


def test_another_program_is_not_taken_for_the_bot(type_: Type, stranger: str) -> None:
    said = refusal(type_("say", "/incident list", WATCHKEEPER_LISTEN=stranger))
    assert said == f"watchkeeper: What answers at {stranger} is not Watchkeeper; see WATCHKEEPER_LISTEN."


def test_the_gates_of_a_service_are_listed(type_: Type, bot: str) -> None:
    ended = type_("gates", "checkout", WATCHKEEPER_LISTEN=bot, WATCHKEEPER_API_TOKEN=API_TOKEN)
    assert ended.exit_code == 0
    gates = dict(line.split() for line in ended.stdout.splitlines())
    assert gates["rollback"].startswith("https://watchkeeper.example/gates/checkout/rollback")
    spelled_out = type_("gates", "checkout", "production", WATCHKEEPER_LISTEN=bot, WATCHKEEPER_API_TOKEN=API_TOKEN)
    assert spelled_out.stdout == ended.stdout
    said = refusal(type_("gates", "checkout", "staging", WATCHKEEPER_LISTEN=bot, WATCHKEEPER_API_TOKEN=API_TOKEN))
    assert said == "watchkeeper: There is no service 'checkout staging' in the configuration."
    said = refusal(type_("gates", "chekout", WATCHKEEPER_LISTEN=bot, WATCHKEEPER_API_TOKEN=API_TOKEN))
    assert said == "watchkeeper: There is no service 'chekout' in the configuration."


def test_a_draft_that_is_not_there_is_one_sentence(type_: Type) -> None:
    assert type_("migrate").exit_code == 0
    assert "There is no draft for INC-99." in refusal(type_("postmortem", "INC-99"))


def test_a_file_that_is_no_database_is_left_as_it_is(type_: Type) -> None:
    Path("notes.txt").write_text("not a database, but somebody's notes\n" * 200)
    assert "DATABASE_URL names another kind of file" in refusal(type_("migrate", DATABASE_URL="sqlite:///notes.txt"))
    assert Path("notes.txt").read_text() == "not a database, but somebody's notes\n" * 200


@pytest.mark.parametrize("words", [["frobnicate"], ["say"], ["outbox", "--retry", "soon"], ["parse", "deploys"]])
def test_a_line_that_is_none_says_how_it_is_written(type_: Type, words: list[str]) -> None:
    ended = type_(*words)
    assert ended.exit_code == 2
    assert "--help" in ended.output


def refusal(ended: Result) -> str:
    """The one sentence; no traceback, no token."""
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    said = ended.stderr.strip()
    assert said.startswith("watchkeeper: ")
    assert "\n" not in said
    assert TOKEN not in said
    return said


CONFIG = """
probes:
  prices: {{url: "{url}/shop/search", service: search, expect: {{text: [{text}]}}}}
"""


def test_a_probe_is_tried_out_with_its_evidence(type_: Type, story: Story, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG.format(url=story.served.url, text="Corner Shop"))
    tried = type_("probe", "prices")
    assert tried.exit_code == 0
    assert "✓ prices is good" in tried.stdout
    assert "| HTTP 200, " in tried.stdout
    assert "| <title>Corner Shop</title>" in tried.stdout
    (tmp_path / "config.yml").write_text(CONFIG.format(url=story.served.url, text="Amazon"))
    tried = type_("probe", "prices")
    assert tried.exit_code == 1
    assert "✗ prices is bad" in tried.stdout
    assert "“Amazon” is not in it" in tried.stdout


def test_check_looks_once_through_every_probe(type_: Type, story: Story, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG.format(url=story.served.url, text="Amazon"))
    (row,) = [line for line in type_("check").stdout.splitlines() if "probe prices" in line]
    assert row.startswith("✗")
    assert "“Amazon” is not in it" in row


def test_a_probe_that_is_not_configured_is_named(type_: Type) -> None:
    assert "There is no probe 'prices'; known: none." in refusal(type_("probe", "prices"))


def test_check_reads_every_vendors_page_and_names_a_component_that_it_lacks(
    type_: Type, story: Story, tmp_path: Path
) -> None:
    page = f"{story.served.url}/statuspage"
    (tmp_path / "config.yml").write_text(
        "vendors:\n"
        f"  good: {{page: '{page}', components: [card payments], used_by: [checkout]}}\n"
        f"  typo: {{page: '{page}', components: [Kard payments], used_by: [checkout]}}\n"
    )
    rows = [line for line in type_("check").stdout.splitlines() if "vendor " in line]
    assert rows[0].startswith("✓ vendor good")
    assert "Paybridge, 2 components" in rows[0]
    assert rows[1].startswith("✗ vendor typo")
    assert "its page has no component Kard payments" in rows[1]


# ---------------------------------------------------------------- ledger


@pytest.fixture
def sealed(type_: Type, tmp_path: Path, sqlite_template: Path) -> Store:
    """Two entries of INC-7 that are sealed, and one that is not."""
    store = Store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'bot.db')}")
    chat: Any = None
    signs = signer("", "https://watch.example", store)
    world = World(store=store, chat=chat, rollouts={}, policy=Policy(), now=lambda: NOON, signer=signs)
    lines = tuple(Entry(at=NOON, kind=EntryKind.ACTION, text=f"line {n}", incident="INC-7") for n in range(3))
    store.decide(lambda tx, now: Decision(note=lines[:2]), NOON)
    ledger.seal(world)
    store.decide(lambda tx, now: Decision(note=lines[2:]), NOON)
    return store


def test_the_ledger_is_verified_and_a_change_is_named(type_: Type, tmp_path: Path, sealed: Store) -> None:
    made = sealed.read(lambda tx: tx.ledger.newest())
    assert made is not None
    said = type_("ledger", "verify", "--pin", "-", given=f"pasted:\n{made.note}")
    assert said.exit_code == 0
    assert [line[0] for line in said.stdout.splitlines()] == ["✓", "✓", "·"]
    assert "standard input: Entries 1 to 2 are as this checkpoint has seen them." in said.stdout

    receipt, key = type_("ledger", "receipt", "INC-7").stdout, type_("ledger", "key").stdout.strip()
    assert key.startswith("watch.example+")
    (tmp_path / "r.json").write_text(receipt)
    assert type_("ledger", "verify", "--receipt", "r.json", "--key", key).exit_code == 0
    (tmp_path / "r.json").write_text(receipt.replace("line 1", "line 9"))
    assert "✗ Entry 2: the leaf is not in this tree." in type_("ledger", "verify", "--receipt", "r.json").stdout
    assert '"of": "2"' in type_("ledger", "receipt", "2").stdout

    assert "3 entries are in out" in type_("ledger", "export", "out").stdout
    assert type_("ledger", "verify", "--from", "out").exit_code == 0

    with sealed.transactions.writing() as connection:
        connection.execute(text("DROP TRIGGER entry_never_changes"))
        connection.execute(text("UPDATE entry SET text = 'nicer' WHERE seq = 2"))
    changed = type_("ledger", "verify")
    assert changed.exit_code == 1
    assert changed.stdout.startswith("✗ Entries 1 to 2 are not as checkpoint 1 has seen them")
    sealed.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("verify", "--pin", "none"), "none cannot be read: No such file"),
        (("verify", "--pin", "config.yml"), "there is no checkpoint in config.yml: paste"),
        (("verify", "--key", "k"), "a key is written NAME+ID+BASE64"),
        (("verify", "--receipt", "config.yml"), "this is no receipt"),
        (("verify", "--from", "nowhere"), "cannot be read"),
        (("receipt", "INC-9"), "There is no proof to give: there is no INC-9 in the ledger"),
    ],
)
def test_what_the_ledger_cannot_do_is_one_sentence(
    type_: Type, tmp_path: Path, sealed: Store, words: tuple[str, ...], why: str
) -> None:
    (tmp_path / "config.yml").write_text("# nothing\n")
    said = type_("ledger", *words)
    assert (said.exit_code, said.stdout) == (2, "")
    assert why in said.stderr
    sealed.close()


def test_without_a_key_nothing_was_ever_sealed(type_: Type) -> None:
    type_("migrate")
    assert "Nothing was ever sealed here" in type_("ledger", "key").stderr
    assert "openssl rand -base64 32" in type_("ledger", "key", WATCHKEEPER_LEDGER_KEY="short").stderr
    assert "There is no entry yet" in type_("ledger", "verify").stdout


def test_a_query_that_mixes_environments_is_named() -> None:
    staging = Service(name="cart", environment="staging")
    services = [Service(name="cart", elsewhere={"staging": staging}), staging]
    blind, telling = SIGNALS["errors"], replace(SIGNALS["errors"], query='e{env="{environment}"}')
    assert check.mixed(blind, services).startswith("not asked of cart staging, and for the rest all environments count")
    assert (check.mixed(telling, services), check.mixed(blind, [Service(name="cart")])) == ("", "")
