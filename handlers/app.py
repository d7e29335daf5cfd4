"""Wiring: the only module that knows every other."""

from __future__ import annotations

import gc
import logging
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import structlog
import uvicorn
from fastapi import FastAPI
from slack_sdk import WebClient

from bot.errors import ProviderError
from bot.policy import GATES, Asked
from bot.signals import ERRORS_BY_VERSION
from handlers import heartbeats, providers, schedule
from handlers.config import GitOpsPart, OnCall
from handlers.intake import Source
from handlers.outbox import Workers
from handlers.providers.away_mail import AwayMail
from handlers.providers.away_webhook import AwayWebhook
from handlers.providers.fetch import Fetch
from handlers.providers.places import Bucket, Command, Folder
from handlers.providers.probing import HttpProber
from handlers.providers.sigv4 import Keys
from handlers.providers.slack import SlackChat
from handlers.providers.slack_api import connect
from handlers.providers.smtp import Server, Smtp
from handlers.providers.stages import Access, Stages
from handlers.providers.statuspage import Statuspage
from handlers.providers.vendor_pages import VendorSites
from handlers.providers.version_page import VersionPage
from handlers.providers.webhook import Webhook
from handlers.sealing import BadKey, Signer, signer
from handlers.settings import Misconfigured, Settings
from handlers.slack import bolt
from handlers.slack.identity import Identity, preflight
from handlers.slack.socket import Socket
from handlers.watching import Watchers
from handlers.web import server
from handlers.web.gates import pass_of, place_of
from handlers.web.guard import sign
from handlers.web.signin import Entrance, networks
from handlers.world import (
    Alarms,
    Beyond,
    ByVersion,
    Cast,
    Metrics,
    Neighbourhood,
    OnCalls,
    Place,
    Pods,
    Rollouts,
    World,
)
from storage.store import Busy, Store

log = structlog.get_logger(__name__)


