"""What a careful editor would say of an update before it goes out. It advises; the person decides.

Few rules, each with a reason, and each only for the audiences that it is about: executives may hear an estimate, the
public may not. What cannot be told by its form (is it true?) is left to people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.model import Audience, Update
from bot.text import brief, clip, one_line

OUTSIDE = frozenset({Audience.SUPPORT, Audience.PUBLIC})
COLLEAGUES = frozenset({Audience.EXECUTIVES, Audience.SUPPORT, Audience.PUBLIC})
EVERYBODY = frozenset(Audience)

QUOTED = 60  # characters
UNCHANGED_IN_A_ROW = 2  # the third update that says the same says nothing


@dataclass(frozen=True)
class Advice:
    """`field` is the field of the form that it is about."""

    field: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is to be said, by the fields of the form."""

    text: str
    scope: str = ""
    workaround: str = ""
    changed: str = ""
    ahead: str = ""

    def read_by(self, audience: Audience) -> dict[str, str]:
        """The fields that reach this audience."""
        fields = {"text": self.text, "scope": self.scope, "workaround": self.workaround, "ahead": self.ahead}
        if audience in (Audience.RESPONDERS, Audience.EXECUTIVES):
            fields["changed"] = self.changed
        return {name: words for name, words in fields.items() if words.strip()}


UNIT = r"(?:minutes?|mins?|hours?|hrs?|h|days?|business days?)"
WORKS = r"(?:fixed|resolved|restored|back|over|recovered|solved|done|mended|working|available|normal)"
PROMISE = re.compile(
    rf"\b(?:eta|asap|(?:very )?soon|shortly|momentarily|any (?:minute|moment))\b"
    rf"|\b{WORKS}\b[^.!?\n]{{0,30}}\b(?:in|within|by|before|after)\s+(?:the\s+)?(?:about |around |next )*"
    rf"(?:\d[\d:]*|an?\b|tomorrow|tonight|noon|midnight|end of|morning|evening|"
    rf"monday|tuesday|wednesday|thursday|friday)"
    rf"|\b(?:in|within)\s+(?:the\s+next\s+|about\s+|around\s+)?(?:\d+|an?|a few|some)\s+{UNIT}\b"
    rf"[^.!?\n]{{0,40}}\b{WORKS}\b"
    rf"|\bonly (?:take|last)\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b"  # IPv4
    r"|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\b"  # IPv6
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|corp|svc|intra)(?:\.[\w.-]+)?\b"
    r"|\b[a-z][a-z0-9]*(?:-[a-z0-9]+)*-[0-9a-f]{8,10}-[a-z0-9]{5}\b"  # a pod
    r"|\b(?:ip|i|vm|host|node|srv|web|app|api|db|sql|redis|kafka|k8s)-?(?:[a-z]+-)*\d{1,5}\b"
    r"|\b(?:[a-z]+-){2,}\d{1,4}\b",
    re.IGNORECASE,
)
JARGON = re.compile(
    r"\b(?:5xx|4xx|50[0-4]s?|http \d{3}|p9[059]|p99\.9|latenc(?:y|ies)|throughput|qps|rps|canar(?:y|ies)|"
    r"roll(?:ed|ing|s)?[- ]?back|rollout|redeploy(?:ed|ing)?|deploy(?:ed|ing|ment|s)?|pods?|containers?|"
    r"kubernetes|k8s|helm|argo|flagger|prometheus|grafana|nginx|envoy|istio|redis|kafka|postgres(?:ql)?|mysql|"
    r"cache|caches|cached|replicas?|shards?|failover|failed over|upstream|downstream|backends?|endpoints?|"
    r"oom(?:[- ]?killed)?|cpu|memory leak|stack ?traces?|null pointer|exceptions?|dns|tls|tcp|load balancers?|"
    r"clusters?|namespaces?|sev-?[1-5]|p[0-4] incident|slo|sla|mttr|root cause|hot ?fix(?:ed)?|feature flags?|"
    r"config(?:uration)? change|merge(?:d)?|commit|pull request|pr #?\d+|regression)\b",
    re.IGNORECASE,
)
BLAME = re.compile(
    r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>"
    r"|\b(?:human|operator|user) error\b"
    r"|\b(?:fault|mistake|carelessness|negligence|incompetence|blunder) (?:of (?!ours\b)|by )"
    r"|\b(?:someone|somebody|an? (?:engineer|developer|admin|colleague|intern|contractor)|the \w+ team)\s+(?:\w+\s+)?"
    r"(?:broke|forgot|failed|missed|messed|botched|neglected|should have|didn't|did not)\b"
    r"|\b(?:'s|s') (?:fault|mistake|error)\b|\bto blame\b|\bblame(?:d|s)?\b|\bmessed up\b|\bscrewed up\b",
    re.IGNORECASE,
)
GUESS = re.compile(
    r"\b(?:we think|we believe|i think|probably|presumably|perhaps|maybe|it seems|it looks like|might be|could be|"
    r"we suspect|most likely)\b",
    re.IGNORECASE,
)
SIGNED = re.compile(r"(?<![\w@#/.])[@#][^\W\d_][\w.-]*")  # what Slack would make a mention of, if it knew the name
SCOPE = re.compile(
    r"\d+ ?%|\bper ?cent\b|\b(?:all|every|some|many|most|few|no|none|half|one in|\d+ (?:in|of|out of))\b"
    r"|\b(?:customers?|users?|visitors?|shoppers?|merchants?|people|everybody|everyone|nobody)\b[^.!?\n]*\b"
    r"(?:in|with|who|using|from|on|whose)\b|\bonly\b",
    re.IGNORECASE,
)
KNOWN_VENDORS = (
    "AWS",
    "Amazon Web Services",
    "Azure",
    "Google Cloud",
    "GCP",
    "Cloudflare",
    "Fastly",
    "Akamai",
    "Stripe",
    "Twilio",
    "GitHub",
)
FIRST = re.compile(r"[.!?\n]")


