"""AWS Signature Version 4, as every S3-compatible bucket asks for it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Keys:
    access: str
    secret: str = field(repr=False)
    region: str = "us-east-1"
    service: str = "s3"


def path_of(*parts: str) -> str:
    """The path of a URL, each character written as the signature has it."""
    return quote("/" + "/".join(part.strip("/") for part in parts if part.strip("/")), safe="/-_.~")


def signed(
    keys: Keys, method: str, url: str, body: bytes, now: datetime, headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers to send, the signature among them. `url` has no query, and its path is written by `path_of`."""
    parts, at = urlsplit(url), now.astimezone(UTC)
    stamp, digest = f"{at:%Y%m%dT%H%M%SZ}", hashlib.sha256(body).hexdigest()
    said = {name.lower(): value for name, value in (headers or {}).items()}
    said |= {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(sorted(said))
    listed = "".join(f"{name}:{said[name].strip()}\n" for name in sorted(said))
    request = "\n".join([method, parts.path or "/", "", listed, names, digest])
    scope = f"{at:%Y%m%d}/{keys.region}/{keys.service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.new(_key(keys, f"{at:%Y%m%d}"), to_sign.encode(), hashlib.sha256).hexdigest()
    proof = f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return said | {"authorization": proof}


def _key(keys: Keys, day: str) -> bytes:
    key = f"AWS4{keys.secret}".encode()
    for word in (day, keys.region, keys.service, "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key
