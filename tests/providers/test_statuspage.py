"""A status page kept through its management API: one incident of ours is one of theirs, an update is said once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bot.errors import NotYet, ProviderError
from bot.notices import Notice
from handlers.providers.statuspage import Statuspage
from sandbox.clock import FrozenClock
from sandbox.managed_page import PAGE, TOKEN, ManagedPage
from tests.values import NOON, minutes

NOTICE = Notice(
    key="INC-7",
    since=NOON,
    name="Payments fail",
    status="investigating",
    impact="major",
    body="One payment in four fails.",
    components={"c0checkout": "partial_outage"},
)
BETTER = replace(NOTICE, status="monitoring", body="Payments work again. We watch.")
OVER = replace(NOTICE, status="resolved", body="This is resolved.", components={"c0checkout": "operational"})


class Through(httpx.BaseTransport):
    """To the pretend page, without a socket."""

    def __init__(self, page: ManagedPage) -> None:
        self.client = TestClient(Starlette(routes=page.routes("")), base_url="https://api.statuspage.io")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, content=answer.content, headers={"content-type": "application/json"})


@pytest.fixture
def there() -> ManagedPage:
    return ManagedPage(FrozenClock(NOON))


@pytest.fixture
def page(there: ManagedPage) -> Iterator[Statuspage]:
    made = Statuspage(PAGE, TOKEN, transport=Through(there))
    yield made
    made.close()


def bodies(there: ManagedPage) -> list[str]:
    """What its readers were told, oldest first."""
    (incident,) = there.incidents.values()
    return [update["body"] for update in reversed(incident["incident_updates"])]


def test_an_incident_is_opened_goes_on_and_is_resolved(there: ManagedPage, page: Statuspage) -> None:
    id = page.publish(NOTICE, "")
    assert there.components["c0checkout"] == "partial_outage"
    assert page.publish(BETTER, id) == id
    assert page.publish(OVER, id) == id
    (incident,) = there.incidents.values()
    assert (incident["name"], incident["impact"], incident["status"]) == ("Payments fail", "major", "resolved")
    assert bodies(there) == [NOTICE.body, BETTER.body, OVER.body]
    assert there.components["c0checkout"] == "operational"


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize(("reopens", "incidents"), [("yes", 1), ("refused", 2), ("ignored", 2)])
def test_what_is_reopened_is_open_there_however_the_page_takes_it(
    there: ManagedPage, page: Statuspage, reopens: str, incidents: int, lost: bool
) -> None:
    """Atlassian does not say which of the three it is."""
    there.reopens = reopens
    again = replace(NOTICE, body="It fails again.")
    for notice in (NOTICE, OVER):
        id = page.publish(notice, "")
    if lost:
        there.lose_answers = 1
        with pytest.raises(ProviderError):
            page.publish(again, id)
    new = page.publish(again, id)
    assert page.publish(again, id) == new
    assert page.publish(BETTER, new) == new
    assert page.publish(replace(OVER, body="Now it is."), new) == new
    assert len(there.incidents) == incidents
    assert [one["body"] for one in reversed(there.incidents[new]["incident_updates"])][-3:] == [
        "It fails again.",
        BETTER.body,
        "Now it is.",
    ]
    assert {one["status"] for one in there.incidents.values()} == {"resolved"}
    bodies = [update["body"] for one in there.incidents.values() for update in one["incident_updates"]]
    assert bodies.count(BETTER.body) == 1
    assert bodies.count("It fails again.") == 1 + (reopens == "ignored"), "the old one has it, too, where it took it"


def test_where_the_answer_was_lost_it_is_found_and_not_said_again(there: ManagedPage, page: Statuspage) -> None:
    there.lose_answers = 1
    with pytest.raises(ProviderError, match="HTTP 502"):
        page.publish(NOTICE, "")
    id = page.publish(NOTICE, "")
    there.lose_answers = 1
    with pytest.raises(ProviderError, match="HTTP 502"):
        page.publish(BETTER, id)
    assert page.publish(BETTER, id) == id
    assert bodies(there) == [NOTICE.body, BETTER.body]


def test_an_older_incident_of_the_same_number_is_another_one(there: ManagedPage, page: Statuspage) -> None:
    """The database was made anew, and counts from one again."""
    page.publish(NOTICE, "")
    page.publish(replace(NOTICE, since=NOON + minutes(60)), "")
    assert len(there.incidents) == 2


def test_what_a_person_deleted_stays_deleted_and_is_told(there: ManagedPage, page: Statuspage) -> None:
    id = page.publish(NOTICE, "")
    there.incidents.clear()
    with pytest.raises(ProviderError, match="was deleted there") as error:
        page.publish(BETTER, id)
    assert error.value.permanent
    assert there.incidents == {}


def test_it_comes_more_slowly_when_asked_to(there: ManagedPage, page: Statuspage) -> None:
    there.busy = 1
    with pytest.raises(NotYet):
        page.publish(NOTICE, "")
    assert page.publish(NOTICE, "")


@pytest.mark.parametrize(
    ("id", "token", "notice", "said"),
    [
        (PAGE, "wrong-token", NOTICE, "HTTP 401 Could not authenticate"),
        ("0ther", TOKEN, NOTICE, "HTTP 404"),
        (PAGE, TOKEN, replace(NOTICE, components={"c9": "operational"}), "HTTP 422 Component c9"),
    ],
)
def test_a_refusal_is_told_in_its_words_and_never_with_the_token(
    there: ManagedPage, id: str, token: str, notice: Notice, said: str
) -> None:
    page = Statuspage(id, token, transport=Through(there))
    with pytest.raises(ProviderError, match=said) as error:
        page.publish(notice, "")
    assert error.value.permanent
    assert token not in str(error.value)
    page.close()


def test_nobody_there_may_have_heard(there: ManagedPage) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    page = Statuspage(PAGE, TOKEN, transport=httpx.MockTransport(gone))
    with pytest.raises(ProviderError, match="no answer") as error:
        page.publish(NOTICE, "")
    assert not error.value.permanent
    page.close()
