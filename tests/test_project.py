"""What surrounds the code: locked dependencies, one version, a container that matches."""

import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def packages(lock: str) -> dict[str, str]:
    """Package → its block of the lock file."""
    blocks = re.split(r"\n(?=\S)", read(lock).strip())
    return {re.split(r"[=<>\[; ]", block, maxsplit=1)[0].lower(): block for block in blocks}


def name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    assert packages(lock)
    for package, block in packages(lock).items():
        assert re.match(r"[\w.-]+==\S+", block), f"{package} is not pinned"
        assert "--hash=sha256:" in block, f"{package} has no hash"


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_packages_and_no_place(lock: str) -> None:
    """Where packages come from is the business of the machine that installs them."""
    places = [line for line in read(lock).splitlines() if re.search(r"://|^\s*-(?!-hash)|\s@\s|index|find-links", line)]
    assert [line for line in places if not line.strip().startswith("--hash=sha256:")] == []


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ["postgres", "kubernetes"]), ("requirements-dev.lock", list(EXTRAS))]
)
def test_locks_follow_pyproject(lock: str, extras: list[str]) -> None:
    wanted = PROJECT["dependencies"] + [requirement for extra in extras for requirement in EXTRAS[extra]]
    assert {name(requirement) for requirement in wanted} - set(packages(lock)) == set()


def test_what_is_tested_is_what_is_shipped() -> None:
    tested = packages("requirements-dev.lock")
    assert {
        package: block for package, block in packages("requirements.lock").items() if tested[package] != block
    } == {}


def test_the_changelog_knows_this_version() -> None:
    assert re.search(rf"^## \[?{re.escape(PROJECT['version'])}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("command", ["install", "demo", "test", "check", "bench", "lock", "golden", "clean", "help"])
def test_make_has_a_line_of_help_for(command: str) -> None:
    assert re.search(rf"^{command}:.*## \S", read("Makefile"), re.MULTILINE)


def test_the_container_is_rootless_and_locked() -> None:
    dockerfile = read("Dockerfile")
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER (?!root|0\b)\S+", dockerfile, re.MULTILINE)
    assert "/healthz" in dockerfile
