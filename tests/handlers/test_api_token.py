"""The token of the API: given, or made once; and the address that is told when Slack is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.app import kept_api_token
from handlers.intake.signatures import matches
from handlers.settings import Misconfigured, load
from tests.databases import memory_store


def test_without_a_token_one_is_made_shown_once_and_kept_as_its_hash() -> None:
    store, settings = memory_store(), load({})
    kept, made = kept_api_token(settings, store)
    assert made
    assert made not in kept
    assert matches(made, kept)
    assert not matches(kept, kept)
    assert kept_api_token(settings, store) == (kept, "")
    store.close()


def test_a_given_token_is_the_token() -> None:
    store = memory_store()
    assert kept_api_token(load({"WATCHKEEPER_API_TOKEN": "mine"}), store) == ("mine", "")
    store.close()


def configured(tmp_path: Path, **environ: str) -> str:
    (tmp_path / "config.yml").write_text("away: {webhook_env: PHONE}\n")
    return load({"WATCHKEEPER_CONFIG": str(tmp_path / "config.yml"), **environ}).away_webhook


def test_the_away_webhook_stands_in_the_environment(tmp_path: Path) -> None:
    assert configured(tmp_path, PHONE="https://pager.example/s3cret") == "https://pager.example/s3cret"


@pytest.mark.parametrize("address", ["", "pager.example"])
def test_an_away_webhook_that_is_none_is_one_sentence(tmp_path: Path, address: str) -> None:
    with pytest.raises(Misconfigured, match=r"away\.webhook_env names PHONE, which is not set to an address"):
        configured(tmp_path, PHONE=address)
