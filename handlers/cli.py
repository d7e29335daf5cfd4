"""The command line: `watchkeeper …`, the same as `python -m bot …`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import quote

import httpx
import typer
import yaml

from bot import audits, hearing, receipts, routes
from bot.audits import Audit, Pin
from bot.cards.probe import report
from bot.checkpoints import Key, Unreadable, key_of
from bot.commands import incident_id
from bot.merkle import Unproven
from bot.model import Alert, Evidence
from bot.probes import evidence
from handlers import app, check, ledger, probes, sealing
from handlers.config import Config
from handlers.intake import SENDERS, Delivery, Fact, Sender, shown, unread
from handlers.intake.fields import Malformed, Partly
from handlers.manifest import manifest as slack_manifest
from handlers.settings import Misconfigured, Settings, load, read_config
from storage.store import Busy, Store

T = TypeVar("T")
PAGE_LINES = 40  # of a page, as evidence
File = Annotated[str, typer.Argument(help="a file, or - for standard input")]
Headers = Annotated[list[str] | None, typer.Option(help='as it was sent: "X-GitHub-Event: deployment"')]

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A Slack bot for incidents that releases cause.",
)


def stop(why: str) -> NoReturn:
    """One sentence, and exit code 2: nothing was started or changed."""
    typer.echo(f"watchkeeper: {why}", err=True)
    raise typer.Exit(2)


def configured() -> Settings:
    try:
        return load()
    except Misconfigured as error:
        stop(str(error))


@cli.command()
def run() -> None:
    """Run the bot: listen to Slack, senders and the clock until it is told to stop."""
    try:
        app.run(configured())
    except (Misconfigured, app.CannotStart) as error:
        stop(str(error))


@cli.command("check")
def check_(
    alert: Annotated[str, typer.Option(help="a webhook body, or -: explain instead which route its alerts take")] = "",
    source: Annotated[str, typer.Option(help="who sent it, if not Alertmanager")] = "",
    header: Headers = None,
) -> None:
    """Check configuration, Slack, database and every provider; say how to mend what is wrong.

    With --alert FILE: say which route the alerts of that webhook body would take, and why, as `route` does.
    """
    if alert:
        route(source or "alertmanager", alert, header)
        return
    if source or header:
        stop("--source and --header tell how --alert is read; write --alert FILE beside them. Nothing was checked.")
    rows = check.rows(configured())
    for row in rows:
        typer.echo(f"{'✓' if row.ok else '✗'} {row.what:<24} {row.said}")
    raise typer.Exit(0 if all(row.ok for row in rows) else 1)


@cli.command()
def manifest() -> None:
    """Print the Slack app manifest for this configuration: paste it at api.slack.com/apps → From a manifest."""
    commands = configured().config.commands
    content = slack_manifest({"incident": commands.incident, "rollout": commands.rollout})
    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)


@cli.command()
def parse(
    source: str,
    file: File,
    header: Headers = None,
) -> None:
    """Show what a webhook body of SOURCE would become, as JSON. Nothing is stored."""
    read = understood(source, file, header)
    content = [*map(shown, read.facts), *(unread(why) for why in read.unread)]
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


@cli.command()
def route(
    source: str,
    file: File,
    header: Headers = None,
) -> None:
    """Explain which route the alerts of a webhook body would take, and why. Nothing is stored."""
    read, policy = understood(source, file, header), file_config().policy()
    alerts = [fact for fact in read.facts if isinstance(fact, Alert)]
    for alert in alerts:
        typer.echo("\n".join(routes.explain(alert, policy)))
    for why in read.unread:
        typer.echo(f"Of the body {why}.")
    if not alerts:
        typer.echo("There is no alert in it.")


class Read(NamedTuple):
    """What a body becomes, and why the rest of it becomes nothing."""

    facts: Sequence[Fact]
    unread: Sequence[str] = ()


def understood(source: str, file: str, header: list[str] | None) -> Read:
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        sent = (line.partition(":") for line in header or [])
        headers = {name.strip().lower(): value.strip() for name, _, value in sent}
        facts = sender_of(source).parse(Delivery(body=body, now=(now := datetime.now(UTC)), headers=headers))
        return Read([hearing.in_time(fact, now) for fact in facts])
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}.")
    except Partly as partly:
        return Read(partly.facts, [str(partly)])
    except Malformed as error:
        stop(f"{error}.")


def sender_of(source: str) -> Sender:
    """A kind of sender needs no configuration; a source of another name, or one with a map, does."""
    parts = file_config().senders or {}
    if source in parts:
        return parts[source].of(source)
    if source not in SENDERS:
        stop(f"There is no sender {source!r}; known: {', '.join(sorted({*parts, *SENDERS}))}.")
    return SENDERS[source]


def file_config() -> Config:
    try:
        return read_config(os.environ)
    except Misconfigured as error:
        stop(str(error))


@cli.command()
def say(
    line: str,
    as_: Annotated[str, typer.Option("--as", help="the Slack member id to act as")] = "cli",
    channel: Annotated[str, typer.Option(help="the Slack channel id to type it in")] = "",
) -> None:
    """Type a slash command without Slack: `watchkeeper say "/incident list" --as U0DANA`."""
    said = call("POST", "/api/commands", json={"line": line, "as": as_, "channel": channel})
    typer.echo(said["text"])
    raise typer.Exit(0 if said["ok"] else 1)


@cli.command()
def drill(
    story: Annotated[str, typer.Argument(help="what to play, or stop; without it, what there is")] = "",
    as_: Annotated[str, typer.Option("--as", help="the Slack member id to act as")] = "cli",
) -> None:
    """Play a drill in the workspace: `watchkeeper drill amazon-checkout --as U0DANA`."""
    say(f"/incident drill {story}".rstrip(), as_)


@cli.command()
def outbox(retry: Annotated[int, typer.Option(help="try this dead letter again")] = 0) -> None:
    """List the effects that were given up; `--retry ID` tries one again."""
    if retry:
        typer.echo(call("POST", f"/api/dead-letters/{retry}/retry")["text"])
        return
    letters = call("GET", "/api/dead-letters")
    for letter in letters:
        typer.echo(f"{letter['id']:>6}  {letter['kind']} {letter['subject']}: {letter['error']}")
    if not letters:
        typer.echo("No dead letters.")


unparsed = typer.Typer(no_args_is_help=True, help="Deliveries that were not understood: list, show ID, replay ID.")
cli.add_typer(unparsed, name="unparsed")


@unparsed.command("list")
def unparsed_list() -> None:
    """List the deliveries that were not understood."""
    kept = call("GET", "/api/unparsed")
    for one in kept:
        times = f", {one['count']} times" if one["count"] > 1 else ""
        typer.echo(f"{one['id']}  {one['last_at'][:19]}  {one['source']}{times}: {one['reason']}")
    if not kept:
        typer.echo("Everything was understood.")


@unparsed.command("show")
def unparsed_show(id: str) -> None:
    """Print one delivery as it came; headers that hold secrets are not kept."""
    typer.echo(call("GET", f"/api/unparsed/{quote(id, safe='')}")["text"])


@unparsed.command("replay")
def unparsed_replay(id: str) -> None:
    """Take a delivery in as when it came, once it can be understood."""
    said = call("POST", f"/api/unparsed/{quote(id, safe='')}/replay")
    typer.echo(said["text"])
    raise typer.Exit(0 if said["ok"] else 1)


sealed = typer.Typer(no_args_is_help=True, help="The log that shows tampering: verify, export DIR, receipt INC-n, key.")
cli.add_typer(sealed, name="ledger")
Keys = Annotated[list[str] | None, typer.Option("--key", help="a public key in place of our own; again for another")]


@sealed.command("verify")
def ledger_verify(
    pin: Annotated[list[str] | None, typer.Option(help="a checkpoint kept elsewhere: a file, or - for input")] = None,
    key: Keys = None,
    from_: Annotated[str, typer.Option("--from", help="a folder that was exported, in place of the database")] = "",
    receipt: Annotated[str, typer.Option(help="a receipt, which needs neither")] = "",
) -> None:
    """Compute everything anew; say what is proved and what is not. Code 1 where something was changed."""
    try:
        keys, pins = [key_of(one) for one in key or []], [pin for file in pin or [] for pin in pinned(file)]
        if receipt:
            checked = receipts.check(text_of(receipt), keys, pins, sealing.verify)
            said, good = list(checked.lines), checked.good
        else:
            audit = ledger.verified_export(Path(from_), keys, pins) if from_ else audited(keys, pins)
            said, good = audits.lines(audit), audit.good
    except (Unreadable, Unproven) as error:
        stop(f"{error}.")
    except OSError as error:
        stop(f"{error.filename} cannot be read: {error.strerror}.")
    typer.echo("\n".join(said))
    raise typer.Exit(0 if good else 1)


def audited(keys: list[Key], pins: list[Pin]) -> Audit:
    def verify(store: Store) -> Audit:
        signer = ours(store)
        known = keys or (signer.keys if signer else ())
        return store.read(lambda tx: ledger.verified(tx, known, pins))

    return with_store(verify)


def ours(store: Store) -> sealing.Signer | None:
    try:
        return sealing.known(configured().environment.watchkeeper_ledger_key, store)
    except sealing.BadKey as error:
        stop(str(error))


def signing(store: Store) -> sealing.Signer:
    return ours(store) or stop("Nothing was ever sealed here: `watchkeeper run` makes the key and the checkpoints.")


def pinned(file: str) -> list[Pin]:
    return ledger.read_pins("standard input" if file == "-" else file, text_of(file))


def text_of(file: str) -> str:
    return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8", "replace")


@sealed.command("export")
def ledger_export(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write all entries, checkpoints and the public key to DIR: `ledger verify --from DIR` needs no more."""

    def export(store: Store) -> int:
        key = signing(store).key
        return store.read(lambda tx: ledger.exported(tx, key, folder))

    try:
        count = with_store(export)
    except OSError as error:
        stop(f"{folder} cannot be written: {error.strerror}.")
    typer.echo(f"{count:,} entries are in {folder}: all that is on the timelines, private incidents included.")


