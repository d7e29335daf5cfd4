"""`watchkeeper check`: is everything there that the configuration needs, and if not, how to mend it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot.canaries import FLAGGER
from bot.errors import NotYet, ProviderError
from bot.oncall import troubles
from bot.policy import GATES, Probe, Room, Service, Target, Vendor
from bot.signals import ENVIRONMENT, Signal
from handlers import app, oncalls, probes, vendors
from handlers.manifest import manifest
from handlers.providers import Missing, load
from handlers.providers.slack import SlackChat
from handlers.providers.slack_api import connect
from handlers.providers.statuspage import Statuspage
from handlers.providers.vendor_pages import VendorSites
from handlers.settings import Misconfigured, Settings
from handlers.slack.identity import preflight
from handlers.slack.socket import address
from handlers.world import ByVersion, Metrics, Prober, World
from storage.store import Busy, Store


@dataclass(frozen=True)
class Row:
    what: str
    ok: bool
    said: str


def rows(settings: Settings) -> list[Row]:
    return [
        tried("configuration", lambda: configuration(settings)),
        tried("database", lambda: database(settings)),
        *slack(settings),
        *rollouts(settings),
        *prometheus(settings),
        *looks(settings),
        *others(settings),
        *mail(settings),
        *broadcasts(settings),
        *paging(settings),
        *copies(settings),
    ]


def configuration(settings: Settings) -> str:
    app.level_of(settings.environment.watchkeeper_log)
    host, port = settings.listen
    return f"{app.where(settings)}; listens on {host}:{port}"


def tried(what: str, look: Callable[[], str]) -> Row:
    try:
        return Row(what, True, look())
    except (app.CannotStart, Misconfigured, ProviderError, NotYet, Missing, Busy, ValueError) as error:
        return Row(what, False, str(error))


def database(settings: Settings) -> str:
    store = Store(settings.environment.database_url)
    try:
        store.ping()
        return (
            "schema is current" if store.is_current() else "reachable; `watchkeeper migrate` or `run` will migrate it"
        )
    finally:
        store.close()


def tokens(settings: Settings) -> str:
    app.demand_slack(settings)
    return "set, for Socket Mode" if settings.socket_mode else "set, for HTTP"


def slack(settings: Settings) -> Iterator[Row]:
    environment = settings.environment
    missing = tried("Slack tokens", lambda: tokens(settings))
    yield missing
    if not missing.ok:
        return
    client = connect(environment.slack_bot_token, environment.slack_api_url)
    yield tried("Slack bot", lambda: f"{preflight(client).user} in {preflight(client).url}")
    yield tried("Slack scopes", lambda: scopes(preflight(client).scopes))
    if settings.socket_mode:
        yield tried("Slack app token", lambda: line(client, environment.slack_app_token))
    yield tried("Slack channels", lambda: channels(settings))
    for name in settings.policy.oncall:
        yield tried(f"on-call {name}", partial(oncall, settings, name))


def line(client: WebClient, token: str) -> str:
    address(client, token)
    return "a connection can be opened"


def oncall(settings: Settings, name: str) -> str:
    """Who is on call there now. Whom nobody knows in Slack can be put into no role."""
    with asking(settings) as chat:
        world = World(
            store=chat.api.store,
            chat=chat,
            rollouts={},
            policy=settings.policy,
            now=app.utc_now,
            oncalls=app.oncalls(settings),
        )
        answer = oncalls.on_duty(world, name)
        if answer.unknown:
            raise ProviderError(name, "; ".join(troubles(name, answer)))
        if not answer.people:
            raise ProviderError(name, "nobody is on call there now")
        return ", ".join(chat.names(answer.people).values())


@contextmanager
def asking(settings: Settings) -> Iterator[SlackChat]:
    """Slack, asked on the side: with a store of its own, so that no pace of the running bot is used up."""
    store = Store("sqlite://")
    store.migrate()
    try:
        environment = settings.environment
        yield SlackChat(connect(environment.slack_bot_token, environment.slack_api_url), store, app.utc_now)
    finally:
        store.close()


def scopes(granted: frozenset[str]) -> str:
    wanted = manifest({})["oauth_config"]["scopes"]
    lacking = set(wanted["bot"]) - set(wanted.get("bot_optional", ())) - granted
    if granted and lacking:
        raise ProviderError("Slack", f"missing {', '.join(sorted(lacking))}: add them and install the app again")
    return "all there" if granted else "Slack did not say which are granted"


def channels(settings: Settings) -> str:
    policy = settings.policy
    rooms = [d.to.channel for d in policy.broadcasts if isinstance(d.to, Room) and d.to.channel.startswith("#")]
    of_services = (c for s in policy.everywhere() for c in s.broadcast)
    ledger = [policy.ledger_channel] if policy.ledger_channel.startswith("#") else []
    named = [policy.announce, *policy.broadcast, *rooms, *of_services, *ledger]
    wanted = list(dict.fromkeys(name for name in named if name))
    with asking(settings) as chat:
        absent = [name for name in wanted if chat.find_channel(name) is None]
    if absent:
        raise ProviderError("Slack", f"the bot is not in {', '.join(absent)}: type `/invite @watchkeeper` there")
    return f"the bot is in {', '.join(wanted)}" if wanted else "none is configured"


def rollouts(settings: Settings) -> Iterator[Row]:
    for service in settings.policy.rollouts():
        if service.rollout and service.rollout.provider != GATES:  # nobody to ask: there we are asked
            read = tried(f"rollout {service.called}", partial(rollout, settings, service, service.rollout))
            yield read
            if read.ok:
                yield tried(f"around {service.called}", partial(around, settings, service, service.rollout))
                yield tried(f"pods of {service.called}", partial(pods, settings, service, service.rollout))
    for (provider, cluster), namespaces in _places(settings).items():
        yield tried(f"rights in {cluster} ({provider})", partial(rights, settings, provider, cluster, namespaces))


def rollout(settings: Settings, service: Service, target: Target) -> str:
    provider = load(target.provider).connect(settings.config.clusters)
    found = provider.get(target, service.name, service.environment)
    if found.strategy != FLAGGER:
        return str(found.phase)
    return f"{found.phase}, asks at {', '.join(found.gates) or 'none of our gates, so a pause suspends it'}"


def around(settings: Settings, service: Service, target: Target) -> str:
    """One close look, as before an action: GitOps, autoscalers, room for its pods."""
    place, look = f"Kubernetes {target.cluster}", app.neighbourhood(settings)
    if look is None:
        return "not looked at"
    provider = load(target.provider).connect(settings.config.clusters)
    found = look.examine(target, provider.get(target, service.name, service.environment))
    keeper = found.keeper
    if keeper and not keeper.kind:
        return f"all seen; {keeper} writes it, and {keeper.why}"
    if found.unexamined or (keeper and keeper.why):
        why = found.unexamined or f"{keeper} could not be read: {keeper.why if keeper else ''}"
        raise ProviderError(place, f"{why} (see docs/rbac/watchkeeper.yml)")
    if keeper is None:
        return "all seen; nothing else writes it"
    may = "may" if look.may_stop(target, keeper) else "may not"
    return f"all seen; {keeper} {found.fights}, and I {may} switch that off"


def pods(settings: Settings, service: Service, target: Target) -> str:
    """Who runs what, as the check after a rollout asks. What it could not see is said."""
    reader = app.pods(settings)
    if reader is None:
        return "not looked at"
    found = reader.instances(target, service.verification, "")
    return "; ".join([f"{len(found.seen)} seen", *found.notes])


def _places(settings: Settings) -> dict[tuple[str, str], list[str]]:
    """The namespaces that are used of each cluster, by provider and cluster."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for service in settings.policy.rollouts():
        if service.rollout and service.rollout.provider != GATES:
            places[service.rollout.provider, service.rollout.cluster].add(service.rollout.namespace)
    return {place: sorted(namespaces) for place, namespaces in sorted(places.items())}


