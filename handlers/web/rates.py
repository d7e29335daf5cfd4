"""How much may come in a minute: from a source, whose news is asked to come again, and of guesses at a token."""

from __future__ import annotations

import threading
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network


class Rate:
    """A bucket that holds a minute's worth and fills steadily; each replica has its own."""

    def __init__(self, per_minute: int) -> None:
        self.per_second = per_minute / 60
        self.most = self.left = float(max(per_minute, 1))
        self.at: datetime | None = None
        self.guard = threading.Lock()

    def wait(self, now: datetime) -> float:
        """0.0 and one is taken, or the seconds until there is one."""
        if not self.per_second:
            return 0.0
        with self.guard:
            passed = max(0.0, (now - self.at).total_seconds()) if self.at else 0.0
            self.left = min(self.most, self.left + passed * self.per_second)
            self.at = now
            if self.left < 1:
                return (1 - self.left) / self.per_second
            self.left -= 1
            return 0.0

    def give_back(self) -> None:
        """The last one was none."""
        with self.guard:
            self.left = min(self.most, self.left + 1)


class Guesses:
    """Wrong tokens, by address: after a few in a minute none from there is looked at for a while, be it right."""

    def __init__(self, per_minute: int = 10, addresses: int = 10_000) -> None:
        self.per_minute, self.addresses = per_minute, addresses
        self.rates: dict[str, Rate] = {}
        self.guard = threading.Lock()

    def wait(self, address: str, now: datetime) -> float:
        """0.0 and a guess is counted, or the seconds until one from there is looked at again."""
        return self._rate(address).wait(now)

    def right(self, address: str) -> None:
        """It was no guess."""
        self._rate(address).give_back()

    def _rate(self, address: str) -> Rate:
        known = _household(address)
        with self.guard:
            rate = self.rates.pop(known, None) or Rate(self.per_minute)
            self.rates[known] = rate  # the one that was heard last is forgotten last
            if len(self.rates) > self.addresses:
                self.rates.pop(next(iter(self.rates)))
            return rate


def _household(address: str) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{known}/64", strict=False)) if isinstance(known, IPv6Address) else str(known)
