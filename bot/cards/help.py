"""What may be typed: first what one needs now, and where all the rest is."""

from __future__ import annotations

from collections.abc import Mapping

from bot import text
from bot.cards.kit import Block, actions, context, paged, press, section
from bot.commands import CALLED, Usage, nearest
from bot.decision import Card

ALL, MORE = "all", "more"

NOW: Mapping[str, tuple[str, ...]] = {
    "incident": ("declare", "sev", "status", "role", "page", "note", "update", "resolve"),
    "rollout": ("show", "check", "pause", "resume", "promote", "rollback"),
}
# A verb that stands nowhere here is under MORE, so that none is lost.
TOPICS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "incident": {
        "people": ("role", "handoff", "page", "join", "catchup", "subscribe", "unsubscribe"),
        "updates": ("update", "impact", "snooze", "approve", "withhold", "publish", "maintenance"),
        "work": ("note", "task", "followup", "poll", "link"),
        "course": ("declare", "list", "show", "sev", "status", "timeline", "merge", "resolve", "reopen", "cancel"),
        "alerts": ("silence", "unsilence", "silences", "unparsed"),
        "after": ("postmortem", "drill"),
    },
    "rollout": {
        "moving": ("list", "show", "check", "pause", "resume", "promote", "abort", "retry", "rollback"),
        "consent": ("approve", "object"),
        "holding": ("freeze", "thaw", "freezes", "suspend", "restore", "gates"),
        "watching": ("verify", "watch", "unwatch"),
    },
}


def help_card(command: str, verbs: Mapping[str, Usage], about: str = "", name: str = "") -> Card:
    """`about`: "" for what is needed now, "all", a topic or a verb. `name` is the command as it is called in this
    workspace.
    """
    name = name or f"/{command}"
    shown = {verb: usage for verb, usage in verbs.items() if not usage.hidden}
    known = topics(command, shown)
    word = about.strip().lower().removeprefix("/")
    verb = CALLED.get(command, {}).get(word, word)
    if not word:
        return _now(command, name, shown, known)
    if word == ALL:
        return _lines(command, f"What {name} can do", name, shown, tuple(shown))
    if word in known:
        return _lines(command, word.capitalize(), name, shown, known[word])
    if verb in shown:
        return _lines(command, f"{name} {verb}", name, shown, (verb,))
    close = nearest(word, [*known, *shown])
    meant = f" Did you mean {text.code(f'{name} help {close}')}?" if close else ""
    return _now(command, name, shown, known, f"I have no help on {text.code(word, 40)}.{meant}")


def topics(command: str, verbs: Mapping[str, Usage]) -> dict[str, tuple[str, ...]]:
    """Topic → its verbs, of those that there are; each is in one at least."""
    known = {topic: tuple(v for v in several if v in verbs) for topic, several in TOPICS.get(command, {}).items()}
    placed = {verb for several in known.values() for verb in several} | {"help"}
    rest = tuple(verb for verb in verbs if verb not in placed)
    return {topic: several for topic, several in {**known, MORE: rest}.items() if several}


def _now(
    command: str, name: str, verbs: Mapping[str, Usage], known: Mapping[str, tuple[str, ...]], instead: str = ""
) -> Card:
    """`instead`: why it is this that is shown; mrkdwn."""
    needed = NOW.get(command, ())
    rest = [f"*{topic.capitalize()}*  {text.brief(', '.join(several), 300)}" for topic, several in known.items()]
    buttons = [press(topic.capitalize(), f"{command} help {topic}", f"help.{topic}") for topic in known]
    everything = press("Everything", f"{command} help {ALL}", f"help.{ALL}")
    blocks: list[Block] = [
        *((section(instead),) if instead else ()),
        section("*What you need now*"),
        *paged([_line(name, verb, verbs[verb]) for verb in needed if verb in verbs]),
        section("\n".join(["*All that there is, by topic*", *rest])),
        actions(*buttons, everything),
        context(f"{text.code(f'{name} help VERB')} explains one. In an incident's channel the incident is known."),
    ]
    return Card(text=f"What {text.brief(name, 80)} can do", blocks=tuple(blocks))


def _lines(command: str, title: str, name: str, verbs: Mapping[str, Usage], several: tuple[str, ...]) -> Card:
    title = text.brief(title, 150)
    lines = paged([f"*{title}*", *(_line(name, verb, verbs[verb]) for verb in several)])
    return Card(text=title, blocks=(*lines, actions(press("All topics", f"{command} help", "help"))))


def _line(name: str, verb: str, usage: Usage) -> str:
    return f"{text.code(f'{name} {verb} {usage.arguments}'.rstrip())} {text.brief(usage.help, 150)}"