def rights(settings: Settings, provider: str, cluster: str, namespaces: list[str]) -> str:
    missing = load(provider).connect(settings.config.clusters).lacking(cluster, namespaces)
    if missing:
        raise ProviderError(
            f"Kubernetes {cluster}", f"not allowed: {'; '.join(missing)} (see docs/rbac/watchkeeper.yml)"
        )
    return f"all there, in {', '.join(namespaces)}"


def looks(settings: Settings) -> Iterator[Row]:
    """Every probe, once. Nothing is kept of it."""
    prober = app.prober(settings)
    if prober is None:
        return
    try:
        for name, probe in settings.policy.probes.items():
            yield tried(f"probe {name}", partial(look, prober, probe))
    finally:
        prober.close()


def others(settings: Settings) -> Iterator[Row]:
    """Every vendor's page, once."""
    for name, vendor in settings.policy.vendors.items():
        yield tried(f"vendor {name}", partial(vendor_page, VendorSites(), vendor))


def mail(settings: Settings) -> Iterator[Row]:
    """Whether the mail server lets us in. No letter is sent."""
    if mailer := app.mailer(settings):
        yield tried("e-mail", mailer.greet)


def broadcasts(settings: Settings) -> Iterator[Row]:
    """Whether what is broadcast would arrive. Nothing is published."""
    for name, page in app.status_pages(settings).items():
        yield tried(f"broadcast {name}", partial(page_opened, page))
    if any(part.webhook for part in settings.config.broadcasts):
        yield tried("webhooks", lambda: f"{', '.join(app.webhooks(settings))}: signed with secrets that are ones")