class CannotStart(Exception):
    """One sentence: what is missing and what to do. Nothing was started; the process ends with code 2."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Line:
    """This replica's line to Slack: made as soon as Slack answers, kept alive after that.

    The rest of the bot does not wait for it: what is to be posted waits in the outbox.
    """

    settings: Settings
    world: World
    client: WebClient
    chat: SlackChat
    web: FastAPI
    identity: Identity | None = None
    socket: Socket | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> None:
        """Raises a permanent ProviderError where a person has to mend something; otherwise `watch` tries again."""
        try:
            self.open()
        except ProviderError as error:
            if error.permanent:
                raise
            log.warning("Slack is away; the rest works and this is tried again", error=str(error))

    def open(self) -> None:
        with self.guard:
            if self.identity is not None:
                return
            identity = preflight(self.client)
            environment = self.settings.environment
            listeners = bolt.build(self.world, self.client, identity, signing_secret=environment.slack_signing_secret)
            if self.settings.socket_mode:
                self.socket = Socket(listeners, environment.slack_app_token, self.world.now)
                self.socket.connect()
            else:
                server.listen_to_slack(self.web, listeners)
            self.chat.identity = self.identity = identity
            log.info("connected to Slack", team=identity.team, url=identity.url)

    def watch(self) -> None:
        if self.identity is None:
            self.connect()
        elif self.socket is not None:
            self.socket.check()

    def trouble(self) -> str:
        """Why nothing can be heard from Slack, or ""."""
        if self.identity is None:
            return "Slack has not answered yet"
        return "" if self.socket is None or self.socket.healthy() else "the connection to Slack is down"

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()


@dataclass
class Bot:
    world: World
    line: Line
    web: FastAPI
    workers: Workers
    watchers: Watchers
    new_hook_token: str
    new_pages_token: str = ""
    new_api_token: str = ""

    def start(self) -> None:
        self.line.connect()
        heartbeats.begin(self.world)
        self.workers.start()
        self.watchers.start()
        self.clock = schedule.build(self.world, self.line.watch)
        self.clock.start()

    def stop(self) -> None:
        """In the order in which work flows: hear nothing new, finish what runs, close."""
        self.line.close()
        self.watchers.stop()
        if hasattr(self, "clock"):
            self.clock.shutdown(wait=True)
        self.workers.stop()
        if self.world.stages is not None:
            self.world.stages.close()
        self.world.store.close()


def build(settings: Settings, now: Callable[[], datetime] = utc_now) -> Bot:
    """Everything wired, nothing started. Raises CannotStart or Misconfigured."""
    environment = settings.environment
    demand_slack(settings)
    store = open_store(settings)
    client = connect(environment.slack_bot_token, environment.slack_api_url)
    chat = SlackChat(client, store, now)
    commands = settings.config.commands
    sources, made = hook_sources(settings, store)
    api_token, new_api_token = kept_api_token(settings, store)
    asking = gate_tokens(settings, sources)
    base = settings.config.url.rstrip("/")
    measured = metrics_provider(settings)
    door, new_pages_token = entrance(settings, store)
    world = World(
        store=store,
        chat=chat,
        rollouts=rollout_providers(settings),
        policy=settings.policy,
        now=now,
        pods=pods(settings),
        version_page=VersionPage(),
        commands={"incident": commands.incident, "rollout": commands.rollout},
        draft_url=partial(draft_url, base, api_token),
        gate_url=partial(gate_url, base, asking[0] if asking else ""),
        metrics=measured,
        by_version=errors_by_version(settings, measured),
        draw=providers.load("plots", providers.DRAWING) if settings.policy.signals else None,
        neighbourhood=neighbourhood(settings),
        beyond=beyond(settings),
        prober=prober(settings),
        exports=places(settings, now),
        status_since=status_since(store, now()) if settings.policy.status else None,
        status_salt=status_salt(store) if settings.policy.status else "",
        mailer=mailer(settings),
        statuspages=status_pages(settings),
        hooks=webhooks(settings),
        oncalls=oncalls(settings),
        alarms=alarms(settings),
        vendor_pages=VendorSites() if settings.policy.vendors else None,
        fetch=Fetch(),
        sources=sources,
        stages=Stages(cast),
        signer=ledger_signer(settings, store),
    )
    web = server.build(
        world,
        sources,
        api_token,
        ready=lambda: why_not(store),
        heard=lambda: bot.line.trouble(),
        gate_tokens=asking,
        entrance=door,
    )
    line = Line(settings=settings, world=world, client=client, chat=chat, web=web)
    bot = Bot(
        world=world,
        line=line,
        web=web,
        workers=Workers(world),
        watchers=Watchers(world),
        new_hook_token=made,
        new_pages_token=new_pages_token,
        new_api_token=new_api_token,
    )
    return bot


def draft_url(base: str, token: str, incident: str) -> str:
    """A link that opens this one draft without a token, for those in the incident's channel."""
    return f"{base}/incidents/{incident}/postmortem.md?pass={sign(incident, token)}" if base and token else ""


def gate_url(base: str, key: str, service: str, environment: str, gate: str) -> str:
    """Where a controller asks that can send no token."""
    place = place_of(service, environment)
    known = f"?pass={pass_of(place, key)}" if key else ""
    return f"{base or 'https://WATCHKEEPER'}/gates/{quote(place)}/{gate}{known}"


def gate_tokens(settings: Settings, sources: Mapping[str, Source]) -> tuple[str, ...]:
    """Who may ask at a gate: whoever may post as a sender with the general token, or use the API."""
    environment = settings.environment
    secrets = (secret for source in sources.values() for secret in source.secrets)
    made = next((secret for secret in secrets if secret.startswith("sha256:")), "")
    return tuple(filter(None, (environment.watchkeeper_hook_token or made, environment.watchkeeper_api_token)))


def why_not(store: Store) -> str:
    """Why the bot is not ready, or ""."""
    try:
        store.ping()
    except Busy as error:  # everybody may ask this; where the database is and what it says is for the log
        log.warning("not ready: the database does not answer", error=str(error))
        return "the database does not answer; the log says more"
    return ""


