"""Every person gets an answer, and no exception reaches Bolt.

Bolt forgets an ack when its listener raises right after it, and Slack then shows "dispatch_failed". So failures become
words here, once, for commands, presses and forms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import structlog
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.commands import Invalid
from bot.decision import Card, Decision, Modal, Say
from bot.errors import NotYet, ProviderError, Refused
from handlers.world import World
from storage.store import Busy

log = structlog.get_logger(__name__)

TIMEOUT = 10
LONGEST = 2_900  # characters of a section's text, below Slack's limit of 3,000
SLACK_HOSTS = ("slack.com", "slack-gov.com")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who asked, and where the answer goes. `private`: what was pressed is a message for this person alone.

    `in_view`: it was pressed in the App Home or in a form, where no message can answer: the answer is a form.
    """

    user: str
    channel: str = ""
    response_url: str = ""
    trigger: str = ""
    private: bool = False
    in_view: bool = False

    @property
    def reference(self) -> str:
        """Short enough to read out, the same in the answer and in the log."""
        return hashlib.sha256(f"{self.user}/{self.trigger}".encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What to say. `again`: the same may be asked again, so a pressed preview keeps its buttons."""

    say: Say
    failed: bool = False
    again: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)  # of a form: block id → what to mend


class Answers:
    def __init__(self, world: World, client: WebClient) -> None:
        self.world, self.client = world, client

    def answer(self, origin: Origin, do: Callable[[], Decision]) -> None:
        """Run it and answer. Never raises: this is the edge."""
        try:
            outcome = self.outcome(origin, lambda: self.shown(origin, do()))
            if outcome.say:
                self.deliver(origin, outcome)
        except Exception:  # nobody is left to tell but the log
            log.exception("answer not delivered", reference=origin.reference, user=origin.user)

    def shown(self, origin: Origin, decision: Decision) -> Say:
        """What is left to say once a form, if it is one, is open."""
        if not isinstance(decision.say, Modal):
            return decision.say or "Done."
        self.world.chat.open_view(origin.trigger, decision.say.view)
        return ""

    def outcome(self, origin: Origin, do: Callable[[], Say]) -> Outcome:
        """Do it; a failure becomes words."""
        try:
            return Outcome(say=do())
        except Invalid as error:
            return Outcome(say=refusal(error, self.world.commands), failed=True, errors=error.errors)
        except Refused as error:
            return Outcome(say=refusal(error, self.world.commands), failed=True)
        except (ProviderError, NotYet, Busy) as error:
            log.info("asked in vain", reference=origin.reference, user=origin.user, error=str(error))
            return Outcome(say=trouble(error), failed=True, again=True)
        except Exception:  # a bug is ours to find: logged whole, and told with its reference
            log.exception("a command failed", reference=origin.reference, user=origin.user)
            return Outcome(say=bug(origin.reference), failed=True, again=True)

    def deliver(self, origin: Origin, outcome: Outcome) -> None:
        card = outcome.say if isinstance(outcome.say, Card) else Card(text=str(outcome.say))
        if origin.in_view:
            self.show(origin, card)
            return
        if self.respond(origin, card, replace=origin.private and not outcome.again):
            return
        if not origin.channel:
            log.warning("nowhere to answer", reference=origin.reference, user=origin.user)
            return
        self.world.chat.whisper(origin.channel, origin.user, card)

    def show(self, origin: Origin, card: Card) -> None:
        """As a form, or as a direct message where that took longer than Slack waits with opening one."""
        try:
            self.world.chat.open_view(origin.trigger, notice(card))
        except ProviderError:
            now = self.world.now()
            self.world.chat.post(origin.user, card, f"answer/{origin.reference}", since=now, again=False)

    def respond(self, origin: Origin, card: Card, *, replace: bool) -> bool:
        """Through the response_url; False if it did not take it: used five times, or older than half an hour."""
        if not origin.response_url:
            return False
        if not is_slack(origin.response_url, self.client.base_url):
            log.warning("response_url is not Slack's; not used", host=urlsplit(origin.response_url).hostname)
            return False
        webhook = WebhookClient(
            origin.response_url, timeout=TIMEOUT, retry_handlers=[], logger=self.client.logger, ssl=self.client.ssl
        )
        webhook.proxy = self.client.proxy
        try:
            answer = webhook.send_dict(payload(card, replace=replace))
        except (OSError, HTTPException) as error:
            log.warning("response_url did not answer", reference=origin.reference, error=type(error).__name__)
            return False
        if answer.status_code != 200:
            log.warning("response_url refused", reference=origin.reference, status=answer.status_code, said=answer.body)
        return bool(answer.status_code == 200)


def notice(say: str | Card) -> dict[str, Any]:
    """A form that only says something."""
    text = say if isinstance(say, str) else say.text
    words = {"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": text[:LONGEST]}}
    blocks = list(say.blocks) if isinstance(say, Card) and say.blocks else [words]
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Watchkeeper"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
    }


def payload(card: Card, *, replace: bool) -> dict[str, Any]:
    blocks = {"blocks": list(card.blocks)} if card.blocks else {}
    return {
        "response_type": "ephemeral",
        "replace_original": replace,
        "text": card.text,
        "unfurl_links": False,
        "unfurl_media": False,
        **blocks,
    }


def is_slack(url: str, base_url: str) -> bool:
    """Whether an answer may be sent there: payloads pass through people's hands in HTTP mode's logs and proxies."""
    to, home = urlsplit(url), urlsplit(base_url)
    if (to.scheme, to.netloc) == (home.scheme, home.netloc):
        return True
    host = to.hostname or ""
    return to.scheme == "https" and any(host == slack or host.endswith(f".{slack}") for slack in SLACK_HOSTS)


def refusal(error: Refused, commands: Mapping[str, str]) -> str:
    why = f":no_entry: {error.why}"
    return f"{why} Try `{typed(error.instead, commands)}`." if error.instead else why


def typed(line: str, commands: Mapping[str, str]) -> str:
    """A line with the slash command's name in this workspace, safe inside backticks."""
    name, space, rest = line.replace("`", "'").partition(" ")
    return commands.get(name.removeprefix("/"), name) + space + rest


def trouble(error: ProviderError | NotYet | Busy) -> str:
    """What was and was not changed, and what to do."""
    match error:
        case NotYet():
            seconds = max(1, round(error.seconds))
            return f":hourglass: Not now, nothing was changed: please ask again in {seconds} s."
        case Busy():
            return ":floppy_disk: I could not save that; nothing was changed. Please try again in a moment."
        case ProviderError(unknown=True):
            return f":warning: {error}. It may have happened all the same: look before you ask again."
        case _:
            again = "Asking again will not help until that is mended." if error.permanent else "Please try again."
            return f":cloud: {error}. Nothing was changed. {again}"


def bug(reference: str) -> str:
    return (
        ":boom: That is a bug in me, not in what you asked. I do not know how far it got: look before you ask again. "
        f"Reference `{reference}`; it is in my log."
    )
