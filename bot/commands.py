"""What people may type: the grammar of both commands, and the Ask that every way in becomes.

A button's value is the line it stands for, so pressing is typing with the presser's rights.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.errors import Refused
from bot.text import code, is_person

# What other tools, and people in a hurry, call a verb: it is done as if the verb had been typed.
CALLED: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "new": "declare",
        "create": "declare",
        "open": "declare",
        "start": "declare",
        "close": "resolve",
        "severity": "sev",
        "phase": "status",
        "assign": "role",
        "escalate": "page",
        "tasks": "task",
        "todo": "task",
        "followups": "followup",
        "summary": "catchup",
    },
    "rollout": {
        "stop": "pause",
        "hold": "pause",
        "halt": "pause",
        "continue": "resume",
        "unpause": "resume",
        "undo": "rollback",
        "revert": "rollback",
        "status": "show",
    },
}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What someone typed, pressed or submitted; understood by nobody and allowed by nobody yet."""

    command: str  # a key of COMMANDS
    text: str
    by: str
    channel: str = ""
    trigger: str = ""  # Slack's permission to open a modal, good for 3 s

    def split(self) -> tuple[str, str]:
        """The verb and the rest, verb in lower case and by our name for it; both may be ""."""
        verb, _, rest = self.text.strip().partition(" ")
        return CALLED.get(self.command, {}).get(verb.lower(), verb.lower()), rest.strip()


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submitted modal: `values` is block id → what was entered."""

    callback: str
    subject: str
    values: Mapping[str, str]
    by: str
    channel: str = ""


class Invalid(Refused):
    """The form stays open: `errors` is block id → what is wrong with it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Usage:
    arguments: str
    help: str
    hidden: bool = False  # only buttons type it