def demand_slack(settings: Settings) -> None:
    environment = settings.environment
    if not is_web_address(environment.slack_api_url):
        raise CannotStart(f"SLACK_API_URL is {environment.slack_api_url!r}; write it with https://, or leave it out.")
    if not environment.slack_bot_token:
        raise CannotStart("SLACK_BOT_TOKEN is not set: it is under OAuth & Permissions of your Slack app (xoxb-…).")
    if not environment.slack_app_token and not environment.slack_signing_secret:
        raise CannotStart(
            "Set SLACK_APP_TOKEN (xapp-…, for Socket Mode) or SLACK_SIGNING_SECRET (for HTTP): "
            "both are under Basic Information of your Slack app."
        )


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half a bracket
        return False


def open_store(settings: Settings) -> Store:
    try:
        store = Store(settings.environment.database_url)
        store.take_over()
        store.migrate()
    except (Busy, ValueError) as error:
        raise CannotStart(f"The database cannot be used: {error}") from None
    return store


def rollout_providers(settings: Settings) -> dict[str, Rollouts]:
    """Only what the services use is loaded."""
    try:
        return {
            name: providers.load(name).connect(settings.config.clusters) for name in sorted(providers_used(settings))
        }
    except (providers.Missing, ProviderError) as error:
        raise CannotStart(str(error)) from None


def providers_used(settings: Settings) -> set[str]:
    """Those that read a cluster."""
    return {s.rollout.provider for s in settings.policy.rollouts() if s.rollout} - {GATES}


def neighbourhood(settings: Settings) -> Neighbourhood | None:
    """None where nothing in a cluster has a rollout: the Kubernetes client is an extra."""
    if not providers_used(settings):
        return None
    try:
        look = providers.load("neighbourhood", providers.AROUND)
        found: Neighbourhood = look.connect(settings.config.clusters, settings.config.gitops.argo_namespace)
    except (providers.Missing, ProviderError) as error:
        raise CannotStart(str(error)) from None
    return found


def metrics_provider(settings: Settings) -> Metrics | None:
    """What is not configured is not loaded."""
    part = settings.config.prometheus
    made: Metrics | None = None
    if part:
        made = providers.load("prometheus", providers.METRICS)(part.url, settings.prometheus_token)
    return made


def places(settings: Settings, now: Callable[[], datetime]) -> dict[str, Place]:
    """Where copies of the status page go."""
    found: dict[str, Place] = {}
    for name, part in (settings.config.status.exports if settings.config.status else {}).items():
        if part.bucket:
            access, secret = settings.place_secrets[name]
            keys = Keys(access=access, secret=secret, region=part.region)
            found[name] = Bucket(part.endpoint, part.bucket, part.prefix, keys, now)
        else:
            found[name] = Folder(part.folder) if part.folder else Command(part.command)
    return found


def status_since(store: Store, now: datetime) -> datetime:
    """When the status page was served first: of the days before nothing is known."""
    return datetime.fromisoformat(store.remember("status page since", now.isoformat()))


def status_salt(store: Store) -> str:
    """With it, nobody can tell from an incident's public id which of ours it is, or how many there are."""
    return store.remember("status page salt", secrets.token_hex(16))


def prober(settings: Settings) -> HttpProber | None:
    return HttpProber(settings.probe_secrets) if settings.policy.probes else None


def oncalls(settings: Settings) -> dict[str, OnCalls]:
    """Those that are kept elsewhere. Only what is used is loaded."""
    return {name: oncall(settings, name, part) for name, part in settings.config.oncall.items() if kept_elsewhere(part)}


def kept_elsewhere(part: OnCall) -> bool:
    return isinstance(part.policy(), Asked)


def oncall(settings: Settings, name: str, part: OnCall) -> OnCalls:
    secret, there = settings.oncall_secrets[name], part.pagerduty
    made: OnCalls
    if there is None:
        made = providers.load("ical", providers.ONCALLS)(secret)
    else:
        whose = {"schedule": there.schedule, "escalation_policy": there.escalation_policy}
        made = providers.load("pagerduty", providers.ONCALLS)(secret, url=there.url, **whose)
    return made


