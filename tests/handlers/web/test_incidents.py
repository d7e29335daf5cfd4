"""The internal pages: only for whoever is signed in, only for reading, and quick however long an incident was."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from bot.decision import Decision
from bot.errors import Away
from bot.model import (
    Assignment,
    Entry,
    EntryKind,
    Link,
    Message,
    Phase,
    Postmortem,
    Role,
    Severity,
    Update,
    Verdict,
)
from bot.policy import Policy, Service
from bot.signals import SIGNALS
from handlers import dossiers
from handlers.web import server
from handlers.web.rates import Guesses
from handlers.web.signin import Entrance, led_to, networks
from handlers.world import World
from storage.store import Busy, Store
from tests.bot.status_values import update
from tests.databases import memory_store
from tests.storage.helpers import keep
from tests.values import NOON, alert, change, incident, minutes

TOKEN, PROXY = "the-pages-token", "X-Forwarded-Email"
BEHIND = Entrance(header=PROXY, trusted=networks(["10.0.0.0/8"]))


class Slack:
    """Knows names, or is away."""

    def __init__(self) -> None:
        self.away, self.asked = False, 0

    def names(self, users: Sequence[str]) -> dict[str, str]:
        self.asked += 1
        if self.away:
            raise Away("Slack", "no answer")
        return {user: f"Name of {user}" for user in users}


class Prometheus:
    def range(self, *args: Any) -> list[Any]:
        return [({"track": "stable"}, ((NOON, 0.1), (NOON + minutes(1), 0.2)))]


class Desk:
    def __init__(self, store: Store, entrance: Entrance, client: str = "203.0.113.9") -> None:
        self.store, self.time, self.slack, self.drawn = store, NOON + minutes(30), Slack(), 0
        policy = Policy(services={"checkout": Service(name="checkout")}, signals=tuple(SIGNALS.values()))
        self.world = World(
            store=store,
            chat=self.slack,  # type: ignore[arg-type]
            rollouts={},
            policy=policy,
            now=lambda: self.time,
            metrics=Prometheus(),  # type: ignore[arg-type]
            draw=self.draw,
        )
        self.entrance = entrance
        self.http = self.open(self.world, client)

    def open(self, world: World, client: str = "203.0.113.9") -> TestClient:
        app = server.build(world, {}, "api", ready=lambda: "", entrance=self.entrance)
        return TestClient(app, raise_server_exceptions=False, follow_redirects=False, client=(client, 50000))

    def draw(self, chart: Any) -> bytes:
        self.drawn += 1
        return b"\x89PNG"

    def sign_in(self, token: str = TOKEN, next: str = "/incidents") -> Any:
        return self.http.post("/sign-in", data={"token": token, "next": next})

    def get(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def store() -> Iterator[Store]:
    made = memory_store()
    yield made
    made.close()


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    desk = Desk(store, Entrance(token=TOKEN))
    yield desk
    desk.http.close()


PATHS = ("/incidents", "/incidents/INC-7", "/incidents/INC-7/plot.png", "/incidents/INC-7/postmortem")


def busy(store: Store, entries: int = 3) -> None:
    """An incident with something of everything."""
    mine = {"incident": "INC-7"}
    keep(
        store,
        incident(7, version=0, title="<b>Checkout</b> fails", channel_name="inc-7-checkout", phase=Phase.MONITORING),
        incident(6, version=0, group="", title="Search is slow", service="search", severity=Severity.SEV4),
        incident(5, version=0, group="", title="Old", phase=Phase.RESOLVED, resolved_at=NOON + minutes(9)),
        Assignment(role=Role.COMMANDER, user="U0DANA", by="U0DANA", at=NOON, **mine),
        Update(
            number=1,
            phase=Phase.IDENTIFIED,
            severity=Severity.SEV2,
            text="We <i>know</i>.",
            by="U0DANA",
            at=NOON,
            **mine,
        ),
        update(),
        alert(url="javascript:alert(1)", incident="INC-7"),
        Postmortem(markdown="# <script>x</script>", drafted_at=NOON, by="U0DANA", **mine),
    )
    for number in range(entries):
        keep(
            store,
            change(f"deploy/{number}", version=f"v{number}", url="https://ci.example/1"),
            Link(
                change=f"deploy/{number}",
                verdict=Verdict.SUSPECT,
                reasons=("2 min before",),
                by="U0DANA",
                at=NOON,
                **mine,
            ),
            Message(channel="C", ts=f"1.{number}", user=f"U0P{number}", text="I see 500s", at=NOON, **mine),
        )
    lines = tuple(
        Entry(at=NOON, kind=EntryKind.NOTE, text=f"line {number}", by="U0DANA", **mine) for number in range(entries)
    )
    store.decide(lambda tx, now: Decision(note=lines), NOON)


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("path", PATHS)
def test_without_signing_in_there_is_only_the_form(desk: Desk, path: str) -> None:
    busy(desk.store)
    answer = desk.http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")
    assert "INC-7" not in answer.text


def test_with_the_token_one_gets_to_where_one_was_going(desk: Desk) -> None:
    busy(desk.store)
    assert desk.sign_in("wrong").status_code == 401
    assert desk.http.get("/incidents").status_code == 303
    answer = desk.sign_in(next="/incidents/INC-7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/INC-7")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    assert "Checkout" in desk.get("/incidents/INC-7")
    desk.http.post("/sign-out")
    assert desk.http.get("/incidents").status_code == 303


def test_a_pass_ends_and_cannot_be_made_or_stretched(desk: Desk) -> None:
    desk.sign_in()
    desk.time += timedelta(hours=12)
    assert desk.http.get("/incidents").status_code == 303
    good = desk.entrance.pass_until(desk.time + minutes(1))
    assert desk.entrance.holds(good, desk.time)
    stamp, _, mac = good.partition(".")
    for forged in (f"{int(stamp) + 9999}.{mac}", stamp, "", f"{stamp}.", "x.y", f"٣.{mac}", f"{'9' * 12}.{mac}"):
        assert not desk.entrance.holds(forged, desk.time), forged
    assert not Entrance(token="another").holds(good, desk.time), "a new token ends every pass"


def test_a_made_token_is_known_by_its_hash_alone() -> None:
    kept = Entrance(token="sha256:" + "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")
    assert kept.opens("secret")
    assert not kept.opens("Secret")
    assert kept.holds(kept.pass_until(NOON + minutes(1)), NOON)
    assert "secret" not in repr(Entrance(token="secret"))


def test_whoever_guesses_is_slowed_and_nobody_else(desk: Desk) -> None:
    for _ in range(5):  # a right one is no guess
        assert desk.http.get("/incidents", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert {desk.sign_in("wrong").status_code, desk.sign_in("other").status_code} == {401}
    for token in ("wrong", TOKEN):
        slowed = desk.sign_in(token)
        assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "6")
        assert "Try again in 6 s" in slowed.text
        bearer = desk.http.get("/incidents", headers={"authorization": f"Bearer {token}"})
        assert (bearer.status_code, "Too many wrong tokens" in bearer.json()["detail"]) == (429, True)
    with desk.open(desk.world, "203.0.113.10") as elsewhere:
        assert elsewhere.post("/sign-in", data={"token": TOKEN}).status_code == 303
    desk.time += timedelta(seconds=6)
    assert desk.sign_in().status_code == 303


def test_a_house_guesses_as_one_and_what_is_kept_of_guesses_is_bounded() -> None:
    guesses = Guesses(per_minute=1, addresses=2)
    assert guesses.wait("2001:db8::1", NOON) == 0
    assert guesses.wait("2001:db8::2", NOON) > 0
    assert guesses.wait("2001:db8:0:1::1", NOON) == guesses.wait("testclient", NOON) == 0
    assert len(guesses.rates) == 2


@pytest.mark.parametrize(
    ("client", "headers", "secure"),
    [
        ("10.1.2.3", {"x-forwarded-proto": "https"}, True),
        ("10.1.2.3", {"x-forwarded-proto": "https, http"}, False),
        ("10.1.2.3", {}, False),
        ("203.0.113.9", {"x-forwarded-proto": "https"}, False),
    ],
)
def test_the_pass_of_who_came_by_https_goes_by_nothing_else(
    store: Store, client: str, headers: dict[str, str], secure: bool
) -> None:
    with Desk(store, replace(BEHIND, token=TOKEN), client).http as http:
        answer = http.post("/sign-in", data={"token": TOKEN}, headers=headers)
        assert ("Secure" in answer.headers["set-cookie"]) is secure
        far = {"x-forwarded-for": "198.51.100.7, 192.0.2.1"}
        for _ in range(10):
            http.post("/sign-in", data={"token": "wrong"}, headers=far)
        here = http.post("/sign-in", data={"token": TOKEN}, headers={"x-forwarded-for": "192.0.2.2"})
        assert here.status_code == (303 if client.startswith("10.") else 429), "who is behind the proxy is told apart"


def test_machines_may_show_the_token_as_a_bearer(desk: Desk) -> None:
    assert desk.http.get("/incidents", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    ("next", "led"),
    [
        ("/incidents/INC-7?x=1", "/incidents/INC-7?x=1"),
        ("https://evil.example", "/incidents"),
        ("//evil.example", "/incidents"),
        ("/incidents//evil.example", "/incidents"),
        ("/incidents.evil.example", "/incidents"),
        ("/\\evil.example", "/incidents"),
        ("/incidents\r\nx: y", "/incidents"),
    ],
)
def test_nobody_is_led_elsewhere(next: str, led: str) -> None:
    assert led_to(next) == led


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("10.1.2.3", {PROXY: "dana@shop.example"}, 200),
        ("10.1.2.3", {}, 401),
        ("10.1.2.3", {PROXY: " "}, 401),
        ("203.0.113.9", {PROXY: "dana@shop.example"}, 401),
        ("203.0.113.9", {PROXY: "dana@shop.example", "x-forwarded-for": "10.1.2.3"}, 401),
        ("testclient", {PROXY: "dana@shop.example"}, 401),
    ],
)
def test_a_header_is_believed_from_the_proxy_alone(
    store: Store, client: str, headers: dict[str, str], status: int
) -> None:
    desk = Desk(store, BEHIND, client)
    answer = desk.http.get("/incidents", headers=headers)
    assert answer.status_code == status
    assert ("dana@shop.example" in answer.text) == (status == 200)
    assert desk.sign_in("").status_code == 401, "no token is not an empty one"
    desk.http.close()


# ---------------------------------------------------------------- what is on them


def test_the_list_and_its_filter(desk: Desk) -> None:
    busy(desk.store)
    desk.sign_in()
    everything = desk.get("/incidents")
    assert everything.index("INC-7") < everything.index("INC-6") < everything.index("INC-5")
    assert "Name of U0DANA" in everything

    def found(query: str) -> list[str]:
        page = desk.get(f"/incidents?{query}")
        return [id for id in ("INC-5", "INC-6", "INC-7") if f'href="/incidents/{id}"' in page]

    assert found("state=open") == ["INC-6", "INC-7"]
    assert found("state=resolved") == ["INC-5"]
    assert found("service=search") == ["INC-6"]
    assert found("severity=4") == ["INC-6"]
    assert found("q=CHECKOUT") == ["INC-7"]
    assert found("q=%25") == []
    assert "No incident is like that" in desk.get("/incidents?q=%25")
    assert found("severity=99&state=odd&q=&service=") == ["INC-5", "INC-6", "INC-7"]


def test_one_page_has_all_that_is_known_and_text_stays_text(desk: Desk) -> None:
    busy(desk.store)
    desk.sign_in()
    page = desk.get("/incidents/inc-7")
    for part in (
        "line 2",
        "I see 500s",
        "deploy of checkout v1",
        "2 min before",
        "We &lt;i&gt;know&lt;/i&gt;.",
        "Some payments fail",
    ):
        assert part in page, part
    assert "<b>Checkout</b>" not in page
    assert "javascript:" not in page
    assert "/incidents/INC-7/plot.png" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in desk.get("/incidents/INC-7/postmortem")
    policy = desk.http.get("/incidents/INC-7").headers["content-security-policy"]
    assert "script-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_plot_is_drawn_for_whoever_is_signed_in(desk: Desk) -> None:
    busy(desk.store)
    desk.sign_in()
    answer = desk.http.get("/incidents/INC-7/plot.png")
    assert (answer.status_code, answer.content, desk.drawn) == (200, b"\x89PNG", 1)
    assert desk.http.get("/incidents/INC-7/plot.png").content == b"\x89PNG"
    assert desk.drawn == 1, "a little later it is the same"
    desk.time += timedelta(seconds=20)
    desk.http.get("/incidents/INC-7/plot.png")
    assert desk.drawn == 2


def test_all_who_look_at_once_share_one_drawing(desk: Desk) -> None:
    busy(desk.store)
    begun, go = threading.Event(), threading.Event()

    def draw(chart: Any) -> bytes:
        begun.set()
        assert go.wait(20)
        return desk.draw(chart)

    plots = dossiers.Plots(replace(desk.world, draw=draw))
    with ThreadPoolExecutor(8) as crowd:
        seen = [crowd.submit(plots.of, "INC-7") for _ in range(8)]
        assert begun.wait(20)
        go.set()
        assert {one.result() for one in seen} == {b"\x89PNG"}
    assert desk.drawn == 1


def test_a_drawing_that_failed_is_tried_again(desk: Desk) -> None:
    busy(desk.store)
    answers: list[Any] = [Away("Prometheus", "no answer"), b"\x89PNG"]

    def draw(chart: Any) -> bytes:
        if isinstance(answer := answers.pop(0), Away):
            raise answer
        return bytes(answer)

    plots = dossiers.Plots(replace(desk.world, draw=draw))
    with pytest.raises(Away):
        plots.of("INC-7")
    assert plots.of("INC-7") == b"\x89PNG"


@pytest.mark.parametrize(
    "path", ["/incidents/INC-99", "/incidents/x", "/incidents/INC-6/postmortem", "/incidents/INC-99/plot.png"]
)
def test_what_is_not_there_is_said_to_be_so(desk: Desk, path: str) -> None:
    busy(desk.store)
    desk.sign_in()
    assert desk.http.get(path).status_code == 404


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/incidents/INC-99", 404, "There is no such page, or it is not for everybody"),
        ("GET", "/incidents/<b>x", 404, "There is no such page"),
        ("GET", "/incidents/INC-7/nothing", 404, "There is nothing at /incidents/INC-7/nothing. Nothing was changed."),
        ("POST", "/incidents/INC-7", 405, "/incidents/INC-7 takes GET only. Nothing was changed."),
        ("GET", f"/incidents?q={'x' * 201}", 422, "Q: string should have at most 200 characters."),
        ("GET", "/incidents/INC-7/postmortem.md", 401, "Send the right token"),
        ("POST", "/sign-in", 413, "That is no token"),
    ],
)
def test_who_reads_in_a_browser_gets_a_page_and_a_program_json(
    desk: Desk, method: str, path: str, status: int, says: str
) -> None:
    desk.sign_in()
    sent = b"x" * 10_001 if method == "POST" else b""
    shown = desk.http.request(method, path, headers=BROWSER, content=sent)
    assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert says in shown.text
    assert "<b>x" not in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    program = desk.http.request(method, path, content=sent)
    assert (program.status_code, list(program.json())) == (status, ["detail"])
    assert program.headers.get("allow") == shown.headers.get("allow")


def test_a_bug_and_a_database_that_is_away_are_pages_too(desk: Desk) -> None:
    def at(error: Exception) -> Any:
        class Broken:
            def read(self, ask: Any) -> Any:
                raise error

        http = desk.open(replace(desk.world, store=Broken()))  # type: ignore[arg-type]
        http.cookies.set("watchkeeper_pages", desk.entrance.pass_until(desk.time + minutes(5)))
        return http.get("/incidents", headers=BROWSER)

    away, bug = at(Busy("postgresql://secret")), at(KeyError("secret"))
    assert (away.status_code, bug.status_code, away.headers["retry-after"]) == (503, 500, "5")
    assert "The database does not answer" in away.text
    assert "Reference" in bug.text
    assert "secret" not in away.text + bug.text


def test_private_incidents_are_not_there_unless_configured(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0, title="merger", private=True))
    keep(desk.store, Postmortem(incident="INC-7", markdown="merger", drafted_at=NOON, by="U0DANA"))
    desk.sign_in()
    assert "merger" not in desk.get("/incidents?q=merger").replace('value="merger"', "")
    for path in PATHS[1:]:
        assert desk.http.get(path).status_code == 404
    desk.http = desk.open(replace(desk.world, policy=replace(desk.world.policy, pages_show_private=True)))
    desk.sign_in()
    assert "PRIVATE" in desk.get("/incidents")
    assert "merger" in desk.get("/incidents/INC-7")


def test_a_drill_is_marked(desk: Desk) -> None:
    keep(desk.store, incident(7, version=0, drill="knight-capital"))
    desk.sign_in()
    assert "DRILL" in desk.get("/incidents")
    assert "DRILL" in desk.get("/incidents/INC-7")


# ---------------------------------------------------------------- whatever comes


def queries(desk: Desk, path: str) -> int:
    seen: list[str] = []

    def see(*args: Any) -> None:
        seen.append(args[2])

    event.listen(desk.store.engine, "before_cursor_execute", see)
    desk.get(path)
    event.remove(desk.store.engine, "before_cursor_execute", see)
    return len(seen)


def test_a_long_incident_takes_no_more_queries_than_a_short_one(desk: Desk) -> None:
    busy(desk.store, entries=1)
    desk.sign_in()
    short = queries(desk, "/incidents/INC-7"), queries(desk, "/incidents")
    for number in range(10, 40):
        keep(
            desk.store,
            incident(number, version=0, group=""),
            Assignment(incident=f"INC-{number}", role=Role.COMMANDER, user=f"U0{number}", by="U", at=NOON),
            change(f"deploy/{number}"),
            Link(incident="INC-7", change=f"deploy/{number}", verdict=Verdict.SUSPECT, reasons=(), by="U", at=NOON),
        )
    assert (queries(desk, "/incidents/INC-7"), queries(desk, "/incidents")) == short


def test_when_slack_is_away_ids_are_shown_and_it_is_not_asked_by_every_reader(desk: Desk) -> None:
    busy(desk.store)
    desk.sign_in()
    desk.slack.away = True
    for _ in range(5):
        assert "U0DANA" in desk.get("/incidents/INC-7")
    assert desk.slack.asked == 1
    desk.slack.away = False
    desk.time += minutes(1)
    assert "Name of U0DANA" in desk.get("/incidents/INC-7")