@sealed.command("receipt")
def ledger_receipt(of: Annotated[str, typer.Argument(metavar="INC-n|NUMBER")]) -> None:
    """Print the lines of an incident, or one entry by its number, with their proofs."""
    incident = None if of.isdecimal() else incident_id(of)

    def prove(store: Store) -> str:
        keys = signing(store).keys
        return store.read(lambda tx: ledger.receipt(tx, incident or of, ledger.lines(tx, of, incident), keys))

    try:
        typer.echo(with_store(prove), nl=False)
    except (Unproven, Unreadable) as why:
        stop(f"There is no proof to give: {why}.")


@sealed.command("key")
def ledger_key() -> None:
    """Print the public key that checkpoints are signed with: keep it where this host cannot write."""
    typer.echo(str(with_store(signing).key))


@cli.command()
def gates(service: str, environment: Annotated[str, typer.Argument()] = "") -> None:
    """Print the URLs at which controllers and pipelines ask before SERVICE moves. Each is a key."""
    where = "/".join(quote(word, safe="") for word in (service, environment) if word)
    for asked in call("GET", f"/api/gates/{where}"):
        typer.echo(f"{asked['gate']:<26} {asked['url']}")


@cli.command()
def probe(name: str, kept: Annotated[bool, typer.Option(help="what was seen when it turned, instead")] = False) -> None:
    """Look at a page once as probe NAME does, and print the verdict and the evidence. Nothing is kept."""
    settings = configured()
    if name not in settings.policy.probes:
        stop(f"There is no probe {name!r}; known: {', '.join(sorted(settings.policy.probes)) or 'none'}.")
    wanted = settings.policy.probes[name]
    if kept:
        for one in reversed(with_store(lambda store: store.read(lambda tx: tx.evidence(name)))):
            typer.echo(report(wanted, one.faults, "", seen(one), one.at))
        return
    now, prober = datetime.now(UTC), app.prober(settings)
    if prober is None:
        stop("No probe is configured.")
    try:
        outcome = probes.look(prober, wanted, now)
    finally:
        prober.close()
    typer.echo(report(wanted, outcome.words, outcome.around, seen(evidence(wanted, outcome, now)), now))
    raise typer.Exit(0 if outcome.good else 1)


