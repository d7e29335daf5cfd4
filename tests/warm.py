"""The bot as a process of its own whose libraries are already loaded: a start costs a fork, not two seconds of imports.

It is `python -m bot run` in all that matters to a test: its own memory, threads, files and exit code, and a kill that
nothing in it hears. What forks is a helper without threads that only imports.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path

from handlers.cli import main

METHOD = get_context("forkserver")
# What it would load itself, once it has read its configuration and begins to serve.
LATER = ("handlers.providers.argo", "psycopg", "storage.migrating", "pydantic.v1", "uvicorn.loops.uvloop")
METHOD.set_forkserver_preload(["handlers.cli", "tests.warm", *LATER, "uvicorn.protocols.http.httptools_impl"])


class Warm:
    """What of a `subprocess.Popen` the tests use."""

    def __init__(self, words: list[str], out: Path, environ: Mapping[str, str], folder: Path) -> None:
        self.process = METHOD.Process(target=run, args=(words, out, dict(environ), folder), daemon=True)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("bot", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.process.kill()


def run(words: list[str], out: Path, environ: dict[str, str], folder: Path) -> None:
    """In the new process."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    with out.open("ab") as log, open(os.devnull, "rb") as nothing:
        for number, file in enumerate((nothing, log, log)):
            os.dup2(file.fileno(), number)
    sys.stdout.reconfigure(line_buffering=True)  # what it said must be in the log when it is killed
    sys.argv = ["watchkeeper", *words]
    main()
