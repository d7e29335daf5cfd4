"""Do what was decided. Each effect acts first, then thinks again on fresh state."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import assert_never

import structlog

from bot.decision import (
    ActOnRollout,
    Announce,
    Broadcast,
    CallResponders,
    CheckHeartbeat,
    Decision,
    Deliver,
    DraftPostmortem,
    Effect,
    EndFreeze,
    EndPages,
    EndPoll,
    EndSilence,
    EscalatePage,
    ExpireRequest,
    ExportStatus,
    FurnishChannel,
    HandleEvent,
    Instruct,
    InviteResponders,
    NameSuspects,
    OpenChannel,
    PlayDrill,
    PlotRollout,
    PollVendor,
    PostCard,
    PostCheckpoint,
    Proclaim,
    RemindQuestion,
    RemindRole,
    RemindTask,
    RemindUpdate,
    RunProbe,
    SendPage,
    SendPost,
    SetGitOps,
    SharePostmortem,
    ShowHome,
    ShowMark,
    ShowPage,
    ShowPicture,
    ShowPoll,
    ShowQuestion,
    ShowRequest,
    ShowRollout,
    TellAway,
    TellChanges,
    TellReopened,
    TellResolved,
    VerifyFleet,
    VerifyRollout,
    WatchGitOps,
    WatchRollout,
)
from bot.errors import Away, NotYet, ProviderError, Refused
from handlers import (
    broadcasts,
    changes,
    channels,
    consent,
    drills,
    events,
    fleet,
    freezes,
    heartbeats,
    home,
    incidents,
    ledger,
    live,
    marks,
    outages,
    pages,
    pictures,
    polls,
    postmortems,
    probes,
    questions,
    roles,
    rollouts,
    silences,
    status,
    suspensions,
    tasks,
    updates,
    vendors,
    vigils,
)
from handlers.world import Think, World, nothing
from storage.store import Busy, Fenced, Job

log = structlog.get_logger(__name__)

ATTEMPTS = 12  # with the backoff below: given up after some twenty minutes
LONGEST_PAUSE = 600.0
ACT_PAUSE = 5.0
AWAY_ATTEMPTS = 2_000  # of a provider that does not answer at all: outages last hours, so about a day
PLOT_ATTEMPTS = 6
AWAY_PAUSE = 60.0  # and when it comes back, people are waiting
OWN_LANE = ShowRollout | PlotRollout | ShowPicture | WatchRollout | EscalatePage  # not that of their incident


def perform(world: World, job: Job) -> Think:
    """Act on the world outside; the returned thought is committed together with the receipt."""
    effect: Effect = job.effect
    id, stage = effect.subject, drills.on_stage(world, effect)
    if stage is None:
        return nothing
    world = stage
    match effect:
        case OpenChannel():
            return incidents.open_channel(world, id, job)
        case CallResponders():
            return incidents.call_responders(world, id)
        case InviteResponders():
            return incidents.invite_responders(world, id)
        case PostCard():
            return incidents.post_card(world, id, job)
        case FurnishChannel():
            return incidents.furnish_channel(world, id)
        case Announce():
            return incidents.announce(world, id, job)
        case RemindUpdate():
            return updates.remind(world, id)
        case Instruct():
            return roles.instruct(world, id, job)
        case RemindRole():
            return roles.remind(world, id)
        case NameSuspects():
            return changes.name_suspects(world, id)
        case TellChanges():
            return updates.tell_changes(world, id, job)
        case SendPost() | Broadcast():
            return updates.send(world, id, job)
        case Deliver():
            return broadcasts.deliver(world, id, job)
        case TellResolved():
            return updates.close(world, id)
        case TellReopened():
            return updates.reopen(world, id)
        case ActOnRollout():
            return rollouts.act(world, id)
        case VerifyRollout():
            return rollouts.verify(world, id)
        case WatchRollout():
            return vigils.look(world, id)
        case SetGitOps():
            return suspensions.set_gitops(world, id)
        case WatchGitOps():
            return suspensions.look(world, id)
        case ShowRequest():
            return updates.show_request(world, id, job)
        case ExpireRequest():
            return consent.expire(world, id)
        case RemindTask():
            return tasks.remind(world, id)
        case ShowRollout():
            return live.show(world, id, job)
        case PlotRollout():
            return live.plot(world, id)
        case ShowPicture():
            return pictures.show(world, id)
        case VerifyFleet():
            return fleet.verify(world, id)
        case RunProbe():
            return probes.run(world, id)
        case PollVendor():
            return vendors.poll(world, id)
        case HandleEvent():
            return events.handle(world, id)
        case DraftPostmortem():
            return postmortems.draft(world, id)
        case SharePostmortem():
            return postmortems.share(world, id, job)
        case Proclaim():
            return freezes.proclaim(world, id, job)
        case EndFreeze():
            return freezes.end(world, id)
        case EndSilence():
            return silences.end(world, id)
        case CheckHeartbeat():
            return heartbeats.look(world, id)
        case ExportStatus():
            return status.export(world, id)
        case RemindQuestion(id):
            return questions.remind(id)
        case ShowQuestion():
            return questions.show(world, id, job)
        case ShowMark():
            return marks.show(world, id)
        case ShowPoll():
            return polls.show(world, id, job)
        case EndPoll():
            return polls.end(world, id)
        case SendPage():
            return pages.send(world, id, job)
        case ShowPage():
            return pages.show(world, id, job)
        case EscalatePage():
            return pages.escalate(world, id)
        case EndPages():
            return pages.end(world, id)
        case PlayDrill():
            return drills.play(world, id)
        case TellAway():
            return outages.tell(world, id)
        case ShowHome():
            return home.show(world, id)
        case PostCheckpoint():
            return ledger.post(world, id, job)
        case _:
            assert_never(effect)


def gave_up(world: World, job: Job, error: ProviderError) -> Think:
    """What is said and noted when an effect will not be tried again."""
    if isinstance(job.effect, ActOnRollout | VerifyRollout):
        return rollouts.gave_up(world, job.effect.subject, error)
    if isinstance(job.effect, SetGitOps):
        return suspensions.gave_up(world, job.effect.subject, error)
    if isinstance(job.effect, Deliver):
        return broadcasts.gave_up(world, job.effect.subject, error)
    if isinstance(job.effect, SendPage):
        return pages.gave_up(job.effect, error)
    if isinstance(job.effect, Instruct):  # nobody waits for it, and whoever got the role knows that they have it
        return nothing
    if isinstance(job.effect, PlayDrill):
        return drills.gave_up(job.effect.subject, error)
    if isinstance(job.effect, OWN_LANE):
        return incidents.gave_up(world, job.effect.subject.split("/", 1)[0], job, error)
    return incidents.gave_up(world, job.effect.lane, job, error)


def work(world: World, job: Job) -> None:
    """One job from claim to receipt. Never raises but for a database that is away (Busy)."""
    try:
        attempt(world, job)
    except Fenced:
        log.warning("another worker took this job over; its result stands, not ours", job=job.id, effect=job.effect.key)


def attempt(world: World, job: Job) -> None:
    try:
        world.decide(perform(world, job), receipt=job)
        if isinstance(job.effect, OpenChannel):
            world.store.hasten(channels.waits_for(job.effect.subject), world.now())
    except NotYet as wait:
        world.store.postpone(job, world.now() + timedelta(seconds=wait.seconds), str(wait), counts=False)
    except (Busy, Fenced):
        raise
    except ProviderError as error:
        fail(world, job, error)
    except Exception as error:  # a bug in one effect must not end the worker: it is kept and shown
        log.exception("effect failed", job=job.id, effect=job.effect.key)
        fail(world, job, ProviderError("Watchkeeper", f"{type(error).__name__} in {job.effect.key}, see the log"))


def fail(world: World, job: Job, error: ProviderError) -> None:
    most, longest = patience(job, error)
    if not error.permanent and job.attempts < most:
        pause = backoff(job.attempts, longest)
        log.info("effect postponed", job=job.id, effect=job.effect.key, seconds=round(pause, 1), error=str(error))
        world.store.postpone(job, world.now() + timedelta(seconds=pause), str(error))
        return
    log.error("effect given up", job=job.id, effect=job.effect.key, error=str(error))
    try:
        # In one commit: a request that died without a word would hold its service for ever.
        world.store.decide(gave_up(world, job, error), world.now(), job, given_up=str(error))
    except (Refused, LookupError) as nobody:
        log.warning("nobody left to tell", job=job.id, reason=str(nobody))
        world.store.bury(job, str(error), world.now())


def patience(job: Job, error: ProviderError) -> tuple[int, float]:
    """How many attempts, and the longest pause between. Actions on a rollout do not wait; they give up by the clock."""
    if isinstance(job.effect, ActOnRollout | VerifyRollout):
        return AWAY_ATTEMPTS, ACT_PAUSE
    if isinstance(job.effect, PlotRollout | ShowPicture):  # of use while it is news
        return PLOT_ATTEMPTS, AWAY_PAUSE
    return (AWAY_ATTEMPTS, AWAY_PAUSE) if isinstance(error, Away) else (ATTEMPTS, LONGEST_PAUSE)


def backoff(attempts: int, longest: float = LONGEST_PAUSE) -> float:
    """Seconds: doubling from 1, with jitter, so that many do not come back together."""
    return min(longest, 2.0 ** min(attempts - 1, 20)) * random.uniform(0.5, 1.0)  # noqa: S311


def retry(world: World, id: int) -> bool:
    """A given-up effect is due again, and the card no longer says that it was given up. False where there is none."""
    letter = next((letter for letter in world.store.dead() if letter.id == id), None)
    if letter is None or not world.store.retry(id, world.now()):
        return False
    incident = letter.subject.split("/", 1)[0]
    world.decide(lambda tx, now: Decision(do=(PostCard(incident),) if tx.find_incident(incident) else ()))
    return True


def drain(world: World) -> int:
    """Do all that is due now, in this thread. How many jobs were done."""
    done = 0
    while jobs := world.store.claim(world.now()):
        for job in jobs:
            work(world, job)
            done += 1
    return done


class Workers:
    """Threads that do what is due, woken by commits and never ended by a failure."""

    def __init__(self, world: World, threads: int = 6, renew_every: float = 5.0) -> None:
        self.world, self.renew_every = world, renew_every
        self.stopping, self.stopped = threading.Event(), threading.Event()
        self.keeper = threading.Thread(target=self.keep, name="outbox-keeper", daemon=True)
        self.running: set[Job] = set()
        self.guard = threading.Lock()
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="outbox")
        self.threads = threads

    def start(self) -> None:
        for _ in range(self.threads):
            self.pool.submit(self.loop)
        self.keeper.start()

    def loop(self) -> None:
        while not self.stopping.is_set():
            try:
                self.step()
            except Busy as error:
                log.warning("database is away; trying again", error=str(error))
                self.stopping.wait(1.0)
            except Exception:  # the loop outlives every bug
                log.exception("outbox worker failed; going on")
                self.stopping.wait(1.0)

    def step(self) -> None:
        jobs = self.world.store.claim(self.world.now())
        for job in jobs:
            self.hold(job)
        if not jobs:
            self.world.store.wait(self.pause())

    def hold(self, job: Job) -> None:
        with self.guard:
            self.running.add(job)
        try:
            work(self.world, job)
        finally:
            with self.guard:
                self.running.discard(job)

    def pause(self) -> float:
        """Seconds until something is due; commits wake us earlier, the backstop catches what they miss."""
        due = self.world.store.next_due(self.world.now())
        if due is None:
            return 5.0
        return min(5.0, max(0.01, (due - self.world.now()).total_seconds()))

    def keep(self) -> None:
        """Renew the leases of what is being done."""
        while not self.stopped.wait(self.renew_every):
            with self.guard:
                jobs = list(self.running)
            try:
                self.world.store.renew(jobs)
            except Busy as error:
                log.warning("leases not renewed", error=str(error))
            except Exception:  # the keeper outlives every bug, as the workers do
                log.exception("leases not renewed")

    def stop(self) -> None:
        """What runs is finished, and kept leased until it is."""
        self.stopping.set()
        self.world.store.wake()
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.stopped.set()
        if self.keeper.is_alive():
            self.keeper.join()
