"""Who looks at the shop from outside: a probe that reads its pages as customers do, and a reader of Paybridge's page.

For stages of drills, where an alert is all that is heard; beside a bot it is the bot that probes and reads.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.shop import Shop

VISITS = 20  # of the probe at each look: one in ten customers is among them
SLOW = timedelta(seconds=60)  # until a vendor's page admits what its customers know


def alerts(shop: Shop) -> list[dict[str, str]]:
    """What is wrong, as labels and annotations in one."""
    services = sorted({service for service, _ in shop.conditions.without_prices})
    return [*(found for service in services for found in unpriced(shop, service)), *admitted(shop)]


def unpriced(shop: Shop, service: str) -> list[dict[str, str]]:
    pages = [shop.page(service, visit) for visit in range(VISITS)]
    wrong = sum(status == 200 and "€" not in html for status, html, _ in pages)
    summary = f"{wrong} of {VISITS} looks at the pages of {service} found no price; all were answered with 200"
    name = f"{service.capitalize()}PagesWithoutPrices"
    return [{"alertname": name, "severity": "critical", "summary": summary}] if wrong else []


def admitted(shop: Shop) -> list[dict[str, str]]:
    since = shop.vendor_changed_at
    if not shop.conditions.vendor_down or since is None or shop.clock.now() - since < SLOW:
        return []
    summary = "Paybridge's status page says: major outage of card payments"
    return [{"alertname": "PaybridgeMajorOutage", "severity": "warning", "summary": summary}]
