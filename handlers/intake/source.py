"""A source is a configured sender: at /hooks/NAME, with its own secrets and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.intake.sender import LARGEST, Delivery, Sender
from handlers.intake.signatures import Scheme, Untrusted


@dataclass(frozen=True, kw_only=True)
class Source:
    """`schemes`: any of them opens, with any of the `secrets`; none at all lets everybody in.

    A secret "" is not set yet: it opens nothing. For the scheme sns the secrets are topics.
    """

    name: str
    sender: Sender
    schemes: tuple[str, ...] = ("bearer",)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    set_by: str = "WATCHKEEPER_HOOK_TOKEN"  # where the secret comes from, for whoever reads a refusal
    per_minute: int = 0  # deliveries that are taken in; 0: as many as come
    largest: int = LARGEST  # bytes
    stands_in: bool = False  # for an Alertmanager or PagerDuty, at the address that those have

    def usable(self, schemes: Mapping[str, Scheme]) -> list[tuple[Scheme, str]]:
        """Each way in. A secret that is kept as a hash can sign nothing."""
        ways = [(schemes[name], secret) for name in self.schemes for secret in self.secrets if secret]
        return [(way, secret) for way, secret in ways if way.kept_as_hash or not secret.startswith("sha256:")]


def prove(source: Source, delivery: Delivery, schemes: Mapping[str, Scheme], *, early: bool = False) -> bool:
    """True if the request is the source's own. Raises Untrusted.

    `early`: the body is not read yet, and False says that it has to be before anybody can tell.
    """
    if not source.schemes:
        return True
    ways = source.usable(schemes)
    if not ways:
        raise Untrusted(f"this door is closed until {source.set_by} is set")
    reasons = []
    for way, secret in ways:
        if early and not way.early:
            continue
        try:
            way.check(delivery, secret)
        except Untrusted as error:
            reasons.append(str(error))
        else:
            return True
    if early and len(reasons) < len(ways):
        return False
    raise Untrusted(reasons[0] if len(source.schemes) == 1 else "; ".join(dict.fromkeys(reasons)))