def alarms(settings: Settings) -> Alarms | None:
    part = settings.config.page.pagerduty
    made: Alarms | None = None
    if part:
        made = providers.load("pagerduty", providers.ALARMS)(settings.routing_key, url=part.url)
    return made


def beyond(settings: Settings) -> dict[str, Beyond]:
    """The ways to the on-call that do not lead through Slack, by name: each address is one."""
    found: dict[str, Beyond] = {}
    if settings.away_webhook:
        found["webhook"] = AwayWebhook(settings.away_webhook)
    if letters := mailer(settings):
        found |= {f"mail:{address}": AwayMail(letters, address) for address in settings.config.away.email}
    return found


def mailer(settings: Settings) -> Smtp | None:
    part = settings.config.smtp
    if part is None:
        return None
    return Smtp(
        Server(
            host=part.host,
            port=part.port,
            sender=part.from_,
            user=part.user,
            password=settings.smtp_password,
            tls=part.tls,
        )
    )


def status_pages(settings: Settings) -> dict[str, Statuspage]:
    """By the name of the destination."""
    return {
        part.name: Statuspage(part.statuspage.page, settings.broadcast_secrets[part.name], part.statuspage.api)
        for part in settings.config.broadcasts
        if part.statuspage
    }


def webhooks(settings: Settings) -> dict[str, Webhook]:
    """By the name of the destination."""
    made: dict[str, Webhook] = {}
    for part in settings.config.broadcasts:
        if part.webhook:
            try:
                made[part.name] = Webhook(part.webhook.url, settings.broadcast_secrets[part.name])
            except ValueError as error:
                raise CannotStart(f"{part.webhook.secret_env} (broadcast {part.name}) {error}.") from None
    return made


def pods(settings: Settings) -> Pods | None:
    """Who reads the pods of the configured rollouts, if there are any in a cluster."""
    if not providers_used(settings):
        return None
    try:
        reader: Pods = providers.load("pods", providers.READERS).connect(settings.config.clusters)
    except (providers.Missing, ProviderError) as error:
        raise CannotStart(str(error)) from None
    return reader


def cast(clusters: Mapping[str, Access], prometheus: str) -> Cast:
    """Who acts on the stage of a drill, and measures it: those who do so in a real cluster. Raises ProviderError."""
    try:
        acting = providers.load("argo").connect(clusters)
        pods = providers.load("pods", providers.READERS).connect(clusters)
        measured = providers.load("prometheus", providers.METRICS)(prometheus)
        by_version = providers.load("errors by version", providers.METRICS)(measured, ERRORS_BY_VERSION)
        around = providers.load("neighbourhood", providers.AROUND).connect(clusters, GitOpsPart().argo_namespace)
        lines = ExitStack()
        for one in (acting, pods, measured, around):
            lines.callback(one.close)
        return Cast(
            rollouts={"argo": acting},
            pods=pods,
            metrics=measured,
            by_version=by_version,
            neighbourhood=around,
            close=lines.close,
        )
    except providers.Missing as error:
        raise ProviderError("Drills", str(error), permanent=True) from None


def errors_by_version(settings: Settings, metrics: Metrics | None) -> ByVersion | None:
    part = settings.config.prometheus
    made: ByVersion | None = None
    if part and part.errors and metrics:
        made = providers.load("errors by version", providers.METRICS)(metrics, part.errors)
    return made


def hook_sources(settings: Settings, store: Store) -> tuple[dict[str, Source], str]:
    """The sources, and the token that was made now because none was given (else ""). Only its hash is kept."""
    if not any("" in source.secrets for source in settings.sources.values()):
        return dict(settings.sources), ""
    made = secrets.token_urlsafe(24)
    kept = store.remember("hook token", digest(made))
    return {name: keyed(source, f"sha256:{kept}") for name, source in settings.sources.items()}, (
        made if kept == digest(made) else ""
    )


