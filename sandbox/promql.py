"""The part of PromQL that dashboards of a small shop use, as a tree.

Selectors with =, !=, =~, !~, ranges and offset; rate, increase, irate, histogram_quantile; sum, avg, min, max and count
with by or without; + - * / and comparisons (with bool) between scalars and vectors with equal labels, or `on` some.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
TOKEN = re.compile(
    r"""\s*(?:(?P<duration>\d+(?:ms|[smhdw])(?:\d+(?:ms|[smhdw]))*)(?![\w.])
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:Inf|NaN)\b)
      | (?P<name>[a-zA-Z_:][\w:]*)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<op>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],]))""",
    re.VERBOSE,
)
AGGREGATES = ("sum", "avg", "min", "max", "count")
PRECEDENCE = ({"==", "!=", ">", "<", ">=", "<="}, {"+", "-"}, {"*", "/"})
RANGE_FUNCTIONS = ("rate", "increase", "irate")


class BadQuery(Exception):
    """Not PromQL, or not the part of it that is spoken here."""


@dataclass(frozen=True)
class Matcher:
    name: str
    op: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        held = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (held == self.value) == (self.op == "=")
        return bool(re.fullmatch(self.value, held)) == (self.op == "=~")


# --- the tree


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Selector:
    matchers: tuple[Matcher, ...]
    range: timedelta | None = None
    offset: timedelta = timedelta()


@dataclass(frozen=True)
class Function:
    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregate:
    name: str
    of: Node
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True)
class Binary:
    op: str
    left: Node
    right: Node
    bool: bool = False
    on: tuple[str, ...] | None = None


Node = Number | Selector | Function | Aggregate | Binary


# --- parsing


@dataclass
class Token:
    kind: str
    text: str
    at: int


@dataclass
class Parser:
    query: str
    tokens: list[Token] = field(default_factory=list)
    position: int = 0

    @staticmethod
    def parse(query: str) -> Node:
        parser = Parser(query, tokenize(query))
        if parser.next.kind == "end":
            raise BadQuery("no expression found in input")
        node = parser.binary(0)
        if parser.next.kind != "end":
            raise parser.unexpected()
        return node

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self, *texts: str) -> str:
        """The next token if it is one of these, otherwise an empty text."""
        if self.next.kind in ("op", "name") and self.next.text in texts:
            self.position += 1
            return self.tokens[self.position - 1].text
        return ""

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.unexpected()

    def of_kind(self, kind: str) -> str:
        if self.next.kind != kind:
            raise self.unexpected()
        self.position += 1
        return self.tokens[self.position - 1].text

    def unexpected(self) -> BadQuery:
        token = self.next
        what = "end of input" if token.kind == "end" else f'{token.kind} "{token.text}"'
        return BadQuery(f"1:{token.at + 1}: parse error: unexpected {what}")

    def binary(self, level: int) -> Node:
        if level == len(PRECEDENCE):
            return self.unary()
        left = self.binary(level + 1)
        while op := self.take(*PRECEDENCE[level]):
            as_bool = bool(level == 0 and self.take("bool"))
            on = self.names() if self.take("on") else None
            left = Binary(op, left, self.binary(level + 1), as_bool, on)
        return left

    def unary(self) -> Node:
        if self.take("-"):
            return Binary("*", Number(-1.0), self.unary())
        self.take("+")
        return self.primary()

    def primary(self) -> Node:
        if self.take("("):
            inner = self.binary(0)
            self.expect(")")
            return inner
        if self.next.kind == "number":
            return Number(float(self.of_kind("number")))
        if self.next.kind == "name":
            name = self.next
            self.position += 1
            if name.text in AGGREGATES and self.next.text in ("(", "by", "without"):
                return self.aggregate(name.text)
            return self.function(name) if self.next.text == "(" else self.selector(name.text)
        if self.next.text == "{":
            return self.selector("")
        raise self.unexpected()

    def aggregate(self, name: str) -> Node:
        how = self.take("by", "without")
        labels = self.names() if how else ()
        self.expect("(")
        of = self.binary(0)
        self.expect(")")
        if not how and (how := self.take("by", "without")):
            labels = self.names()
        return Aggregate(name, of, labels, how == "without")

    def function(self, name: Token) -> Node:
        if name.text not in (*RANGE_FUNCTIONS, "histogram_quantile"):
            raise BadQuery(f'1:{name.at + 1}: parse error: unknown function with name "{name.text}"')
        self.expect("(")
        args = [self.binary(0)]
        while self.take(","):
            args.append(self.binary(0))
        self.expect(")")
        wanted = 2 if name.text == "histogram_quantile" else 1
        if len(args) != wanted:
            raise BadQuery(f'expected {wanted} argument(s) in call to "{name.text}", got {len(args)}')
        if name.text in RANGE_FUNCTIONS and not (isinstance(args[0], Selector) and args[0].range):
            raise BadQuery(f'expected type range vector in call to function "{name.text}", got instant vector')
        return Function(name.text, tuple(args))

    def selector(self, name: str) -> Node:
        matchers = [Matcher("__name__", "=", name)] if name else []
        if self.take("{"):
            while not self.take("}"):
                matchers.append(self.matcher())
                if not self.take(","):
                    self.expect("}")
                    break
        if all(m.matches({}) for m in matchers):
            raise BadQuery("vector selector must contain at least one non-empty matcher")
        length = None
        if self.take("["):
            length = seconds(self.of_kind("duration"))
            self.expect("]")
        offset = seconds(self.of_kind("duration")) if self.take("offset") else timedelta()
        return Selector(tuple(matchers), length, offset)

    def matcher(self) -> Matcher:
        name = self.of_kind("name")
        op = self.take("=", "!=", "=~", "!~")
        if not op:
            raise self.unexpected()
        value = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), self.of_kind("string")[1:-1])
        if op.endswith("~"):
            check_pattern(value)
        return Matcher(name, op, value)

    def names(self) -> tuple[str, ...]:
        self.expect("(")
        found: list[str] = []
        while not self.take(")"):
            found.append(self.of_kind("name"))
            if not self.take(","):
                self.expect(")")
                break
        return tuple(found)


def check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadQuery(f"error parsing regexp: {error}") from None


def tokenize(query: str) -> list[Token]:
    tokens, at, text = [], 0, query.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise BadQuery(f"1:{at + 1}: parse error: unexpected character: {text[at]!r}")
        tokens.append(Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        at = found.end()
    return [*tokens, Token("end", "", len(text))]


def seconds(text: str) -> timedelta:
    parts = re.findall(r"(\d+)(ms|[smhdw])", text)
    return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in parts))