def seen(one: Evidence) -> list[str]:
    """The evidence, line by line."""
    if not one.status:
        return []
    headers = [f"{name}: {value}" for name, value in one.headers.items()]
    answer = f"HTTP {one.status}, {one.size:,} bytes in {one.seconds:.2f} s"
    return [answer, *headers, "", *one.beginning.splitlines()[:PAGE_LINES]]


def call(method: str, path: str, json: object = None) -> Any:
    """Ask the running bot. Ends with one sentence where it does not answer."""
    settings = configured()
    token = settings.environment.watchkeeper_api_token
    if not token.strip():
        stop("WATCHKEEPER_API_TOKEN is not set: give the bot and this command the same one.")
    host, port = listening(settings)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with httpx.Client(trust_env=False, timeout=30) as client:
            response = client.request(
                method, f"http://{place}{path}", json=json, headers={"authorization": f"Bearer {token}"}
            )
            content = response.json()
    except (httpx.TransportError, httpx.InvalidURL) as error:
        stop(f"No bot answers at {place} ({type(error).__name__}). Start it with `watchkeeper run`.")
    except ValueError:
        stop(f"What answers at {place} is not Watchkeeper; see WATCHKEEPER_LISTEN.")
    if response.is_error:
        stop(str(content.get("detail", content)) if isinstance(content, dict) else str(content))
    if not isinstance(content, list) and not (isinstance(content, dict) and "text" in content):
        stop(f"What answers at {place} is not Watchkeeper; see WATCHKEEPER_LISTEN.")
    return content


def listening(settings: Settings) -> tuple[str, int]:
    try:
        return settings.listen
    except Misconfigured as error:
        stop(str(error))


@cli.command()
def postmortem(incident: str) -> None:
    """Print the latest postmortem draft of INCIDENT as Markdown."""
    id = incident_id(incident) or incident
    draft = with_store(lambda store: store.read(lambda tx: tx.postmortem(id)))
    if draft is None:
        stop(f"There is no draft for {incident}. It is written when the incident is resolved.")
    typer.echo(draft.markdown)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema; `run` does it too."""
    with_store(lambda store: store.migrate(), may_be_new=True)
    typer.echo("The database is up to date.")


def with_store(use: Callable[[Store], T], *, may_be_new: bool = False) -> T:
    try:
        store = Store(configured().environment.database_url)
    except ValueError as error:
        stop(str(error))
    try:
        if store.absent and not may_be_new:
            stop(f"There is no database at {store.absent}, and none was made. DATABASE_URL names it.")
        return use(store)
    except (Busy, ValueError) as error:
        stop(str(error))
    finally:
        store.close()


def main() -> None:
    cli()
