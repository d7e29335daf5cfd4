"""A Decision is what the bot wants, as data. Nothing has happened yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from bot.model import (
    Alert,
    Assignment,
    Change,
    Checkpoint,
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
    Sighting,
    Silence,
    Skew,
    Stable,
    Subscription,
    Suspension,
    Task,
    Tile,
    Unparsed,
    Update,
    VendorPage,
    VendorStatus,
    Vigil,
    Vote,
)

Noun = (
    Alert
    | Assignment
    | Change
    | Checkpoint
    | Delivery
    | Drill
    | Duty
    | Event
    | Evidence
    | Export
    | Finding
    | Freeze
    | Gate
    | Heard
    | Heartbeat
    | Hold
    | Home
    | Incident
    | Link
    | LiveCard
    | Mark
    | Maintenance
    | Message
    | Page
    | Pass
    | Poll
    | Post
    | Postmortem
    | PublicUpdate
    | Question
    | Reach
    | Request
    | Sighting
    | Silence
    | Skew
    | Stable
    | Subscription
    | Suspension
    | Task
    | Tile
    | Unparsed
    | Update
    | VendorPage
    | VendorStatus
    | Vigil
    | Vote
)


@dataclass(frozen=True)
class _Effect:
    """One thing to do in the outside world, safe to do twice. Class names are a stored format: see tests/storage.

    `subject` is the id of the noun it is about. Effects of one `lane` are done one at a time.
    `due` makes it wait; a pending twin takes the newest `due`, or of a kind that is done `soon` the earlier: what is
    asked for over and over would else be put off for ever. Lower `priority` goes first.
    """

    subject: str
    due: datetime | None = field(default=None, kw_only=True)
    priority: ClassVar[int] = 5
    soon: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return f"{type(self).__name__}:{self.subject}"

    @property
    def lane(self) -> str:
        return self.subject.split("/", 1)[0]


class OpenChannel(_Effect):
    """Open (or find) the channel of incident `subject`."""

    priority = 1


class CallResponders(_Effect):
    """Ask the on-call of incident `subject` into its roles."""

    priority = 2


class InviteResponders(_Effect):
    """Invite everyone who holds a role of incident `subject` to its channel."""

    priority = 2


class PostCard(_Effect):
    """Post and pin the card of incident `subject`, or edit it in place."""

    priority, soon = 3, True


class FurnishChannel(_Effect):
    """Set topic and bookmarks of the channel of incident `subject`."""


class Announce(_Effect):
    """Announce incident `subject`, or edit the announcement in place."""


class NameSuspects(_Effect):
    """Rank the changes near the onset of incident `subject`."""

    priority, soon = 3, True


class TellChanges(_Effect):
    """Post the changes of one minute, post `subject`, or edit them in place."""

    priority = 4


class SendPost(_Effect):
    """Send post `subject`."""


class Broadcast(_Effect):
    """Send post `subject` to an audience; answers to responders go first."""

    priority = 7


class Deliver(_Effect):
    """Take delivery `subject` to its destination."""

    priority = 7

    @property
    def lane(self) -> str:  # of its own: a slow mail server must not hold up what responders read
        incident, *_, route = self.subject.split("/", 3)
        return f"deliver {incident}/{route}"


class TellResolved(_Effect):
    """Tell all who heard of incident `subject` that it is over."""


class TellReopened(_Effect):
    """Tell all who heard that incident `subject` is over that it is not."""


class ActOnRollout(_Effect):
    """Do what rollout request `subject` asks, if the rollout is still where it was reviewed."""

    priority = 0

    @property
    def lane(self) -> str:  # of its own: a slow Slack must not delay a rollback
        return f"rollout {self.subject}"


class VerifyRollout(_Effect):
    """Ask the cluster whether rollout request `subject` has come true."""

    priority = 1

    @property
    def lane(self) -> str:
        return f"rollout {self.subject}"


class ShowRequest(_Effect):
    """Post the card that asks to agree to rollout request `subject`, or edit it in place."""

    priority = 2


class ExpireRequest(_Effect):
    """End rollout request `subject` if nobody has confirmed it in time."""


class RemindTask(_Effect):
    """Remind the responders of task `subject`, which is due."""


class WatchRollout(_Effect):
    """Look whether what rollout request `subject` brought about is still so."""

    priority = 4

    @property
    def lane(self) -> str:
        return f"rollout {self.subject}"


class SetGitOps(_Effect):
    """Switch GitOps off, or on again, as suspension `subject` wants it."""

    priority = 0

    @property
    def lane(self) -> str:
        return f"gitops {self.subject}"


class WatchGitOps(_Effect):
    """Look whether what suspension `subject` switched off is still off."""

    priority = 4

    @property
    def lane(self) -> str:
        return f"gitops watch {self.subject}"


class ShowRollout(_Effect):
    """Post the live card `subject` of a rollout, or edit it in place where it has changed."""

    priority = 4

    @property
    def lane(self) -> str:  # of its own: a slow cluster must not hold up what people are told
        return f"card {self.subject}"


class PlotRollout(_Effect):
    """Put a plot into the thread of a live card; `subject` is the card's id and the moment."""

    priority = 7

    @property
    def lane(self) -> str:
        return f"plot {self.subject}"