@dataclass(frozen=True)
class Rule:
    audiences: frozenset[Audience]
    find: Callable[[str], str]  # what is objectionable in these words, "" if nothing is
    say: str  # {found} is what was found


def _finds(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def find(words: str) -> str:
        match = pattern.search(words)
        return match[0] if match else ""

    return find


def _promised(words: str) -> str:
    """A time at which it is to be over; "was fixed within 10 minutes" is a report."""
    for match in PROMISE.finditer(words):
        if not re.search(
            r"\b(?:was|were|has been|have been|went)\s+(?:\w+\s+)?$", words[: match.start()], re.IGNORECASE
        ):
            return match[0]
    return ""


RULES: Sequence[Rule] = (
    Rule(OUTSIDE, _promised, "“{found}” promises an end. Promise the next update instead."),
    Rule(COLLEAGUES, _finds(ADDRESS), "“{found}” looks like a host or an address. Say what users know it as."),
    Rule(OUTSIDE, _finds(JARGON), "“{found}” is our word. Say what users see."),
    Rule(EVERYBODY, _finds(BLAME), "“{found}” points at people. Say what happened."),
    Rule(OUTSIDE, _finds(SIGNED), "“{found}” reads like a person or a channel of yours. Keep it if customers know it."),
    Rule(frozenset({Audience.PUBLIC}), _finds(GUESS), "“{found}” is a guess. Say what is known, or that it is not."),
)
NO_SCOPE = "Who is affected, and who is not? “All”, “one in four”, “only in Europe”; or that you do not know yet."
SAME = "The last two updates said the same. Say what is new, or what was tried."
VENDOR = "{found} comes first. Begin with what users see; it is ours to solve, whoever has the trouble."


def afterwards(said: str, advice: Sequence[Advice]) -> str:
    """An answer to what is out already, with what could be better the next time."""
    words = " ".join(one.words for one in advice)
    return f"{said} :bulb: For the next one: {brief(words, 600)}" if advice else said


def lint(
    words: Words, audiences: Collection[Audience], before: Sequence[Update] = (), vendors: Iterable[str] = ()
) -> tuple[Advice, ...]:
    """What could be better, for those who will read it; at most one piece of advice of each kind.

    `before` are the updates so far, the latest last; `vendors` are names of those whose services ours use.
    """
    return (
        *_by_rule(words, audiences),
        *_scope(words, audiences),
        *_vendor(words, audiences, vendors),
        *_same(words, before),
    )


def _by_rule(words: Words, audiences: Collection[Audience]) -> Iterator[Advice]:
    for rule in RULES:
        read: dict[str, str] = {}
        for audience in audiences:
            read |= words.read_by(audience) if audience in rule.audiences else {}
        found = ((name, rule.find(said)) for name, said in read.items())
        if objection := next(((name, what) for name, what in found if what), None):
            yield Advice(objection[0], rule.say.format(found=clip(one_line(objection[1]), QUOTED)))


def _scope(words: Words, audiences: Collection[Audience]) -> Iterator[Advice]:
    if set(audiences) & COLLEAGUES and not words.scope.strip() and not SCOPE.search(words.text):
        yield Advice("scope", NO_SCOPE)


def _vendor(words: Words, audiences: Collection[Audience], vendors: Iterable[str]) -> Iterator[Advice]:
    """In the first sentence, before anything that users see."""
    first = FIRST.split(words.text.strip(), maxsplit=1)[0].lower()
    names = dict.fromkeys([*vendors, *KNOWN_VENDORS])
    blamed = next((name for name in names if re.search(rf"\b{re.escape(name.lower())}\b", first)), "")
    if blamed and set(audiences) & COLLEAGUES:
        yield Advice("text", VENDOR.format(found=blamed))


def _same(words: Words, before: Sequence[Update]) -> Iterator[Advice]:
    latest = before[-UNCHANGED_IN_A_ROW:]
    if len(latest) == UNCHANGED_IN_A_ROW and all(_facts(update) == _facts(words) for update in latest):
        yield Advice("text", SAME)


def _facts(said: Words | Update) -> tuple[str, ...]:
    return tuple(" ".join(part.lower().split()) for part in (said.text, said.scope, said.changed, said.ahead))