COMMANDS: Mapping[str, Mapping[str, Usage]] = {
    "incident": {
        "declare": Usage("[text] [--private] [--new]", "Open an incident: channel first, questions later"),
        "list": Usage("", "Open incidents"),
        "show": Usage("[INC-n]", "The card, for you alone"),
        "sev": Usage("1-5 [why]", "Change the severity"),
        "status": Usage("investigating|identified|mitigating|monitoring|resolved [why]", "Change the phase"),
        "update": Usage("[--phase …] [text]", "Publish a status update; without text, a form"),
        "publish": Usage(
            "[--on COMPONENT=STATE] [--title …] [--phase …] [text]", "Tell customers on the status page; or a form"
        ),
        "maintenance": Usage(
            "[COMPONENT --from 22:00 --for 2h text | end MNT-n]",
            "Announce maintenance to customers, or list what is planned",
        ),
        "snooze": Usage("[10m]", "No reminder of the promised update for a while; the promise stands"),
        "approve": Usage("[n]", "The commander lets update n go to those who read only what is agreed to"),
        "withhold": Usage("[n]", "The commander keeps update n from them"),
        "subscribe": Usage("[SERVICE|INC-n]", "Get its updates by direct message"),
        "unsubscribe": Usage("[SERVICE|INC-n]", "Get them no more"),
        "role": Usage(
            "commander|ops|comms|scribe [@who] [--take]", "Give or take a role; --take where its holder is away"
        ),
        "handoff": Usage("[role] [@who]", "Hand your role to someone else"),
        "page": Usage("[@who|role|SERVICE] [why]", "Call the on-call, or somebody, until somebody answers"),
        "ack": Usage("[INC-n/page/n]", "Answer a page", hidden=True),
        "note": Usage("text", "Add a line to the timeline"),
        "link": Usage(
            "CHANGE suspect|caused|fixed|dismissed [why]",
            "What a change has to do with it: its number on the card, version or key",
        ),
        "impact": Usage("text", "What users see, in their words"),
        "task": Usage("[text] [@who]", "Something to do now; without text, what is left to do"),
        "followup": Usage("text [@who]", "Something to do afterwards, with a reminder"),
        "poll": Usage('"proposal" [60s]', "Any strong objections? Silence is consent when the time is up"),
        "catchup": Usage("[INC-n]", "What goes on, who leads, what was tried, what to read; for you alone"),
        "merge": Usage("INC-n", "This turned out to be INC-n: alerts and people go on there"),
        "reopen": Usage("[why]", "It is not over"),
        "cancel": Usage("[why]", "It was no incident: no postmortem, not counted"),
        "drill": Usage(
            "[STORY|stop]", "Practise: a story on a pretend cluster, scored; without a story, what there is"
        ),
        "join": Usage("INC-n", "Be invited to its channel"),
        "done": Usage("INC-n/task/n", "A task is done", hidden=True),
        "vote": Usage("INC-n/poll/n agree|object", "Say yes or no to a proposal", hidden=True),
        "resolve": Usage(
            "[summary] [--anyway why]", "Resolve; without a summary, a form; --anyway where a probe is still red"
        ),
        "silence": Usage("LABEL=VALUE [--from 22:00] [--for 2h] --why text", "What fits opens nothing until it ends"),
        "unsilence": Usage("SIL-n", "End a silence; what still fires is news again"),
        "silences": Usage("", "What is silenced or will be, by whom, why and until when"),
        "unparsed": Usage("[show ID | replay ID]", "What senders posted and was not understood, for admins"),
        "answer": Usage("ASK-n open|join INC-n|dismiss", "Say whether what was asked is an incident", hidden=True),
        "timeline": Usage("[INC-n]", "The last lines of the timeline"),
        "postmortem": Usage("[INC-n]", "Draft the postmortem anew"),
        "help": Usage("[all|TOPIC|VERB]", "What you need now, and where the rest is"),
    },
    "rollout": {
        "list": Usage("", "Every configured rollout"),
        "show": Usage("SERVICE [ENVIRONMENT]", "One rollout: steps, weight, versions, replicas"),
        "check": Usage("SERVICE [verb] [--to REV]", "Would it be safe? Every reason named; nothing is changed"),
        "pause": Usage("SERVICE [why]", "Stop it where it is, at once"),
        "resume": Usage("SERVICE", "Go on after a pause"),
        "promote": Usage("SERVICE [--full]", "Go one step on; --full skips all that remain"),
        "abort": Usage("SERVICE", "In flight: traffic back to the stable version, the spec as it is"),
        "retry": Usage("SERVICE", "Start an aborted rollout over"),
        "rollback": Usage("SERVICE [--to REV] [--now]", "Back to the stable version; --now skips the steps"),
        "approve": Usage("ID", "Agree to what somebody else asked for"),
        "object": Usage("ID why", "Stop what somebody asked for, with a reason"),
        "suspend": Usage("SERVICE", "Keep GitOps from putting its own spec back"),
        "restore": Usage("SERVICE", "Put GitOps back as it was before"),
        "freeze": Usage(
            "SERVICE [ENVIRONMENT]|environment NAME|all [--for 2h] --why text",
            "Nothing there goes forward until it ends",
        ),
        "thaw": Usage("FRZ-n|SERVICE|environment NAME|all", "End a freeze, and see what slipped through"),
        "freezes": Usage("", "What is frozen, why, for how long, and what slipped through"),
        "verify": Usage(
            "SERVICE [--accept WHY]",
            "Does every server run the approved version? Each that does not is named. `--accept` ends what that holds",
        ),
        "watch": Usage("SERVICE", "Its card in this channel, kept up while it moves"),
        "unwatch": Usage("SERVICE", "No longer keep up its card in this channel"),
        "gates": Usage("SERVICE", "The URLs that a controller or a pipeline asks before it moves"),
        "confirm": Usage("ID [SERVICE]", "Do what was previewed", hidden=True),
        "cancel": Usage("ID", "Forget what was previewed", hidden=True),
        "help": Usage("[all|TOPIC|VERB]", "What you need now, and where the rest is"),
    },
}


HELP = ("help", "--help", "-h", "?")
# Other tools' words for what to do with an update, a poll or a task: alone they are nobody's text.
LONE = re.compile(
    r"(?i)(?:cancel|stop|end|off|status|list|show|draft|delete|close|remove|undo|edit|done)"
    r"(?: (?:(?:the )?(?:task|poll|update|page) ?)?\d*)?"
)
TEXTS = frozenset({"update", "poll", "task", "followup", "page", "note", "impact", "declare"})


