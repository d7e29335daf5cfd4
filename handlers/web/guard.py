"""Who may call, and how much they may send."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from starlette.requests import ClientDisconnect

from handlers.intake.sender import LARGEST as BODY_LIMIT
from handlers.intake.signatures import matches


def bearer(request: Request) -> str:
    """The token that the caller shows, or ""."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def demand(request: Request, token: str, name: str) -> None:
    """Raises 401 unless the caller shows `token`. "": closed until one is set."""
    if not token:
        raise HTTPException(401, f"This door is closed: set {name} and send it as `Authorization: Bearer …`.")
    if not matches(bearer(request), token):
        raise HTTPException(
            401,
            f"Send the right token as `Authorization: Bearer …` ({name}). Nothing was stored.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def sign(what: str, token: str) -> str:
    """Opens one thing for whoever has the link, and says nothing of the token."""
    return hmac.new(token.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]


async def body(request: Request) -> bytes:
    """The whole body, but never more than the limit. Raises 413, and 400 where its sender is gone."""
    return await limited(request, BODY_LIMIT, f"The body is larger than {BODY_LIMIT // 2**20} MiB. Nothing was stored.")


async def limited(request: Request, limit: int, refusal: str) -> bytes:
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise HTTPException(413, refusal)
            chunks.append(chunk)
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off. Nothing was stored.") from None
    return b"".join(chunks)


RawBody = Annotated[bytes, Depends(body)]
