"""A week of one incident: two replicas that are killed now and then, a crew that forgets, a bot that stays bearable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.commands import Ask
from bot.decision import Card
from bot.model import Alert, Change, ChangeKind, ChangeStatus, Phase, Severity
from bot.policy import Policy, Rota, Service
from handlers import commands, hearing, outbox
from handlers.world import Channel, World
from storage.store import Store
from tests.databases import Databases
from tests.noise import Heard, excess, kind_of
from tests.values import NOON, alert, minutes

WEEK = timedelta(days=7)
CREW = ("U0DANA", "U0ALICE", "U0BOB")
CADENCE = {Phase.INVESTIGATING: 30, Phase.IDENTIFIED: 60, Phase.MITIGATING: 120, Phase.MONITORING: 360}  # minutes
POLICY = Policy(
    update_minutes={phase: {Severity.SEV2: every} for phase, every in CADENCE.items()},
    oncall={"storefront": Rota(people=CREW, start=NOON, turn=timedelta(hours=8))},
    services={
        "checkout": Service(name="checkout", oncall="storefront", depends_on=("payments",)),
        "payments": Service(name="payments"),
    },
)
PHASES = ((4, Phase.IDENTIFIED), (10, Phase.MITIGATING), (24, Phase.MONITORING))  # from which hour on


@dataclass
class Room:
    """A workspace of which only the noise is kept: what is posted, and where."""

    now: datetime = NOON
    posts: dict[str, datetime] = field(default_factory=dict)  # by key
    topic: str = ""
    topics: list[datetime] = field(default_factory=list)
    edits: int = 0

    def open_channel(self, name: str, since: datetime, *, again: bool, private: bool = False) -> Channel:
        return Channel(id="C0INC1", name=name)

    def find_channel(self, name: str) -> Channel | None:
        return None

    def post(self, channel: str, card: Card, key: str, *, since: datetime, again: bool, thread: str = "") -> str:
        if channel.startswith("D"):  # one person alone hears it
            return "1.0"
        assert key not in self.posts or again, f"{key} is said twice"
        self.posts.setdefault(key, self.now)
        return f"{list(self.posts).index(key)}.0"

    def edit(self, channel: str, ts: str, card: Card) -> None:
        self.edits += 1

    def set_topic(self, channel: str, topic: str) -> None:
        if topic != self.topic:
            self.topic = topic
            self.topics.append(self.now)

    def direct(self, user: str) -> str:
        return f"D{user}"

    def is_me(self, user: str) -> bool:
        return False

    def pin(self, channel: str, ts: str) -> None: ...

    def bookmark(self, channel: str, title: str, link: str) -> None: ...

    def invite(self, channel: str, users: Sequence[str]) -> tuple[str, ...]:
        return ()

    @property
    def heard(self) -> list[Heard]:
        said = [Heard(at, kind_of(key)) for key, at in self.posts.items()]
        return said + [Heard(at, "topic") for at in self.topics]


class Week:
    """Two replicas on one database, a clock, and what the crew has promised."""

    def __init__(self, database: str) -> None:
        self.database, self.room = database, Room()
        self.replicas = [self.start(), self.start()]
        self.forgotten: list[datetime] = []  # promises that were not kept
        self.updates = 0

    @property
    def now(self) -> datetime:
        return self.room.now

    def start(self) -> World:
        store = Store(self.database, lease=timedelta(0))
        return World(store, self.room, {}, POLICY, lambda: self.room.now)  # type: ignore[arg-type]

    def kill(self, which: int) -> None:
        """In the middle of a job, if one is due; its successor finds the job unfinished."""
        world = self.replicas[which]
        world.store.claim(self.now)
        world.store.close()
        self.replicas[which] = self.start()

    def types(self, line: str, by: str = CREW[0]) -> None:
        commands.run(self.replicas[0], Ask(command="incident", text=line, by=by, channel="C0INC1"))

    def until(self, end: datetime) -> None:
        """Time passes; each replica takes its turns."""
        turn = 0
        while True:
            world = self.replicas[turn % 2]
            turn += 1
            if outbox.drain(world):
                continue
            due = world.store.next_due(self.now)
            if due is None or due > end:
                break
            self.room.now = max(due, self.now)
        self.room.now = end

    def close(self) -> None:
        for world in self.replicas:
            world.store.close()

    # ------------------------------------------------------------ what happens

    @property
    def promised(self) -> datetime:
        incident = self.replicas[0].read(lambda tx: tx.incident("INC-1"))
        assert incident.next_update_at
        return incident.next_update_at

    def update(self) -> None:
        """Most are in time; every fourth comes only after the bot has reminded of it."""
        promised = self.promised
        self.updates += 1
        if self.updates % 4 == 0:
            self.until(promised + minutes(3))
            self.forgotten.append(promised)
        else:
            self.until(promised - minutes(2))
        self.types(f"update What we know is unchanged ({self.updates})")

    def alert(self, number: int, firing: bool) -> None:
        known: dict[str, Any] = {"starts_at": self.now, "firing": firing, "ends_at": None if firing else self.now}
        self.hear(number, alert(f"a{number % 7}", **known))

    def change(self, number: int) -> None:
        shipped = Change(
            key=f"deploy/payments/production/v{number}",
            change=ChangeKind.DEPLOY,
            service="payments",
            version=f"v{number}",
            environment="production",
            status=ChangeStatus.SUCCEEDED,
            at=self.now,
        )
        self.hear(number, shipped)

    def hear(self, number: int, fact: Alert | Change) -> None:
        hearing.receive(self.replicas[number % 2], [hearing.Batch(facts=(fact,))])


def test_a_week_long_incident_stays_within_its_noise_and_misses_no_reminder(databases: Databases) -> None:
    """On PostgreSQL: there may be two replicas."""
    week = Week(databases.create("postgresql"))
    week.alert(0, firing=True)
    week.until(NOON + minutes(1))
    phases = [(NOON, Phase.INVESTIGATING)]
    planned, event = list(PHASES), 0
    while week.now < NOON + WEEK:
        if planned and week.now >= NOON + timedelta(hours=planned[0][0]):
            phase = planned.pop(0)[1]
            week.types(f"status {phase}")
            phases.append((week.now, phase))
        event += 1
        for number in range(3 if len(planned) else 1):
            week.alert(event + number, firing=event % 2 == 0)
        if event % 2 == 0:
            week.change(event)
        if event % 12 == 0:
            week.types(f"role commander <@{CREW[event // 12 % 3]}> --take")
        if event % 6 == 0:
            week.kill(event % 2)
        week.update()
    week.until(week.now + minutes(1))

    assert excess(week.room.heard, phases) == []
    reminded = sorted(at for key, at in week.room.posts.items() if kind_of(key) == "reminder")
    assert len(week.forgotten) > 10
    missed = [at for at in week.forgotten if not any(at <= one <= at + minutes(1) for one in reminded)]
    assert missed == []
    assert len(reminded) == len(week.forgotten), "it reminded of what was promised and kept"
    assert sum(kind_of(key) == "card" for key in week.room.posts) == 1
    assert week.replicas[0].store.dead() == []
    week.close()


def test_who_is_too_loud_is_named() -> None:
    phases = [(NOON, Phase.INVESTIGATING), (NOON + minutes(90), Phase.MONITORING)]
    said = [Heard(NOON + minutes(150 + n), "reminder") for n in range(6)]
    assert excess(said, phases) == []
    said.append(Heard(NOON + minutes(170), "changes"))
    assert excess(said, phases) == [
        "hour 2 (monitoring): 7 messages, 6 allowed; the loudest: reminder × 6, changes × 1"
    ]
    assert excess([Heard(NOON + minutes(n), "alert") for n in range(32)], phases) == []
    assert excess([Heard(NOON + minutes(n), "alert") for n in range(33)], phases) != []
