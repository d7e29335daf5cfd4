"""An S3-compatible bucket, as far as a page is put into one: what is not signed right is refused.

Signature Version 4 is computed here from the request as it came, by the rules of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.clock import Clock

SKEW = timedelta(minutes=15)
GIVEN = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<access>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class No(Exception):
    def __init__(self, code: str, status: int = 403) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass
class Bucket:
    clock: Clock
    name: str = "status"
    region: str = "eu-west-1"
    keys: dict[str, str] = field(default_factory=lambda: {"SANDBOXACCESSKEY": "sandbox/secret+key"})
    objects: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    puts: int = 0
    down: bool = False

    def routes(self, at: str) -> list[BaseRoute]:
        return [Route(f"{at}/{{path:path}}", self.call, methods=["GET", "PUT"])]

    async def call(self, request: Request) -> Response:
        body = await request.body()
        try:
            if self.down:
                raise No("SlowDown", 503)
            key = self.key_of(request)
            return self.get(key) if request.method == "GET" else self.put(request, key, body)
        except No as error:
            text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{error.code}</Code></Error>'
            return Response(text, error.status, media_type="application/xml")

    def key_of(self, request: Request) -> str:
        bucket, _, key = request.path_params["path"].partition("/")
        if bucket != self.name:
            raise No("NoSuchBucket", 404)
        return str(key)

    def get(self, key: str) -> Response:
        """It is public to read, as the bucket of a web site is."""
        if key not in self.objects:
            raise No("NoSuchKey", 404)
        return Response(self.objects[key], media_type=self.types[key])

    def put(self, request: Request, key: str, body: bytes) -> Response:
        self.verify(request, body)
        self.objects[key] = body
        self.types[key] = request.headers.get("content-type", "binary/octet-stream")
        self.puts += 1
        return Response(headers={"etag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})

    def verify(self, request: Request, body: bytes) -> None:
        given = GIVEN.fullmatch(request.headers.get("authorization", ""))
        if given is None:
            raise No("AccessDenied")
        if given["access"] not in self.keys:
            raise No("InvalidAccessKeyId")
        if given["region"] != self.region:
            raise No("AuthorizationHeaderMalformed", 400)
        if request.headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            raise No("XAmzContentSHA256Mismatch", 400)
        stamp = request.headers.get("x-amz-date", "")
        if abs(read_stamp(stamp) - self.clock.now()) > SKEW:
            raise No("RequestTimeTooSkewed")
        if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(given["names"].split(";")):
            raise No("AccessDenied")
        if not hmac.compare_digest(self.signature(request, given, stamp), given["signature"]):
            raise No("SignatureDoesNotMatch")

    def signature(self, request: Request, given: re.Match[str], stamp: str) -> str:
        path = request.scope["raw_path"].decode().partition("?")[0]
        headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in given["names"].split(";"))
        lines = (
            request.method,
            quote(unquote(path), safe="/-_.~"),
            request.url.query,
            headers,
            given["names"],
            request.headers["x-amz-content-sha256"],
        )
        asked = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        scope = f"{given['day']}/{self.region}/s3/aws4_request"
        key = f"AWS4{self.keys[given['access']]}".encode()
        for word in scope.split("/"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return hmac.new(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{asked}".encode(), hashlib.sha256).hexdigest()


def read_stamp(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise No("AccessDenied") from None
