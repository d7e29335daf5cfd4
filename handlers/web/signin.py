"""Who may read the internal pages: whoever signs in with the token, or is vouched for by a proxy in front of us."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import quote

from fastapi import HTTPException, Request

from bot.text import one_line
from handlers.intake.signatures import matches, same
from handlers.web.guard import bearer

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

    @property
    def key(self) -> bytes:
        """What cookies are signed with: it changes with the token, which ends all that were given out."""
        known = self.token.removeprefix("sha256:")
        digest = known if known != self.token else hashlib.sha256(self.token.encode()).hexdigest()
        return f"pages {digest}".encode()

    def opens(self, shown: str) -> bool:
        return bool(self.token) and matches(shown, self.token)

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
        if not self.header or request.client is None or not self.is_trusted(request.client.host):
            return ""
        return one_line(request.headers.get(self.header, ""))[:200]

    def is_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.trusted)

    def admit(self, request: Request, now: datetime) -> str:
        """Who it is, as far as that is known. Raises 303 to the sign-in form."""
        if person := self.person(request):
            return person
        if self.opens(bearer(request)) or self.holds(request.cookies.get(COOKIE, ""), now):
            return "signed in"
        if not self.token:
            raise HTTPException(401, "These pages are reached through your sign-in proxy only.")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise HTTPException(303, "Sign in first.", headers={"location": f"{SIGN_IN}?next={quote(here, safe='')}"})


def networks(addresses: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(address) for address in addresses)


def led_to(next: str) -> str:
    """A page of ours, whatever was asked for."""
    return next if OURS.fullmatch(next) and "//" not in next else "/incidents"
