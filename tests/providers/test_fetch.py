"""One page of somebody else's: where it was checked to be, small, and without its address in any error."""

import httpx
import pytest

from bot.errors import ProviderError
from handlers.providers.fetch import LARGEST, Fetch

URL = "https://sns.eu-west-1.amazonaws.com/?Token=hush"


def fetch(answer: httpx.Response) -> Fetch:
    return Fetch(httpx.MockTransport(lambda request: answer))


def test_a_page_is_fetched() -> None:
    assert fetch(httpx.Response(200, content=b"certificate"))(URL) == b"certificate"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(302, headers={"location": "http://169.254.169.254/"}), "HTTP 302"),
        (httpx.Response(500), "HTTP 500"),
        (httpx.Response(200, content=b"x" * (LARGEST + 1)), "too large"),
    ],
)
def test_anything_else_is_an_error_that_names_the_host_alone(answer: httpx.Response, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as error:
        fetch(answer)(URL)
    assert "amazonaws" in str(error.value)
    assert "hush" not in str(error.value)


def test_nobody_there_is_the_worlds_turn() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ProviderError, match="no answer"):
        Fetch(httpx.MockTransport(away))(URL)