class ShowPicture(_Effect):
    """Put the pictures of what fires into the thread of the card of incident `subject`: the senders', and a plot.

    "INC-7/later": the senders' alone.
    """

    priority = 7

    @property
    def lane(self) -> str:
        return f"picture {self.subject}"


class VerifyFleet(_Effect):
    """Ask whether every server of `subject` ("checkout/production") runs the approved version."""

    priority = 6

    @property
    def lane(self) -> str:
        return f"fleet {self.subject}"


class Instruct(_Effect):
    """Tell whoever got a role what it is for: `subject` is "INC-7/commander/U0DANA"."""

    priority = 6

    @property
    def lane(self) -> str:  # of its own: nothing else of the incident waits for it
        return f"instruct {self.subject}"


class RemindRole(_Effect):
    """Say that nobody holds a role which has to be filled: `subject` is "INC-7/commander"."""


class RunProbe(_Effect):
    """Look whether probe `subject` finds what it expects."""

    priority = 6

    @property
    def lane(self) -> str:  # of its own: a slow page must not hold up the other probes
        return f"probe {self.subject}"


class PollVendor(_Effect):
    """Read what vendor `subject` says of itself."""

    priority = 7

    @property
    def lane(self) -> str:
        return f"vendor {self.subject}"


class RemindUpdate(_Effect):
    """Remind the responders of incident `subject` that an update is due."""


class HandleEvent(_Effect):
    """Take in Slack event `subject`."""

    priority = 4


class DraftPostmortem(_Effect):
    """Read the chat history and draft the postmortem of incident `subject`."""

    priority = 6


class SharePostmortem(_Effect):
    """Put the postmortem draft of incident `subject` into its channel."""

    priority = 6


class Proclaim(_Effect):
    """Send post `subject` to where incidents are announced, if the bot is there."""


class EndFreeze(_Effect):
    """Freeze `subject` is over: say so, and what slipped through it."""


class EndSilence(_Effect):
    """Silence `subject` is over: say so, and take what still fires for news."""


class ShowQuestion(_Effect):
    """Ask where incidents are announced whether question `subject` is one, or edit that card in place."""

    priority = 2


class ShowMark(_Effect):
    """Show on message `subject` whether it carries a mark: the receipt for whoever set it."""

    priority = 6


class ShowPoll(_Effect):
    """Post the card of poll `subject`, or edit it in place."""


class RemindQuestion(_Effect):
    """Say once that question `subject` still waits for its answer."""

    priority = 2


