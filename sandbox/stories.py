"""Tells a story: does its steps one by one, waits for what each should lead to, and writes down what everybody said.

A story is a YAML file in `stories/`. Its steps have what happens (`say`), what is done (`do`), and what must then be
true (`expect`) `within` so many seconds; a step that does not come true ends the story.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.scene import ACTIONS, EXPECTATIONS, NotYet, Scene
from sandbox.slack.model import SlackError
from sandbox.transcript import Line, Reporter

if TYPE_CHECKING:
    from sandbox.world import Sandbox

FOLDER = Path(__file__).with_name("stories")
POLL = 0.25  # seconds between two looks
WITHIN = 30.0  # seconds that a step has to come true
FASTEST = 0.05  # how far the pace of the shop itself can be quickened
Settle = Callable[[float], object]
Clause = tuple[str, dict[str, Any]]  # an action or expectation, and what it is about


class BadStory(Exception):
    """A story file that cannot be told."""


@dataclass(frozen=True)
class Step:
    say: str
    do: tuple[Clause, ...] = ()
    expect: tuple[Clause, ...] = ()
    within: float = WITHIN
    pause: float = 0.0  # seconds to let it sink in, at the normal pace


@dataclass(frozen=True)
class Story:
    name: str
    title: str
    about: str
    steps: tuple[Step, ...]
    acts: tuple[str, ...] = ()  # what people have to do to a rollout to end it, where they have to

    @property
    def service(self) -> str:
        """The first that something is done to."""
        return next((str(args["service"]) for step in self.steps for _, args in step.do if "service" in args), "")


@dataclass
class Told:
    """What became of a step: waiting, running, happened or failed, and why."""

    step: Step
    state: str = "waiting"
    why: str = ""


@dataclass
class Run:
    """One telling of a story."""

    story: Story
    started_at: datetime
    steps: list[Told] = field(default_factory=list)
    transcript: list[Line] = field(default_factory=list)
    state: str = "running"  # running, done or failed
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def happened(self) -> bool:
        """Did every step happen?"""
        return all(told.state == "happened" for told in self.steps)

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False if it had not after so many seconds."""
        return self.ended.wait(seconds)

    def summary(self) -> str:
        """Every step as happened or not, one to a line."""
        marks = {"happened": "✓", "failed": "✗"}
        lines = [f"{marks.get(t.state, '·')} {t.step.say}" + (f"\n    {t.why}" if t.why else "") for t in self.steps]
        return "\n".join(lines)

    def state_as_json(self) -> dict[str, Any]:
        return {
            "name": self.story.name,
            "title": self.story.title,
            "state": self.state,
            "started_at": self.started_at.isoformat(),
            "steps": [{"say": t.step.say, "state": t.state, "why": t.why} for t in self.steps],
            "transcript": [line.as_json() for line in self.transcript[-300:]],
        }