def paging(settings: Settings) -> Iterator[Row]:
    """Whether PagerDuty would call somebody. It calls nobody."""
    if alarms := app.alarms(settings):
        yield tried("paging by PagerDuty", alarms.look)


def copies(settings: Settings) -> Iterator[Row]:
    """Whether copies of the status page could go where they should. No page is put there."""
    for name, place in app.places(settings, app.utc_now).items():
        yield tried(f"status page to {name}", place.look)


def page_opened(page: Statuspage) -> str:
    return f"the token opens the page “{page.name()}”"


def vendor_page(pages: VendorSites, vendor: Vendor) -> str:
    """Components that its page does not have are a mistake of ours: nobody would ever hear of them."""
    try:
        read = vendors.read(pages, vendor, "", app.utc_now())
    finally:
        pages.close()
    if vendor.feed:
        return f"{len(read.statuses or ())} entries of the last days"
    listed = {said.component.lower() for said in read.statuses or ()}
    if unknown := [name for name in vendor.components if name.lower() not in listed]:
        raise ProviderError(vendor.name, f"its page has no component {', '.join(unknown)}")
    return f"{read.title}, {len(listed)} components"


def look(prober: Prober, probe: Probe) -> str:
    outcome = probes.look(prober, probe, app.utc_now())
    if not outcome.good:
        raise ProviderError(probe.service, "; ".join(filter(None, [*outcome.words, outcome.around])))
    return "; ".join(filter(None, [f"good, in {outcome.answer.seconds:.2f} s", outcome.around]))


def prometheus(settings: Settings) -> Iterator[Row]:
    """What is asked of each service that has a rollout."""
    metrics = app.metrics_provider(settings)
    if metrics is None:
        return
    try:
        yield from figures(settings, metrics)
    finally:
        metrics.close()


def figures(settings: Settings, metrics: Metrics) -> Iterator[Row]:
    services = settings.policy.rollouts() or (Service(name=""),)
    for signal in settings.policy.signals:
        yield tried(f"signal {signal.title.lower()}", partial(measured, metrics, signal, services))
    source = app.errors_by_version(settings, metrics)
    if source is not None:
        yield tried("errors by version", partial(by_version, source, services))


def by_version(source: ByVersion, services: Sequence[Service]) -> str:
    """Preflight's question: which version is it that fails?"""
    silent = [each.called for each in services if not source.errors(each.name, each.environment)]
    return f"no figures by version of {', '.join(silent)}" if any(silent) else "measured"


def measured(metrics: Metrics, signal: Signal, services: Sequence[Service]) -> str:
    """Nothing measured is no failure: a service may have had no requests."""
    silent = [each.called for each in services if not metrics.query(signal.asked_of(each.name, each.environment))]
    said = f"nothing measured of {', '.join(silent)}" if any(silent) else "measured"
    return "; ".join(filter(None, [said, mixed(signal, services)]))


def mixed(signal: Signal, services: Sequence[Service]) -> str:
    """Where one figure would stand for several environments."""
    others = [there.called for service in services for there in service.elsewhere.values()]
    if not others or ENVIRONMENT in signal.query:
        return ""
    return (
        f"not asked of {', '.join(others)}, and for the rest all environments count: write {ENVIRONMENT} into the query"
    )
