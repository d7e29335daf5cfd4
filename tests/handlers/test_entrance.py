"""The token of the internal pages: made once where none is set, and kept as its hash alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from handlers import app
from handlers.providers.places import Bucket, Command, Folder
from handlers.settings import Misconfigured, load
from storage.store import Busy, Store
from tests.databases import memory_store
from tests.values import NOON

PROXY = "pages: {proxy: {header: X-Forwarded-Email, trusted: [10.4.0.7]}}"
PLACES = """
status:
  components: {checkout: {services: [checkout]}}
  exports:
    disk: {folder: /srv/status}
    bucket: {bucket: status, endpoint: https://s3.example}
    mirror: {command: [rsync, "{folder}/", there]}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    made = memory_store()
    yield made
    made.close()


def configured(folder: Path, text: str, **environ: str) -> app.Settings:
    (folder / "config.yml").write_text(text)
    return load({"WATCHKEEPER_CONFIG": str(folder / "config.yml"), **environ})


def test_without_a_token_one_is_made_and_said_once(store: Store, tmp_path: Path) -> None:
    door, made = app.entrance(configured(tmp_path, ""), store)
    assert made
    assert door.opens(made)
    assert made not in door.token
    again, nothing = app.entrance(configured(tmp_path, ""), store)
    assert nothing == ""
    assert again.opens(made), "the next start knows it"


def test_a_token_that_is_set_counts(store: Store, tmp_path: Path) -> None:
    settings = configured(tmp_path, "url: https://bot.example", WATCHKEEPER_PAGES_TOKEN="mine")
    door, made = app.entrance(settings, store)
    assert (made, door.opens("mine"), door.opens(""), door.secure) == ("", True, False, True)


def test_behind_a_proxy_no_token_is_made(store: Store, tmp_path: Path) -> None:
    door, made = app.entrance(configured(tmp_path, PROXY), store)
    assert (made, door.token, door.opens("")) == ("", "", False)
    assert door.is_trusted("10.4.0.7")
    assert not door.is_trusted("10.4.0.8")


def test_each_place_is_what_its_keys_say(tmp_path: Path) -> None:
    settings = configured(tmp_path, PLACES, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="very-secret")
    places = app.places(settings, lambda: NOON)
    assert [type(place) for place in places.values()] == [Folder, Bucket, Command]
    assert settings.policy.status is not None
    assert settings.policy.status.exports == ("disk", "bucket", "mirror")
    assert "very-secret" not in repr(settings)
    bucket = places["bucket"]
    assert isinstance(bucket, Bucket)
    bucket.close()


def test_a_bucket_without_keys_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"status\.exports\.bucket\.secret_key_env names AWS_SECRET_ACCESS_KEY"):
        configured(tmp_path, PLACES, AWS_ACCESS_KEY_ID="a")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("status: {exports: {x: {}}}", "give one of folder, bucket and command"),
        ("status: {exports: {x: {folder: /a, command: [b]}}}", "give one of folder, bucket and command"),
        ("status: {exports: {x: {bucket: b}}}", "needs endpoint"),
        ("status: {exports: {x: {command: [rsync]}}}", "stands for where the files are"),
        ("status: {every: 5m}", "stale_after: at least three times every"),
        ("status: {every: 1s}", "10s is the least"),
        ("status: {support: javascript:x}", "mailto: and an address"),
        ("pages: {proxy: {header: X-User, trusted: [proxy.local]}}", "no IP address or network"),
        ("pages: {proxy: {header: X-User, trusted: []}}", "at least 1 item"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        configured(tmp_path, text)


def test_who_asks_whether_it_is_ready_learns_nothing_of_the_database() -> None:
    class Gone:
        def ping(self) -> None:
            raise Busy("postgresql://bot:hush@db.shop.internal/bot refuses connections")

    with capture_logs() as logged:
        assert app.why_not(Gone()) == "the database does not answer; the log says more"  # type: ignore[arg-type]
    assert "db.shop.internal" in logged[0]["error"]


def test_the_salt_of_public_ids_is_made_once(store: Store) -> None:
    assert app.status_salt(store) == app.status_salt(store) != ""


def test_the_page_began_when_it_was_served_first(store: Store) -> None:
    assert app.status_since(store, NOON) == NOON
    assert app.status_since(store, NOON.replace(year=2027)) == NOON