class EndPoll(_Effect):
    """The time of poll `subject` is up: say how it ended."""

    priority = 2


class ExportStatus(_Effect):
    """Put the status page, as it is now, to the place named `subject`."""

    priority = 6

    @property
    def lane(self) -> str:  # of its own: one that hangs must not hold up the other places
        return f"export {self.subject}"


class TellAway(_Effect):
    """Tell by another way that Slack is away, or back: `subject` is "slack/SINCE/away/WAY"."""

    priority = 1

    @property
    def lane(self) -> str:  # of each way: one that is down must not hold up the other
        return f"away {self.subject.rpartition('/')[2]}"


class ShowHome(_Effect):
    """Publish the App Home of person `subject`, where it shows something else than before."""

    priority = 4

    @property
    def lane(self) -> str:
        return f"home {self.subject}"


class CheckHeartbeat(_Effect):
    """Look whether heartbeat `subject` is overdue."""

    @property
    def lane(self) -> str:
        return f"heartbeat {self.subject}"


class SendPage(_Effect):
    """Call somebody: `subject` is the page, its turn and the way, "INC-7/page/0/1/mail", or "INC-7/page/0/alarm"."""

    priority = 1

    @property
    def lane(self) -> str:  # of its own: where one way is closed, the others are not
        return f"page {self.subject}"


class ShowPage(_Effect):
    """Post the card of page `subject`, or edit it in place; "INC-7/page/0/1" is the direct message of its turn 1."""

    priority = 3


class EscalatePage(_Effect):
    """Look whether page `subject` was answered, and call the next one if not."""

    priority = 1

    @property
    def lane(self) -> str:
        return f"page {self.subject}"


class EndPages(_Effect):
    """Nobody need be called for incident `subject` any more."""


class PlayDrill(_Effect):
    """Set the stage of drill `subject`, look what happens on it, or clear it away once the drill is over."""

    priority, soon = 2, True

    @property
    def lane(self) -> str:  # of its own: a stage takes seconds to set
        return f"drill {self.subject}"


class PostCheckpoint(_Effect):
    """Post checkpoint `subject` of the ledger where it is kept out of our reach: "ledger/17"."""

    priority = 6


Effect = (
    OpenChannel
    | CallResponders
    | InviteResponders
    | PostCard
    | FurnishChannel
    | Announce
    | NameSuspects
    | TellChanges
    | SendPost
    | Broadcast
    | Deliver
    | TellResolved
    | TellReopened
    | ActOnRollout
    | VerifyRollout
    | WatchRollout
    | SetGitOps
    | WatchGitOps
    | ShowRequest
    | ExpireRequest
    | RemindTask
    | ShowRollout
    | PlotRollout
    | ShowPicture
    | VerifyFleet
    | RunProbe
    | PollVendor
    | RemindUpdate
    | Instruct
    | RemindRole
    | HandleEvent
    | DraftPostmortem
    | SharePostmortem
    | Proclaim
    | EndFreeze
    | EndSilence
    | CheckHeartbeat
    | ShowQuestion
    | ShowMark
    | ShowPoll
    | EndPoll
    | ExportStatus
    | SendPage
    | ShowPage
    | EscalatePage
    | EndPages
    | PlayDrill
    | ShowHome
    | TellAway
    | RemindQuestion
    | PostCheckpoint
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A message as data: `text` is what a notification shows, `blocks` is Block Kit."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Modal:
    """A view to open for the person who asked."""

    view: dict[str, Any]


Say = str | Card | Modal


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Save these, note these on the timeline, then do these, and say this to whoever asked."""

    save: tuple[Noun, ...] = ()
    note: tuple[Entry, ...] = ()
    do: tuple[Effect, ...] = ()
    say: Say = ""

    def __add__(self, other: Decision) -> Decision:
        return Decision(
            save=self.save + other.save,
            note=self.note + other.note,
            do=self.do + other.do,
            say=other.say or self.say,
        )
