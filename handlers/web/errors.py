"""What is said where something went wrong: one sentence, as JSON for machines, as a page for who reads in a browser."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from handlers.web.incidents import page
from handlers.web.signin import SIGN_IN

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
READ = re.compile(rf"/incidents(?:/.*)?|{SIGN_IN}|/sign-out")  # what people open themselves
TITLES = {
    400: "That did not arrive whole",
    401: "This is closed",
    404: "Nothing is here",
    405: "Nothing is here",
    413: "That is too long",
    422: "That was not understood",
    429: "Not so fast",
    500: "That is our fault",
    503: "Not now",
}
ELSEWHERE = (404, 405, 422)  # where the list of incidents is the way on

log = structlog.get_logger(__name__)


def told(request: Request, error: Exception) -> Response:
    """What a route itself says stays as it is. A redirect is no page."""
    assert isinstance(error, HTTPException)
    return answer(request, error.status_code, error.detail, headers=error.headers)


def nowhere(request: Request, error: Exception) -> Response:
    """An address or a method that is not there; what a route itself says of a 404 stays as it is."""
    assert isinstance(error, HTTPException)
    if error.detail not in ("Not Found", "Method Not Allowed"):
        return told(request, error)
    path, takes = request.url.path[:60], _methods(request)
    what = f"{path} takes {' and '.join(takes)} only" if takes else f"There is nothing at {path}"
    headers = {"Allow": ", ".join(takes)} if takes else None
    return answer(
        request, error.status_code, f"{what}; see /docs. Nothing was stored.", f"{what}. Nothing was changed.", headers
    )


def unclear(request: Request, error: Exception) -> Response:
    """What FastAPI tells as a list is one sentence, too."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    why = f"{first['loc'][-1]}: {str(first['msg']).lower()}."
    return answer(request, 422, f"Nothing was stored: {why}", f"{why.capitalize()} Nothing was changed.")


def busy(request: Request, error: Exception) -> Response:
    """503 makes every sender try again; nothing is lost."""
    log.warning("could not store a delivery", path=path_of(request), error=str(error))
    words = "Nothing was stored: the database does not answer. The log says more; try again."
    shown = "The database does not answer. Nothing was changed; please try again in a moment."
    return answer(request, 503, words, shown, {"Retry-After": "5"})


def bug(request: Request, error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.error("request failed", path=path_of(request), reference=reference, exc_info=error)
    return answer(request, 500, f"That is a bug in Watchkeeper. Reference {reference}; it is in the log.")


def path_of(request: Request) -> str:
    """For the log: without the token that some senders have in the address."""
    token = request.path_params.get("token")
    return request.url.path.replace(str(token), "…") if token else request.url.path


def answer(
    request: Request, status: int, words: str, shown: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """`shown` is what a page says, where that is not `words`."""
    if status < 400 or not reads(request):
        return JSONResponse({"detail": words}, status, headers=headers)
    reader = getattr(request.state, "reader", "")
    title = TITLES.get(status, "That did not work")
    made = page("error.html", reader, status=status, title=title, words=shown or words, back=status in ELSEWHERE)
    made.headers.update(headers or {})
    return made


def reads(request: Request) -> bool:
    """Whether a person looks at the answer: browsers say that they want a page, programs that they take anything."""
    return bool(READ.fullmatch(request.url.path)) and "text/html" in request.headers.get("accept", "").lower()


def _methods(request: Request) -> list[str]:
    """What the address takes, by all of its routes: the framework names that of the first one only."""
    asked = [(method, dict(request.scope) | {"method": method}) for method in METHODS]
    return [m for m, scope in asked if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)]
