"""What a think may ask: every method answers nouns, read in the transaction that will save the decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, Table, bindparam, func, or_, select, text

from bot.alerts import Seen
from bot.decision import Broadcast, Effect, SendPost, TellChanges
from bot.errors import Refused
from bot.model import (
    BOT,
    STAGE,
    Alert,
    Assignment,
    Change,
    Delivery,
    Drill,
    Duty,
    Entry,
    Event,
    Evidence,
    Export,
    Finding,
    Freeze,
    Gate,
    Heard,
    Heartbeat,
    Hold,
    Home,
    Incident,
    Link,
    LiveCard,
    Maintenance,
    Mark,
    Message,
    Page,
    Pass,
    Poll,
    Post,
    Postmortem,
    PublicUpdate,
    Question,
    Reach,
    Request,
    RequestState,
    Role,
    Severity,
    Sighting,
    Silence,
    Skew,
    Stable,
    Subscription,
    Suspension,
    SuspensionState,
    Task,
    Unparsed,
    Update,
    VendorPage,
    VendorStatus,
    Vigil,
    Vote,
    is_stage,
)
from bot.news import post_id
from bot.outages import Waiting
from storage.ledger import Ledger
from storage.outbox import DeadLetter, dead_letters, unfinished, untried
from storage.rows import table, to_noun
from storage.sql import is_postgresql
from storage.tables import IS_OPEN
from storage.types import fit

T = TypeVar("T")

POSTS = (SendPost.__name__, Broadcast.__name__)
LATEST = 50
CHUNK = 500  # values of one IN list; SQLite takes 32,766 and older ones 999
HERE = ("service", "environment")
OPEN_REQUESTS = (RequestState.PROPOSED, RequestState.CONFIRMED, RequestState.ACTING)

ALERTS, CHANGES, ENTRIES, INCIDENTS = (table(noun) for noun in (Alert, Change, Entry, Incident))
ASSIGNMENTS, REQUESTS, SIGHTINGS, SUBSCRIPTIONS = (
    table(noun) for noun in (Assignment, Request, Sighting, Subscription)
)
FREEZES, PASSES, QUESTIONS, SILENCES = (table(noun) for noun in (Freeze, Pass, Question, Silence))
HEARD, HOMES, POLLS, UNPARSED, VENDORS = (table(noun) for noun in (Heard, Home, Poll, Unparsed, VendorStatus))
MAINTENANCES, PUBLISHED, SUSPENSIONS = table(Maintenance), table(PublicUpdate), table(Suspension)
OPEN = text(IS_OPEN)


@cache
def listing(of: Table, equal: tuple[str, ...] = (), order: str = "", also: str = "") -> Select[Any]:
    """Rows by the values of these columns, in the order of those; `-at` is newest first. Made once: to build a
    statement costs more than to run it."""
    query = select(of).where(*(of.c[name] == bindparam(name) for name in equal))
    if also:
        query = query.where(text(also))
    by = (of.c[name.removeprefix("-")].desc() if name.startswith("-") else of.c[name] for name in order.split())
    return query.order_by(*by)


@cache
def counting(of: Table) -> Select[Any]:
    return select(func.count()).select_from(of)


# Those that want more than equal values.
SOME = bindparam("some", expanding=True, type_=ALERTS.c.key.type)
SEEN_ALERTS = select(ALERTS).where(ALERTS.c.key.in_(SOME)).order_by(ALERTS.c.key)
OPEN_GROUPS = select(INCIDENTS).where(INCIDENTS.c.group.in_(SOME), INCIDENTS.c.group != text("''"), OPEN)
RECENT_GROUPS = (
    select(INCIDENTS)
    .where(
        INCIDENTS.c.group.in_(SOME),
        INCIDENTS.c.group != text("''"),
        INCIDENTS.c.resolved_at >= bindparam("since"),
        text(f"NOT ({IS_OPEN})"),
    )
    .order_by(INCIDENTS.c.resolved_at)
)
LATEST_GROUPS = (
    select(INCIDENTS)
    .where(INCIDENTS.c.group.in_(SOME), INCIDENTS.c.group != text("''"), text(f"NOT ({IS_OPEN})"))
    .order_by(INCIDENTS.c.resolved_at)
)
HIGHEST = select(func.max(INCIDENTS.c.number))
CHANGES_BETWEEN = (
    select(CHANGES)
    .where(CHANGES.c.at.between(bindparam("since"), bindparam("until")), ~CHANGES.c.environment.startswith(STAGE))
    .order_by(CHANGES.c.at, CHANGES.c.key)
)
CHANGES_ON_STAGE = (
    select(CHANGES)
    .where(
        CHANGES.c.at.between(bindparam("since"), bindparam("until")),
        CHANGES.c.environment == bindparam("environment"),
    )
    .order_by(CHANGES.c.at, CHANGES.c.key)
)
COUNT_ALERTS = (
    select(func.count(), func.count(func.distinct(ALERTS.c.service)))
    .select_from(ALERTS)
    .where(ALERTS.c.incident == bindparam("incident"), ALERTS.c.firing == bindparam("firing"))
)
OLDEST_ALERTS = listing(ALERTS, ("incident", "firing"), "starts_at key")
PICTURED_ALERTS = listing(ALERTS, ("incident",), "starts_at key", "image IS NOT NULL")
COMING_SILENCES = listing(SILENCES, (), "starts_at id", "ended_at IS NULL").where(SILENCES.c.until > bindparam("now"))
HOMES_SINCE = listing(HOMES, (), "id").where(HOMES.c.opened_at >= bindparam("since"))
IS_GOING_ON = f"state IN ({', '.join(repr(str(state.value)) for state in OPEN_REQUESTS)})"
REQUESTS_OF = listing(REQUESTS, HERE, "at id").where(
    or_(text(IS_GOING_ON), REQUESTS.c.settled_at >= bindparam("since"))
)
OPEN_NEAR = listing(INCIDENTS, ("environment",), "-number", f"{IS_OPEN} AND drill = ''").where(
    INCIDENTS.c.service.in_(SOME)
)
FREEZES_NOW = listing(FREEZES, (), "at id", "thawed_at IS NULL").where(FREEZES.c.until > bindparam("now"))
USABLE_PASSES = listing(PASSES, HERE, "at id", "used_at IS NULL").where(PASSES.c.until > bindparam("now"))
DEPLOYS = listing(CHANGES, (*HERE, "change"), "-at key")


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


class Tx:
    """One transaction's view of everything. Unknown incidents are Refused; other unknown ids are a LookupError."""

    def __init__(self, connection: Connection, *, writes: bool = False) -> None:
        self.connection, self.writes = connection, writes
        self.unseen: set[str] = set()  # alert keys that nobody had saved when we asked

    # ------------------------------------------------------------ incidents

    def incident(self, id: str) -> Incident:
        found = self.find_incident(id)
        if found is None:
            raise Refused(f"There is no incident {id}.", instead="/incident list")
        return found

    def find_incident(self, id: str) -> Incident | None:
        return self._get(Incident, id)

    def survivor(self, id: str) -> Incident | None:
        """It, or where it was merged into another the one that goes on."""
        found = self._get(Incident, id)
        while found and found.merged_into:
            found = self._get(Incident, found.merged_into)
        return found

    def incident_in(self, channel: str) -> Incident | None:
        if not channel:
            return None
        return self._first(Incident, "channel <> ''", channel=channel)

    def incidents(self, *, open_only: bool = False, limit: int | None = None) -> tuple[Incident, ...]:
        """Newest first: of the open ones all, unless limited, else the latest 50."""
        query = listing(INCIDENTS, (), "-number", IS_OPEN if open_only else "")
        most = limit or (None if open_only else LATEST)
        return self._all(Incident, query if most is None else query.limit(most))

    def found_incidents(
        self, *, open: bool | None, service: str, severity: Severity | None, words: str, private: bool, limit: int
    ) -> tuple[Incident, ...]:
        """Newest first. None, "" and no words are any; `private`: those too."""
        query = select(INCIDENTS).order_by(INCIDENTS.c.number.desc()).limit(limit)
        if open is not None:
            query = query.where(OPEN if open else text(f"NOT ({IS_OPEN})"))
        if not private:
            query = query.where(INCIDENTS.c.private.is_(False))
        if service:
            query = query.where(INCIDENTS.c.service == service)
        if severity:
            query = query.where(INCIDENTS.c.severity == severity.value)
        if words:
            query = query.where(INCIDENTS.c.title.icontains(words, autoescape=True))
        return self._all(Incident, query)

    def open_incident_of(self, service: str, environment: str) -> tuple[Incident, ...]:
        """The open incidents of a service that everybody may know of, newest first."""
        return self._where(Incident, "-number", IS_OPEN, service=service, environment=environment, private=False)

    def merged(self, groups: Collection[str]) -> dict[str, Incident]:
        """By group the latest of its incidents that is over, where that was merged into another one."""
        ended = self._of_groups(LATEST_GROUPS, groups)
        return {group: incident for group, incident in ended.items() if incident.merged_into}

    def opened(self, since: datetime, limit: int) -> tuple[datetime, ...]:
        """When alerts opened incidents, newest first: people declare as many as they need."""
        mine = (INCIDENTS.c.opened_at >= since, INCIDENTS.c.by == BOT)
        query = select(INCIDENTS.c.opened_at).where(*mine).order_by(INCIDENTS.c.opened_at.desc()).limit(limit)
        return tuple(self.connection.scalars(query))

    def next_number(self) -> int:
        """Two replicas may be told the same; the unique index lets one of them save it."""
        return (self.connection.scalar(HIGHEST) or 0) + 1

    # ------------------------------------------------------------ alerts and changes

    def seen(self, news: Sequence[Alert], groups: Collection[str], reopen_since: datetime) -> Seen:
        """What is known of these alerts and groups; `recent` is of groups without an open incident.

        Costs grow with the number of alerts and not with what is over.
        """
        known = self._by(SEEN_ALERTS.with_for_update() if self._shared else SEEN_ALERTS, (a.key for a in news), "key")
        keys = {alert.key: fit(alert.key) for alert in news}
        self.unseen.update(key for key in keys.values() if key not in known)
        open_ = self._of_groups(OPEN_GROUPS, groups)
        return Seen(
            alerts={key: to_noun(Alert, known[kept]) for key, kept in keys.items() if kept in known},
            open=open_,
            recent=self._of_groups(RECENT_GROUPS, set(groups) - open_.keys(), since=reopen_since),
            next_number=self.next_number(),
        )

    def alerts(self, incident: str) -> tuple[Alert, ...]:
        """Oldest first."""
        return self._where(Alert, "starts_at key", incident=incident)

    def firing(self, incident: str, limit: int) -> tuple[tuple[Alert, ...], int, int]:
        """The oldest of those that still fire, how many they all are, and of how many services."""
        mine = {"incident": incident, "firing": True}
        count, services = self.connection.execute(COUNT_ALERTS, mine).one()
        return self._all(Alert, OLDEST_ALERTS.limit(limit), **mine), count, services

    def pictured(self, incident: str, limit: int) -> tuple[Alert, ...]:
        """The oldest that came with a picture, whether they still fire or not."""
        return self._all(Alert, PICTURED_ALERTS.limit(limit), incident=incident)

    def silence(self, id: str) -> Silence:
        return self._need(Silence, id)

    def silences(self, now: datetime) -> tuple[Silence, ...]:
        """Those that stand or are planned, the first to begin first."""
        return self._all(Silence, COMING_SILENCES, now=now)

    def count_silences(self) -> int:
        return self._count(SILENCES)

    def silenced(self, silence: str) -> tuple[Alert, ...]:
        """What this silence keeps quiet and fires, oldest first."""
        return self._where(Alert, "starts_at key", "silenced <> ''", silenced=silence, firing=True)

    def count_silenced(self, silence: str) -> int:
        """Those that have ended since, too."""
        mine = (ALERTS.c.silenced == silence, text("silenced <> ''"))
        return self.connection.scalar(select(func.count()).select_from(ALERTS).where(*mine)) or 0

    def heartbeat(self, id: str) -> Heartbeat | None:
        return self._get(Heartbeat, id)

    def question(self, id: str) -> Question:
        return self._need(Question, id)

    def find_question(self, id: str) -> Question | None:
        return self._get(Question, id)

    def questions(self, groups: Collection[str], since: datetime) -> dict[str, Question]:
        """By group the latest that waits for its answer, got one since, or is part of an incident that is open."""
        query = select(QUESTIONS).where(QUESTIONS.c.group.in_(SOME)).order_by(QUESTIONS.c.at)
        going_on = QUESTIONS.c.incident.in_(select(INCIDENTS.c.id).where(OPEN))
        found = self._by(
            query.where(or_(text("answer = ''"), QUESTIONS.c.answered_at >= since, going_on)), groups, "group"
        )
        return {group: to_noun(Question, found[kept]) for group in groups if (kept := fit(group)) in found}

    def count_questions(self) -> int:
        return self._count(QUESTIONS)

    def asked(self, question: str) -> tuple[Alert, ...]:
        """The alerts that a question is about, oldest first."""
        return self._where(Alert, "starts_at key", "asked <> ''", asked=question)

    def changes(
        self, since: datetime, until: datetime, services: Collection[str] | None = None, environment: str = ""
    ) -> tuple[Change, ...]:
        """Both ends included, oldest first. Of every environment; what is on a drill's stage is seen only there."""
        query = CHANGES_ON_STAGE if is_stage(environment) else CHANGES_BETWEEN
        asked: dict[str, Any] = {"since": since, "until": until}
        if is_stage(environment):
            asked["environment"] = environment
        if services is None:
            return self._all(Change, query, **asked)
        return self._all(Change, query.where(CHANGES.c.service.in_(SOME)), **asked, some=list(services))

    def change(self, key: str) -> Change | None:
        """Locked where it may be written: it has no version, and its beginning and end may come to two replicas."""
        query = listing(CHANGES, ("key",))
        row = (
            self.connection.execute(query.with_for_update() if self.writes else query, {"key": key}).mappings().first()
        )
        return None if row is None else to_noun(Change, row)

    def changes_of(self, keys: Iterable[str]) -> dict[str, Change]:
        """By key, those that are known."""
        found = self._by(select(CHANGES).where(CHANGES.c.key.in_(SOME)), keys, "key")
        return {key: to_noun(Change, found[kept]) for key in keys if (kept := fit(key)) in found}

    def vendor_status(self, key: str) -> VendorStatus | None:
        return self._get(VendorStatus, key)

    def vendor_statuses(self, since: datetime) -> tuple[VendorStatus, ...]:
        """What vendors have said since, oldest first."""
        return self._all(VendorStatus, select(VENDORS).where(VENDORS.c.at >= since).order_by(VENDORS.c.at))

    def vendor_page(self, id: str) -> VendorPage | None:
        return self._get(VendorPage, id)

    def vendor_components(self, prefix: str) -> tuple[VendorStatus, ...]:
        """Those whose keys begin so."""
        mine = VENDORS.c.key.startswith(prefix, autoescape=True)
        return self._all(VendorStatus, select(VENDORS).where(mine).order_by(VENDORS.c.key))

    # ------------------------------------------------------------ probes

    def finding(self, id: str) -> Finding | None:
        return self._get(Finding, id)

    def findings(self, service: str, environment: str) -> tuple[Finding, ...]:
        """By the names of their probes."""
        return self._where(Finding, "id", service=service, environment=environment)

    def evidence(self, probe: str) -> tuple[Evidence, ...]:
        """Newest first."""
        return self._where(Evidence, "-at id", probe=probe)

    # ------------------------------------------------------------ what senders posted

    def heard(self, ids: Iterable[str]) -> set[str]:
        """Which of these requests were taken in before."""
        kept = {fit(id): id for id in ids}
        query = select(HEARD.c.id).where(HEARD.c.id.in_(SOME))
        return {kept[id] for some in chunks(kept) for id in self.connection.scalars(query, {"some": some})}

    def unparsed(self, id: str) -> Unparsed | None:
        return self._get(Unparsed, id)

    def all_unparsed(self) -> tuple[Unparsed, ...]:
        """Those that nobody has replayed, the latest first."""
        return self._where(Unparsed, "-last_at id", "replayed_at IS NULL")

    def count_unparsed(self) -> int:
        """Those that nobody has replayed."""
        waiting = select(func.count()).select_from(UNPARSED).where(UNPARSED.c.replayed_at.is_(None))
        return self.connection.scalar(waiting) or 0

    # ------------------------------------------------------------ what belongs to an incident

    def entries(self, incident: str, limit: int | None = None) -> tuple[Entry, ...]:
        """By the time at which it happened; with a limit, the latest ones."""
        mine = listing(ENTRIES, ("incident",), "-at -seq")
        return self._all(Entry, mine if limit is None else mine.limit(limit), incident=incident)[::-1]

    def assignments(self, incident: str) -> tuple[Assignment, ...]:
        return self._where(Assignment, "role", incident=incident)

    def commanders(self, incidents: Collection[str]) -> dict[str, str]:
        """By incident, for those that have one."""
        found = self.assignments_of(incidents).values()
        return {one.incident: one.user for held in found for one in held if one.role == Role.COMMANDER and one.user}

    def assignments_of(self, incidents: Collection[str]) -> dict[str, tuple[Assignment, ...]]:
        """By incident, in the order of the roles."""
        found: dict[str, list[Assignment]] = {}
        query = select(ASSIGNMENTS).where(ASSIGNMENTS.c.incident.in_(SOME)).order_by(ASSIGNMENTS.c.role)
        for some in chunks(incidents):
            for row in self.connection.execute(query, {"some": some}).mappings():
                found.setdefault(row["incident"], []).append(to_noun(Assignment, row))
        return {incident: tuple(held) for incident, held in found.items()}

    def assignment(self, incident: str, role: Role) -> Assignment | None:
        return self._first(Assignment, incident=incident, role=str(role))

    def duty(self, name: str) -> Duty | None:
        """Who was on call when that was last learned."""
        return self._get(Duty, name)

    def links(self, incident: str) -> tuple[Link, ...]:
        return self._where(Link, "at id", incident=incident)

    def updates(self, incident: str) -> tuple[Update, ...]:
        return self._where(Update, "number", incident=incident)

    def delivery(self, id: str) -> Delivery:
        return self._need(Delivery, id)

    def deliveries(self, incident: str) -> tuple[Delivery, ...]:
        """In the order of their updates."""
        return self._where(Delivery, "update id", incident=incident)

    def subscription(self, id: str) -> Subscription | None:
        """One that has ended, too."""
        return self._get(Subscription, id)

    def subscribers(self, topics: Collection[str]) -> tuple[str, ...]:
        """Who wants to hear of any of these, each once."""
        wanted = (SUBSCRIPTIONS.c.topic.in_(topics), SUBSCRIPTIONS.c.ended.is_(False))
        users = select(SUBSCRIPTIONS.c.user).where(*wanted).distinct().order_by(SUBSCRIPTIONS.c.user)
        return tuple(self.connection.scalars(users))

    def tasks(self, incident: str) -> tuple[Task, ...]:
        """Oldest first; those of no incident for ""."""
        return self._where(Task, "at id", incident=incident)

    def tasks_left(self, owner: str) -> tuple[Task, ...]:
        """What somebody has still to do, oldest first."""
        return self._where(Task, "at id", "done_at IS NULL", owner=owner)

    def task(self, id: str) -> Task:
        return self._need(Task, id)

    def find_task(self, id: str) -> Task | None:
        return self._get(Task, id)

    def poll(self, id: str) -> Poll:
        return self._need(Poll, id)

    def find_poll(self, id: str) -> Poll | None:
        return self._get(Poll, id)

    def count_polls(self, incident: str) -> int:
        mine = select(func.count()).select_from(POLLS).where(POLLS.c.incident == incident)
        return self.connection.scalar(mine) or 0

    def page(self, id: str) -> Page:
        return self._need(Page, id)

    def find_page(self, id: str) -> Page | None:
        return self._get(Page, id)

    def pages(self, incident: str) -> tuple[Page, ...]:
        """Oldest first."""
        return self._where(Page, "at id", incident=incident)

    def drill(self, incident: str) -> Drill | None:
        return self._get(Drill, incident)

    def drill_under_way(self) -> Drill | None:
        return self._first(Drill, "ended_at IS NULL")

    def postmortem(self, incident: str) -> Postmortem | None:
        return self._get(Postmortem, incident)

    # ------------------------------------------------------------ what customers are told

    def published(self, incident: str) -> tuple[PublicUpdate, ...]:
        """Oldest first."""
        return self._where(PublicUpdate, "number", incident=incident)

    def published_since(self, since: datetime) -> tuple[PublicUpdate, ...]:
        """All that was told of incidents that were told of since, or are open; of secret ones and drills nothing."""
        told = select(PUBLISHED.c.incident).where(PUBLISHED.c.at >= since)
        ours = select(INCIDENTS.c.id).where(INCIDENTS.c.private.is_(False), INCIDENTS.c.drill == text("''"))
        recent = PUBLISHED.c.incident.in_(ours.where(or_(OPEN, INCIDENTS.c.id.in_(told))))
        return self._all(PublicUpdate, select(PUBLISHED).where(recent).order_by(PUBLISHED.c.at, PUBLISHED.c.id))

    def maintenance(self, id: str) -> Maintenance | None:
        return self._get(Maintenance, id)

    def maintenances(self, since: datetime) -> tuple[Maintenance, ...]:
        """Those that are planned, under way, or ended since; the first to begin first."""
        late = select(MAINTENANCES).where(MAINTENANCES.c.until >= since)
        return self._all(Maintenance, late.order_by(MAINTENANCES.c.starts_at, MAINTENANCES.c.id))

    def count_maintenances(self) -> int:
        return self._count(MAINTENANCES)

    def export(self, id: str) -> Export | None:
        return self._get(Export, id)

    # ------------------------------------------------------------ Slack

    def post(self, id: str) -> Post:
        return self._need(Post, id)

    def find_post(self, id: str) -> Post | None:
        return self._get(Post, id)

    def told_changes(self, incidents: Iterable[Incident], now: datetime) -> dict[str, Post]:
        """By incident, this minute's message that tells of changes, where there is one."""
        found = {incident.id: self.find_post(post_id(incident.id, now)) for incident in incidents}
        return {incident: post for incident, post in found.items() if post}

    def event(self, id: str) -> Event | None:
        return self._get(Event, id)

    def messages(self, incident: str) -> tuple[Message, ...]:
        return self._where(Message, "at ts", incident=incident)

    def message(self, channel: str, ts: str) -> Message | None:
        return self._get(Message, f"{channel}/{ts}")

    def mark(self, id: str) -> Mark | None:
        """One that was taken back, too."""
        return self._get(Mark, id)

    def marks(self, message: str) -> tuple[Mark, ...]:
        return self._where(Mark, "id", message=message)

    def home(self, user: str) -> Home | None:
        return self._get(Home, user)

    def homes(self, since: datetime) -> tuple[Home, ...]:
        """Those that were opened since then, by whose they are."""
        return self._all(Home, HOMES_SINCE, since=since)

    # ------------------------------------------------------------ rollouts

    def request(self, id: str) -> Request:
        return self._need(Request, id)

    def find_request(self, id: str) -> Request | None:
        return self._get(Request, id)

    def requests(self, incident: str) -> tuple[Request, ...]:
        return self._where(Request, "at id", incident=incident)

    def open_requests(self, service: str, environment: str) -> tuple[Request, ...]:
        """Proposed, confirmed or acting; oldest first."""
        return self._where(Request, "at id", IS_GOING_ON, service=service, environment=environment)

    def requests_of(self, service: str, environment: str, since: datetime) -> tuple[Request, ...]:
        """Those that are open, or were settled since; oldest first."""
        return self._all(Request, REQUESTS_OF, service=service, environment=environment, since=since)

    def sighting(self, id: str) -> Sighting | None:
        return self._get(Sighting, id)

    def sightings_under_way(self) -> tuple[Sighting, ...]:
        """Of releases that are neither through nor aborted, the latest news first."""
        going = (SIGHTINGS.c.stable != text("''"), SIGHTINGS.c.revision != SIGHTINGS.c.stable)
        real = ~SIGHTINGS.c.environment.startswith(STAGE)
        query = select(SIGHTINGS).where(*going, real, SIGHTINGS.c.aborted.is_(False))
        return self._all(Sighting, query.order_by(SIGHTINGS.c.at.desc(), SIGHTINGS.c.id))

    def count_requests(self) -> int:
        return self._count(REQUESTS)

    def votes(self, request: str) -> tuple[Vote, ...]:
        """Oldest first."""
        return self._where(Vote, "at id", request=request)

    def vigil(self, id: str) -> Vigil:
        return self._need(Vigil, id)

    def open_vigils(self, service: str, environment: str) -> tuple[Vigil, ...]:
        """Oldest first."""
        return self._where(Vigil, "since id", "ended_at IS NULL", service=service, environment=environment)

    def suspension(self, id: str) -> Suspension:
        return self._need(Suspension, id)

    def suspension_of(self, service: str, environment: str) -> Suspension | None:
        """The one that is not over."""
        here = {"service": service, "environment": environment}
        return self._first(Suspension, f"state <> '{SuspensionState.ENDED}'", **here)

    def suspensions_off(self) -> tuple[Suspension, ...]:
        """Oldest first."""
        return self._where(Suspension, "at id", f"state = '{SuspensionState.OFF}'")

    def count_suspensions(self) -> int:
        return self._count(SUSPENSIONS)

    def stables(self, service: str, environment: str) -> tuple[Stable, ...]:
        """Newest first."""
        return self._where(Stable, "-at id", service=service, environment=environment)

    # ------------------------------------------------------------ gates

    def open_incidents_near(self, services: Collection[str], environment: str) -> tuple[Incident, ...]:
        """The open incidents of any of these services, newest first. A drill is none."""
        return self._all(Incident, OPEN_NEAR, some=list(services), environment=environment)

    def freeze(self, id: str) -> Freeze:
        return self._need(Freeze, id)

    def freezes(self, now: datetime) -> tuple[Freeze, ...]:
        """Those that stand, oldest first."""
        return self._all(Freeze, FREEZES_NOW, now=now)

    def count_freezes(self) -> int:
        return self._count(FREEZES)

    def find_hold(self, id: str) -> Hold | None:
        """Lifted ones too."""
        return self._get(Hold, id)

    def holds(self, service: str, environment: str) -> tuple[Hold, ...]:
        """Those that stand, oldest first."""
        return self._where(Hold, "at id", "lifted_at IS NULL", service=service, environment=environment)

    def passes(self, service: str, environment: str, now: datetime) -> tuple[Pass, ...]:
        """Those that can still be used, oldest first."""
        return self._all(Pass, USABLE_PASSES, service=service, environment=environment, now=now)

    def count_passes(self) -> int:
        return self._count(PASSES)

    def gates(self, service: str, environment: str) -> tuple[Gate, ...]:
        """As they were asked last, the latest news first."""
        return self._where(Gate, "-at id", service=service, environment=environment)

    def live_card(self, id: str) -> LiveCard | None:
        return self._get(LiveCard, id)

    def live_cards(self, service: str, environment: str) -> tuple[LiveCard, ...]:
        """Those of this rollout that nobody has stopped, in whatever channel."""
        return self._where(LiveCard, "id", "stopped_by = ''", service=service, environment=environment)

    def skew(self, id: str) -> Skew | None:
        return self._get(Skew, id)

    def deploys(self, service: str, environment: str, limit: int = 50) -> tuple[Change, ...]:
        """Newest first."""
        return self._all(Change, DEPLOYS.limit(limit), service=service, environment=environment, change="deploy")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.connection)

    # ------------------------------------------------------------ outbox

    def is_due(self, effect: Effect) -> bool:
        """Whether it waits or runs."""
        return effect.subject in unfinished(self.connection, effect.lane, (type(effect).__name__,))

    def dead_letters(self, lane: str) -> tuple[DeadLetter, ...]:
        return dead_letters(self.connection, lane)

    def unsent(self, lane: str, before: int | None = None) -> tuple[Post, ...]:
        """Posts that wait to be sent, or are being sent; of the jobs before this one only. Oldest decision first."""
        subjects = unfinished(self.connection, lane, POSTS, before)
        return tuple(post for id in subjects if (post := self.find_post(id)) is not None and not post.folded)

    def untried(self) -> tuple[Waiting, ...]:
        """Posts that wait and that nobody has tried to send, oldest decision first."""
        found = ((since, self.find_post(id)) for id, since in untried(self.connection, (*POSTS, TellChanges.__name__)))
        return tuple(Waiting(post=post, since=since) for since, post in found if post and not (post.ts or post.folded))

    def reach(self, id: str) -> Reach | None:
        return self._get(Reach, id)

    # ------------------------------------------------------------ how

    @property
    def _shared(self) -> bool:
        """Other replicas may be writing now, so what will be overwritten without a version has to be locked."""
        return self.writes and is_postgresql(self.connection)

    def _get(self, noun: type[T], id: str) -> T | None:
        return self._first(noun, **{_key(table(noun)): id})

    def _need(self, noun: type[T], id: str) -> T:
        found = self._get(noun, id)
        if found is None:
            raise LookupError(f"there is no {noun.__name__.lower()} {id}")
        return found

    def _first(self, noun: type[T], also: str = "", **equal: Any) -> T | None:
        row = self.connection.execute(listing(table(noun), tuple(equal), "", also), equal).mappings().first()
        return None if row is None else to_noun(noun, row)

    def _where(self, noun: type[T], order: str, also: str = "", **equal: Any) -> tuple[T, ...]:
        """Those whose columns have these values."""
        return self._all(noun, listing(table(noun), tuple(equal), order, also), **equal)

    def _all(self, noun: type[T], query: Select[Any], **values: Any) -> tuple[T, ...]:
        return tuple(to_noun(noun, row) for row in self.connection.execute(query, values).mappings())

    def _count(self, of: Table) -> int:
        return self.connection.scalar(counting(of)) or 0

    def _by(self, query: Select[Any], values: Iterable[str], column: str, **more: Any) -> dict[str, RowMapping]:
        """Rows by a column, which is one of the values. Sorted, so that two replicas lock in the same order."""
        found: dict[str, RowMapping] = {}
        for some in chunks(sorted(set(values))):
            rows = self.connection.execute(query, {"some": some, **more}).mappings()
            found.update((row[column], row) for row in rows)
        return found

    def _of_groups(self, query: Select[Any], groups: Collection[str], **more: Any) -> dict[str, Incident]:
        found = self._by(query, groups, "group", **more)
        return {group: to_noun(Incident, found[kept]) for group in groups if (kept := fit(group)) in found}


def _key(of: Table) -> str:
    return next(iter(of.primary_key)).name
