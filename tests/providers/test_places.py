"""Where copies of the status page go: whole files, signed requests, and errors that print no secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette

from bot.errors import Away, ProviderError
from handlers.providers.places import Bucket, Command, Folder
from handlers.providers.sigv4 import Keys, path_of, signed
from sandbox.bucket import Bucket as Stand
from sandbox.clock import FrozenClock
from tests.values import NOON

PAGE = "incidents/2026-03-05-3fa2c1d4e5f6.html"
FILES = {PAGE: b"<p>one", "status.json": b"{}", "feed.atom": b"<feed/>", "index.html": b"<h1>"}
KEYS = Keys(access="SANDBOXACCESSKEY", secret="sandbox/secret+key", region="eu-west-1")

# ---------------------------------------------------------------- the signature, by Amazon's own examples

AMAZON = Keys(access="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
THEN = datetime(2013, 5, 24, tzinfo=UTC)


def signature(method: str, url: str, body: bytes, **headers: str) -> str:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return signed(AMAZON, method, url, body, THEN, said)["authorization"].rpartition("Signature=")[2]


def test_it_signs_as_amazons_documentation_does() -> None:
    host = "https://examplebucket.s3.amazonaws.com"
    get = signature("GET", f"{host}/test.txt", b"", range="bytes=0-9")
    assert get == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    url = f"{host}{path_of('test$file.text')}"
    more = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x_amz_storage_class": "REDUCED_REDUNDANCY"}
    put = signature("PUT", url, b"Welcome to Amazon S3.", **more)
    assert put == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"


# ---------------------------------------------------------------- looked at, for `watchkeeper check`


def test_a_folder_is_looked_at_without_making_it(tmp_path: Path) -> None:
    new = tmp_path / "status" / "page"
    assert Folder(str(new)).look() == f"files can be put into {new}"
    assert not new.parent.exists()
    (tmp_path / "status").write_text("a file")
    with pytest.raises(ProviderError, match="files cannot be put there"):
        Folder(str(new)).look()


def test_a_command_is_looked_for_and_not_run() -> None:
    assert Command([sys.executable, "{folder}"]).look() == f"{sys.executable} is there; it was not run"
    with pytest.raises(ProviderError, match="there is no such command"):
        Command(["no-such-rsync", "{folder}"]).look()


def test_a_bucket_is_written_to_and_its_no_is_told(bucket: Bucket, stand: Stand) -> None:
    assert bucket.look() == "files can be put into status (watchkeeper-check.json was)"
    strange = to(stand, keys=replace(KEYS, secret="another"))
    with pytest.raises(ProviderError, match="HTTP 403"):
        strange.look()
    strange.close()


# ---------------------------------------------------------------- a bucket


@pytest.fixture
def stand() -> Stand:
    return Stand(FrozenClock(NOON))


@pytest.fixture
def bucket(stand: Stand) -> Iterator[Bucket]:
    made = to(stand)
    yield made
    made.close()


def to(stand: Stand, keys: Keys = KEYS, name: str = "status") -> Bucket:
    return Bucket("http://bucket.example", name, "de/münchen 1", keys, lambda: NOON, transport=Through(stand))


class Through(httpx.BaseTransport):
    """Hands requests to the stand-in as a server would."""

    def __init__(self, stand: Stand) -> None:
        self.http = TestClient(Starlette(routes=stand.routes("")), base_url="http://bucket.example")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.http.request(
            request.method, str(request.url), content=request.read(), headers=list(request.headers.multi_items())
        )
        return httpx.Response(answer.status_code, content=answer.content)

    def close(self) -> None:
        self.http.close()


def test_a_bucket_takes_what_is_signed_right(bucket: Bucket, stand: Stand) -> None:
    bucket.put(FILES)
    assert stand.objects == {f"de/münchen 1/{name}": content for name, content in FILES.items()}
    assert stand.types[f"de/münchen 1/{PAGE}"] == "text/html; charset=utf-8"


def test_what_is_there_already_is_not_sent_again(bucket: Bucket, stand: Stand) -> None:
    bucket.put(FILES)
    bucket.put({**FILES, "index.html": b"<h1>new"})
    assert stand.puts == len(FILES) + 1


@pytest.mark.parametrize(
    ("keys", "name", "code"),
    [
        (replace(KEYS, secret="wrong"), "status", "SignatureDoesNotMatch"),
        (replace(KEYS, access="OTHER"), "status", "InvalidAccessKeyId"),
        (replace(KEYS, region="us-east-1"), "status", "AuthorizationHeaderMalformed"),
        (KEYS, "other", "NoSuchBucket"),
    ],
)
def test_a_refusal_is_named_and_no_secret_is_printed(stand: Stand, keys: Keys, name: str, code: str) -> None:
    bucket = to(stand, keys, name)
    with pytest.raises(ProviderError, match=code) as error:
        bucket.put(FILES)
    bucket.close()
    assert keys.secret not in f"{error.value!r} {keys!r}"
    assert stand.objects == {}


def test_after_a_failure_everything_that_is_missing_is_sent(bucket: Bucket, stand: Stand) -> None:
    stand.down = True
    with pytest.raises(ProviderError, match="HTTP 503"):
        bucket.put(FILES)
    stand.down = False
    bucket.put(FILES)
    assert len(stand.objects) == len(FILES)


def test_a_bucket_that_does_not_answer_is_away() -> None:
    bucket = Bucket("http://127.0.0.1:9", "status", "", KEYS, lambda: NOON)
    with pytest.raises(Away, match="no answer"):
        bucket.put(FILES)
    bucket.close()


# ---------------------------------------------------------------- a folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_made_and_holds_the_files_and_nothing_half_written(tmp_path: Path) -> None:
    place = Folder(str(tmp_path / "srv" / "status"))
    place.put(FILES)
    place.put(FILES)
    assert content(tmp_path / "srv" / "status") == FILES


def test_who_reads_a_file_while_it_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    place = Folder(str(tmp_path))
    place.put(FILES)
    with (tmp_path / "index.html").open("rb") as reader:
        place.put({**FILES, "index.html": b"<h1>new"})
        assert reader.read() == b"<h1>"
    assert (tmp_path / "index.html").read_bytes() == b"<h1>new"


def test_pages_that_are_too_old_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    place = Folder(str(tmp_path))
    place.put(FILES)
    (tmp_path / "incidents" / "handwritten.html").write_text("mine")
    (tmp_path / "logo.svg").write_text("mine")
    place.put({name: text for name, text in FILES.items() if name != PAGE})
    assert set(content(tmp_path)) == set(FILES) - {PAGE} | {"incidents/handwritten.html", "logo.svg"}


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProviderError, match=r"Not a directory|File exists"):
        Folder(str(tmp_path / "file")).put(FILES)


# ---------------------------------------------------------------- a command


def python(code: str, seconds: float = 30) -> Command:
    return Command([sys.executable, "-c", code, "{folder}"], seconds)


def test_a_command_finds_the_files_and_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    there, env = tmp_path / "there", tmp_path / "env"
    copy = "import os, shutil, sys; shutil.copytree(sys.argv[1], {!r}); open({!r}, 'w').write(repr(dict(os.environ)))"
    python(copy.format(str(there), str(env))).put(FILES)
    assert content(there) == FILES
    seen = env.read_text()
    assert "xoxb-secret" not in seen
    assert os.environ["PATH"] in seen


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    Command([sys.executable, "-c", "", "{folder}", f"; touch {marked}", f"$(touch {marked})"]).put(FILES)
    assert not marked.exists()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (python("import sys; sys.exit('no route to host')"), "code 1: no route to host"),
        (python("input()"), "code 1"),
        (Command(["/nonexistent/rsync", "{folder}"]), "cannot be started: No such file"),
        (python("import time; time.sleep(60)", seconds=0.2), "more than 0.2 s"),
    ],
)
def test_a_command_that_fails_says_how(command: Command, why: str) -> None:
    with pytest.raises(ProviderError, match=why):
        command.put(FILES)
