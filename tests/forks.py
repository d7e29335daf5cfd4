"""Runs the tests in processes that fork when all is imported and collected: `pytest -p tests.forks --workers 4`.

Workers that each import and collect for themselves cost this suite more than a minute. A worker takes the tests of one
module at a time, or a part of them, and tells its reports; the parent shows them as if it had run the tests itself.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby, pairwise
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import pytest

PART = 30  # tests: few enough that nobody is left with the last long module, enough for what a module's tests share
WORKER = "TEST_WORKER"  # in the environment of a worker: its number


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workers", type=int, default=1, help="in how many processes the tests run")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Where the tests were never compiled, a second process begins with it at the other end of the list."""
    root = session.config.rootpath
    is_compiled = any(root.glob("tests/**/__pycache__/test_*"))
    helper = None if session.config.option.workers < 2 or is_compiled else os.fork()
    if helper == 0:
        compile_from_the_end(root)
    try:
        return (yield)
    finally:
        if helper:
            stop(helper)


def compile_from_the_end(root: Path) -> NoReturn:
    """By importing, which keeps what it compiled. What goes wrong with that is told where the tests are collected."""
    try:
        for path in sorted(root.glob("tests/**/test_*.py"), reverse=True):
            with suppress(Exception, pytest.skip.Exception):
                import_module(".".join(path.relative_to(root).with_suffix("").parts))
    finally:
        os._exit(0)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if session.config.option.workers < 2 or session.config.option.collectonly or session.testsfailed:
        return None
    Lead(session).run()
    return True


def parts(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """In order; what is in one part shares the fixtures of its module."""
    together = (list(of_one) for _, of_one in groupby(items, lambda item: item.path))
    return [one[n : n + PART] for one in together for n in range(0, len(one), PART)]


@dataclass
class Worker:
    pid: int
    line: Connection
    runs: pytest.Item | None = None


class Lead:
    """Hands out parts, and tells pytest what the workers report."""

    def __init__(self, session: pytest.Session) -> None:
        self.session, self.hook = session, session.config.hook
        self.parts = parts(session.items)
        self.left = iter(range(len(self.parts)))
        self.at = {item.nodeid: item for item in session.items}

    def run(self) -> None:
        terminal = self.session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.showfspath = False  # results of several files come in turn
        workers: list[Worker] = []
        try:
            for number in range(min(self.session.config.option.workers, len(self.parts))):
                workers.append(self.fork(number))
            while workers:
                for line in wait([worker.line for worker in workers]):
                    worker = next(one for one in workers if one.line is line)
                    if not self.hear(worker):
                        workers.remove(worker)
        finally:
            for worker in workers:
                stop(worker.pid)
        if self.session.shouldfail:
            raise self.session.Failed(self.session.shouldfail)
        if self.session.shouldstop:
            raise self.session.Interrupted(self.session.shouldstop)

    def fork(self, number: int) -> Worker:
        ours, theirs = Pipe()
        pid = os.fork()
        if not pid:
            ours.close()
            work(self.session, self.parts, theirs, number)
        theirs.close()
        return Worker(pid, ours)

    def hear(self, worker: Worker) -> bool:
        """False when it has ended."""
        try:
            what, told = worker.line.recv()
        except EOFError:
            self.ended(worker)
            return False
        if what == "want":
            ends = self.session.shouldfail or self.session.shouldstop
            worker.line.send(None if ends else next(self.left, None))
        elif what == "start":
            worker.runs = self.at[told]
            self.hook.pytest_runtest_logstart(nodeid=told, location=worker.runs.location)
        elif what == "report":
            self.report(self.hook.pytest_report_from_serializable(config=self.session.config, data=told))
        elif what == "end":
            worker.runs = None
        return True

    def report(self, report: pytest.TestReport) -> None:
        self.hook.pytest_runtest_logreport(report=report)

    def ended(self, worker: Worker) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if not status and worker.runs is None:
            return
        nodeid, location = (worker.runs.nodeid, worker.runs.location) if worker.runs else ("a worker", ("", None, ""))
        died = f"The process that ran the tests ended with code {status}; what it said is above."
        self.report(pytest.TestReport(nodeid, location, {}, "failed", died, "call"))


def work(session: pytest.Session, mine: list[list[pytest.Item]], line: Connection, number: int) -> NoReturn:
    """All that a worker does, from its fork to its end."""
    code = 1
    try:
        alone(session.config, line, number)
        for item, following in in_order(mine, line):
            line.send(("start", item.nodeid))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            line.send(("end", item.nodeid))
            if session.shouldfail or session.shouldstop:
                break
        session._setupstate.teardown_exact(None)
        gc.collect()
        gc.freeze()  # pytest will look five times for what nobody closed, through all that this process has kept
        session.config._ensure_unconfigure()
        code = 0
    except BaseException:  # noqa: BLE001  # whatever it is, the parent hears that this process did not end well
        traceback.print_exc()
    finally:
        os._exit(code)


def alone(config: pytest.Config, line: Connection, number: int) -> None:
    """What the parent and the workers must not share."""
    os.environ[WORKER] = str(number)
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    plugins.register(Teller(config, line))
    capture: Any = plugins.get_plugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    factory: Any = config._tmp_path_factory  # type: ignore[attr-defined]
    base: Path = factory.getbasetemp() / f"worker-{number}"
    base.mkdir()
    factory._basetemp = base


def in_order(mine: list[list[pytest.Item]], line: Connection) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each test with the one after it, which decides what is torn down between them."""

    def asked() -> list[pytest.Item]:
        line.send(("want", None))
        number = line.recv()
        return [] if number is None else mine[number]

    part = asked()
    while part:
        yield from pairwise(part)
        following = asked()
        yield part[-1], following[0] if following else None
        part = following


class Teller:
    """Sends a worker's reports to the parent."""

    def __init__(self, config: pytest.Config, line: Connection) -> None:
        self.config, self.line = config, line

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.line.send(("report", told))
