"""What every client of ours over HTTP shares: whom it trusts, read once for all of them."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """Reading the authorities takes longer than most requests."""
    return httpx.create_ssl_context()


def client(**options: Any) -> httpx.Client:
    return httpx.Client(verify=trusted(), **options)