class Stories:
    """The stories of a folder, told in one sandbox, one at a time."""

    def __init__(self, world: Sandbox, folder: Path = FOLDER) -> None:
        self.world, self.folder = world, folder
        self.current: Run | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def all(self) -> list[Story]:
        return [load(path) for path in sorted(self.folder.glob("*.yml"))]

    def find(self, name: str) -> Story:
        stories = {story.name: story for story in self.all()}
        if name not in stories:
            raise ValueError(f"there is no story {name!r}; there are {', '.join(stories)}")
        return stories[name]

    def play(
        self,
        name: str,
        pace: float = 1.0,
        settle: Settle | None = None,
        tell: Callable[[Line], object] | None = None,
    ) -> Run:
        """Tell a story to its end. `pace` 1 is for people to follow, 0 as fast as the bot allows.

        `settle(seconds)` is called between two looks: by default it waits; a test moves its clock and lets the bot
        work. `tell` gets each line of the transcript as it is written.
        """
        run = self._begin(self.find(name))
        self._perform(run, pace, settle or self._stop.wait, tell)
        return run

    def start(self, name: str, pace: float = 1.0, tell: Callable[[Line], object] | None = None) -> Run:
        """Tell a story in a thread of its own; `current` shows how far it is."""
        run = self._begin(self.find(name))
        args = (run, pace, self._stop.wait, tell)
        self._thread = threading.Thread(target=self._perform, args=args, name=f"story {name}", daemon=True)
        self._thread.start()
        return run

    def stop(self) -> None:
        """End the story that is being told."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5)

    def _begin(self, story: Story) -> Run:
        with self._lock:
            if self.current and self.current.state == "running":
                raise ValueError(f"the story {self.current.story.name} is being told; wait for its end")
            self._stop.clear()
            steps = [Told(step) for step in story.steps]
            self.current = Run(story, self.world.clock.now(), steps)
            return self.current

    def _perform(self, run: Run, pace: float, settle: Settle, tell: Callable[[Line], object] | None) -> None:
        tempo = max(pace, FASTEST)
        self.world.shop.tempo = self.world.cluster.replicas.tempo = tempo
        reporter = Reporter(self.world, run.transcript, tell)
        scene = Scene(self.world, tempo, reporter.did)
        telling = Telling(self.world, scene, reporter, settle, pace, self._stop)
        try:
            for told in run.steps:
                telling.tell(told)
                if told.state == "failed":
                    break
        finally:
            self.world.shop.tempo = self.world.cluster.replicas.tempo = 1.0
            run.state = "done" if run.happened else "failed"
            run.ended.set()


@dataclass
class Telling:
    world: Sandbox
    scene: Scene
    reporter: Reporter
    settle: Settle
    pace: float
    stopped: threading.Event

    def tell(self, told: Told) -> None:
        told.state = "running"
        self.scene.begin_step()
        self.reporter.narrate(told.step.say)
        told.why = self.until(told.step, told.step.do, self.act) or self.until(told.step, told.step.expect, self.check)
        told.state = "failed" if told.why else "happened"
        if told.why:
            self.reporter.narrate(f"This did not happen: {told.why}")
        else:
            self.pause(told.step.pause * self.pace)

    def act(self, name: str, args: dict[str, Any]) -> None:
        self.reporter.look()
        ACTIONS[name](self.scene, **self.scene.fill(args))

    def check(self, name: str, args: dict[str, Any]) -> None:
        EXPECTATIONS[name](self.scene, **self.scene.fill(args))

    def until(self, step: Step, clauses: tuple[Clause, ...], work: Callable[[str, dict[str, Any]], None]) -> str:
        """Work through the clauses, coming back to the one that is not yet possible; answers why it never was."""
        left, why = list(clauses), ""
        for _ in range(math.ceil(step.within * max(1.0, self.pace) / POLL)):
            why = self.advance(left, work)
            self.reporter.look()
            if not left:
                return ""
            if self.stopped.is_set():
                return "the story was stopped"
            self.let_time_pass(POLL)
        return why

    def advance(self, left: list[Clause], work: Callable[[str, dict[str, Any]], None]) -> str:
        while left:
            try:
                work(*left[0])
            except (NotYet, SlackError) as not_yet:
                return str(not_yet)
            del left[0]
        return ""

    def pause(self, seconds: float) -> None:
        for _ in range(math.ceil(seconds / POLL)):
            if self.stopped.is_set():
                return
            self.let_time_pass(POLL)
            self.reporter.look()

    def let_time_pass(self, seconds: float) -> None:
        self.settle(seconds)
        self.world.cluster.reconcile()
        self.world.shop.tick()


# --- files


def load(path: Path) -> Story:
    """Read a story and check that everything in it is known."""
    return _load(path, path.stat().st_mtime_ns)


@cache
def _load(path: Path, as_of: int) -> Story:
    raw = yaml.safe_load(path.read_text())
    if not isinstance(raw, dict) or set(raw) - {"acts"} != {"title", "about", "steps"}:
        raise BadStory(f"{path.name}: a story has a title, an about, steps and perhaps acts, and nothing else")
    steps = tuple(step_of(each, f"{path.name}, step {n}") for n, each in enumerate(raw["steps"], 1))
    return Story(path.stem, raw["title"], str(raw["about"]).strip(), steps, tuple(raw.get("acts", ())))


def step_of(raw: Mapping[str, Any], where: str) -> Step:
    unknown = set(raw) - {"say", "do", "expect", "within", "pause"}
    if unknown or "say" not in raw:
        raise BadStory(f"{where}: a step has say, do, expect, within and pause, not {', '.join(unknown) or 'no say'}")
    return Step(
        say=str(raw["say"]).strip(),
        do=clauses(raw.get("do", ()), ACTIONS, where),
        expect=clauses(raw.get("expect", ()), EXPECTATIONS, where),
        within=float(raw.get("within", WITHIN)),
        pause=float(raw.get("pause", 0)),
    )


def clauses(raw: Any, known: Mapping[str, Any], where: str) -> tuple[Clause, ...]:
    """Each item is one name with its arguments: `- ship: { service: checkout, version: v42 }`."""
    found: list[Clause] = []
    for item in raw:
        name, args = next(iter(item.items()))
        if len(item) != 1 or name not in known:
            raise BadStory(f"{where}: {', '.join(item)} is unknown; known are {', '.join(known)}")
        allowed = known[name].__annotations__
        if extra := set(args) - (set(allowed) | {"as", "in"}):
            raise BadStory(f"{where}: {name} knows nothing of {', '.join(extra)}")
        found.append((name, {{"as": "who", "in": "where"}.get(key, key): value for key, value in args.items()}))
    return tuple(found)