def must_be_text(command: str, verb: str, words: str) -> None:
    """Raises Refused where the words of a verb are a verb themselves: nobody is to be paged with "cancel"."""
    if command == "incident" and verb in TEXTS and LONE.fullmatch(words):
        said = f"{code(words, 40)} alone would be taken for your words, not for something to do. Nothing was changed."
        raise Refused(said, instead=f"/incident help {verb}")


def nearest(word: str, known: list[str] | tuple[str, ...], alike: float = 0.6) -> str:
    """The known word that was probably meant, or ""."""
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=alike)), "")


OPTION = re.compile(r"(?<!\S)(?:--|[—–]|-)([A-Za-z]+)")


def must_be_known(words: str, options: Collection[str], example: str) -> None:
    """Raises Refused for what was probably meant as one of these options, or begins as one and is none.

    What has been understood is not in `words` any more. A word after a dash may be prose, unless it is like an option.
    """
    for found in OPTION.finditer(words):
        if nearest(found[1].lower(), list(options)) or found[0].startswith("--"):
            raise Refused(
                f"{code(found[0], 40)} is no option that I know, or lacks its value: "
                f"{', '.join(code(f'--{one}') for one in options)}. Nothing was changed.",
                instead=example,
            )


def unknown_verb(command: str, verb: str) -> Refused:
    if command == "incident" and (id := incident_id(verb)):
        return Refused(f"Say what about {id}.", instead=f"/incident show {id}")
    close = nearest(verb, [v for v, usage in COMMANDS[command].items() if not usage.hidden])
    return Refused(f"I do not know {code(verb, 40)}.", instead=f"/{command} {close}" if close else f"/{command} help")


PERSON = re.compile(r"^<@([UW][A-Z0-9]+)(?:\|[^>]*)?>$")
BARE_ID = re.compile(r"[UW][A-Z0-9]{4,}")


def is_mention(word: str) -> bool:
    """Whether it is written as a person is: a mention, a bare id, or a name behind an @."""
    return bool(word.startswith("@") or PERSON.match(word) or BARE_ID.fullmatch(word))


def person(word: str) -> str:
    """The Slack id in a mention such as `<@U123|dana>`, or a bare id.

    Raises Refused where the word is neither.
    """
    if match := PERSON.match(word):
        return match[1]
    if BARE_ID.fullmatch(word):
        return word
    raise Refused(f"I do not know who {code(word, 40)} is: pick the person from Slack's @ list.")


NAMED = re.compile(r"<([@#])[A-Z0-9]+\|([^<>|]+)>")


def again(words: str, n: int = 200) -> str:
    """Somebody's words in a line to type: names as one types them, and nothing that Slack reads as markup."""
    return code(as_typed(words), n)[1:-1]


def as_typed(words: str) -> str:
    """With "@bob" for a mention of Bob: what is not to be a mention, and not read as markup either."""
    return NAMED.sub(r"\1\2", words)


def must_be_somebody(by: str, otherwise: str, instead: str = "") -> None:
    """Raises Refused for who is nobody in Slack, such as the command line without `--as`: `otherwise` says why."""
    if not is_person(by):
        raise Refused(
            f"{code(by, 40)} is nobody in Slack, and {otherwise}: say who with `--as`. Nothing was changed.",
            instead=instead,
        )


INCIDENT_ID = re.compile(r"^(?:inc-?)?(\d{1,9})$", re.IGNORECASE)


def incident_id(word: str) -> str | None:
    """INC-7 for "INC-7", "inc7" or "7"; None for anything else."""
    match = INCIDENT_ID.match(word)
    return f"INC-{int(match[1])}" if match else None


STEERING = frozenset(
    {"sev", "status", "update", "publish", "role", "handoff", "page", "note", "link", "resolve"}
    | {"impact", "task", "followup", "poll", "reopen", "cancel", "snooze", "approve", "withhold"}
)


def naming(instead: str, words: str) -> str:
    """What to type instead, for the incident that was named in the refused words: it may be typed in any channel."""
    first = words.partition(" ")[0]
    id = incident_id(first) if not first.isdigit() else None
    command, _, line = instead.partition(" ")
    verb, _, rest = line.partition(" ")
    if id is None or command != "/incident" or verb not in STEERING or id in rest:
        return instead
    return f"{command} {verb} {id} {rest}".rstrip()