def entrance(settings: Settings, store: Store) -> tuple[Entrance, str]:
    """How people get to the internal pages, and the token that was made now because none was given (else "")."""
    proxy, token, made = settings.config.pages.proxy, settings.environment.watchkeeper_pages_token, ""
    if not token and proxy is None:
        new = secrets.token_urlsafe(24)
        kept = store.remember("pages token", digest(new))
        token, made = f"sha256:{kept}", new if kept == digest(new) else ""
    return Entrance(
        token=token,
        header=proxy.header if proxy else "",
        trusted=networks(proxy.trusted) if proxy else (),
        secure=settings.config.url.startswith("https://"),
    ), made


def kept_api_token(settings: Settings, store: Store) -> tuple[str, str]:
    """The token of the API as it is kept, and the one that was made now because none was given (else "")."""
    if given := settings.environment.watchkeeper_api_token:
        return given, ""
    made = secrets.token_urlsafe(24)
    kept = store.remember("API token", digest(made))
    return f"sha256:{kept}", made if kept == digest(made) else ""


def ledger_signer(settings: Settings, store: Store) -> Signer:
    try:
        return signer(settings.environment.watchkeeper_ledger_key, settings.config.url, store)
    except BadKey as error:
        raise CannotStart(str(error)) from None


def keyed(source: Source, token: str) -> Source:
    """With the general token where no other is set."""
    return replace(source, secrets=tuple(secret or token for secret in source.secrets))


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def level_of(word: str) -> int:
    """Raises Misconfigured."""
    number = logging.getLevelNamesMapping().get(word.upper())
    if number is None:
        raise Misconfigured(f"WATCHKEEPER_LOG is {word!r}; write it as debug, info, warning or error.")
    return number


def console() -> structlog.dev.ConsoleRenderer:
    """Tracebacks without local variables: those hold tokens."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def configure_log(level: str) -> None:
    """One JSON object a line, or readable lines on a terminal. Raises Misconfigured."""
    number = level_of(level)
    terminal = sys.stderr.isatty()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            console() if terminal else structlog.processors.format_exc_info,
            *([] if terminal else [structlog.processors.JSONRenderer(ensure_ascii=False)]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)  # what fails there is logged by us, with its reason
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises CannotStart or Misconfigured before anything runs."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the server is up and ends by itself
    configure_log(settings.environment.watchkeeper_log)
    with listening(*settings.listen) as door:
        serve(settings, door)


def listening(host: str, port: int) -> socket.socket:
    """Before anything else: what cannot be heard must not act either."""
    try:
        door = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
        return door
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotStart(
            f"Nothing can listen on {host}:{port} ({why}): is another bot running? Set WATCHKEEPER_LISTEN."
        ) from None


def serve(settings: Settings, door: socket.socket) -> None:
    host, port = settings.listen
    bot = build(settings)
    if bot.new_hook_token:  # before anything can go wrong: it is not kept
        print(f"Senders use this token, shown only now: {bot.new_hook_token}", file=sys.stderr)
    if bot.new_pages_token:
        print(f"People sign in to /incidents with this token, shown only now: {bot.new_pages_token}", file=sys.stderr)
    if bot.new_api_token:
        print(f"WATCHKEEPER_API_TOKEN for `watchkeeper say`, shown only now: {bot.new_api_token}", file=sys.stderr)
    try:
        bot.start()
    except ProviderError as error:
        bot.stop()
        raise CannotStart(str(error)) from None
    gc.freeze()  # what was wired lives as long as the process; to look through it takes a tenth of a second each time
    log.info("listening", address=f"http://{host}:{port}", configuration=where(settings))
    web = uvicorn.Server(
        uvicorn.Config(
            bot.web, log_config=None, access_log=False, proxy_headers=False, timeout_graceful_shutdown=10, ws="none"
        )
    )
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)  # uvicorn raises it again when it has ended; what follows must still run
    try:
        web.run([door])
    finally:
        bot.stop()


def where(settings: Settings) -> str:
    path = Path(settings.environment.watchkeeper_config)
    return str(path) if settings.configured else "none: every known sender is heard, rollouts are off"
