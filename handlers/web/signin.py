"""Who may read the internal pages: whoever signs in with the token, or is vouched for by a proxy in front of us."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import ceil
from urllib.parse import quote

from fastapi import HTTPException, Request

from bot.text import one_line
from handlers.intake.signatures import matches, same
from handlers.web.guard import bearer
from handlers.web.rates import Guesses

COOKIE, LASTS = "watchkeeper_pages", timedelta(hours=12)
OURS = re.compile(r"/incidents(?:[/?][\w./?=&%+-]*)?")  # where one may be led after signing in
SIGN_IN = "/sign-in"


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """`token` is what people type, or "sha256:" and its hash; "" lets nobody in by token.

    `header` names the person, and is believed from the `trusted` networks alone.
    """

    token: str = field(default="", repr=False)
    header: str = ""
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    secure: bool = False  # people reach us by https, so the cookie is sent by nothing else
    guesses: Guesses = field(default_factory=Guesses, repr=False, compare=False)

    @property
    def key(self) -> bytes:
        """What cookies are signed with: it changes with the token, which ends all that were given out."""
        known = self.token.removeprefix("sha256:")
        digest = known if known != self.token else hashlib.sha256(self.token.encode()).hexdigest()
        return f"pages {digest}".encode()

    def opens(self, shown: str) -> bool:
        return bool(self.token) and matches(shown, self.token)

    def takes(self, shown: str, request: Request, now: datetime) -> bool:
        """Whether it is the token. Raises 429 where too many that were not came from the same address."""
        if not shown:
            return False
        address = self.address(request)
        if seconds := ceil(self.guesses.wait(address, now)):
            why = (
                f"Too many wrong tokens came from your address. Try again in {seconds} s; until then none is looked at."
            )
            raise HTTPException(429, why, headers={"Retry-After": str(seconds)})
        right = self.opens(shown)
        if right:
            self.guesses.right(address)
        return right

    def pass_until(self, until: datetime) -> str:
        stamp = str(int(until.timestamp()))
        return f"{stamp}.{hmac.new(self.key, stamp.encode(), hashlib.sha256).hexdigest()}"

    def holds(self, cookie: str, now: datetime) -> bool:
        stamp, _, _ = cookie.partition(".")
        if not self.token or not re.fullmatch(r"\d{1,11}", stamp, re.ASCII):
            return False
        until = datetime.fromtimestamp(int(stamp), now.tzinfo)
        return now < until and same(cookie, self.pass_until(until))

    def person(self, request: Request) -> str:
        """Whom the proxy names, or ""."""
        if not self.header or not self.is_proxied(request):
            return ""
        return one_line(request.headers.get(self.header, ""))[:200]

    def address(self, request: Request) -> str:
        """Whom a guess is counted for: the proxy's word is the last one of the header."""
        here = request.client.host if request.client else ""
        return _last(request, "x-forwarded-for") or here if self.is_proxied(request) else here

    def is_secure(self, request: Request) -> bool:
        """Whether they came by https, also where the configuration has no url that says so."""
        proxied = self.is_proxied(request) and _last(request, "x-forwarded-proto").lower() == "https"
        return self.secure or request.url.scheme == "https" or proxied

    def is_proxied(self, request: Request) -> bool:
        return request.client is not None and self.is_trusted(request.client.host)

    def is_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.trusted)

    def admit(self, request: Request, now: datetime) -> str:
        """Who it is, as far as that is known. Raises 303 to the sign-in form, and 401 for a program."""
        if person := self.person(request):
            return person
        if self.holds(request.cookies.get(COOKIE, ""), now) or self.takes(bearer(request), request, now):
            return "signed in"
        if not self.token:
            raise HTTPException(401, "These pages are reached through your sign-in proxy only.")
        if bearer(request):  # a program would take the form for what it asked for
            raise HTTPException(
                401, "This token is not the one of these pages.", headers={"WWW-Authenticate": "Bearer"}
            )
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise HTTPException(303, "Sign in first.", headers={"location": f"{SIGN_IN}?next={quote(here, safe='')}"})


def _last(request: Request, header: str) -> str:
    """What the nearest proxy has written: whatever stands before it came from outside."""
    said = request.headers.getlist(header)
    return said[-1].rpartition(",")[2].strip() if said else ""


def networks(addresses: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(address) for address in addresses)


def led_to(next: str) -> str:
    """A page of ours, whatever was asked for."""
    return next if OURS.fullmatch(next) and "//" not in next else "/incidents"
