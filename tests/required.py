"""What a machine may lack: without it tests are skipped, unless WATCHKEEPER_REQUIRE names it, as `.ci/run` does."""

import os
from typing import NoReturn

import pytest


def missing(what: str, why: str) -> NoReturn:
    """`what` is a word of WATCHKEEPER_REQUIRE, such as "chromium"."""
    if what in os.environ.get("WATCHKEEPER_REQUIRE", "").split(","):
        pytest.fail(f"{why} It is required here (WATCHKEEPER_REQUIRE).", pytrace=False)
    pytest.skip(why)
