"""Real processes for tests and benchmarks: start one, wait until it answers, kill it, read what it said."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.warm import Warm

ROOT = Path(__file__).parent.parent

# Named in sandbox/slack; repeated here, since the two sides of a line share no code.
BOT_TOKEN, APP_TOKEN = "xoxb-sandbox", "xapp-sandbox"
HOOK_TOKEN, API_TOKEN = "hook-token-of-tests", "api-token-of-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str, status: int = 200) -> bool:
    """Of `/readyz` more is expected than a 200: that Slack is heard too."""
    try:  # asked over and over: to read whom one trusts, for what is not encrypted, would take half of this machine
        response = httpx.get(url, timeout=2, trust_env=False, verify=False)
    except httpx.TransportError:
        return False
    return response.status_code == status and not response.text.startswith("ready, but")


def passed_on() -> dict[str, str]:
    """Of this process's environment only what finds programs."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


@dataclass
class Process:
    """A running program; what it prints goes to `log`."""

    popen: subprocess.Popen[bytes] | Warm
    log: Path
    url: str

    @classmethod
    def start(cls, words: Sequence[str], log: Path, url: str, environ: Mapping[str, str] | None = None) -> Process:
        """`words` follow `python`."""
        return cls.run([sys.executable, *words], log, url, environ)

    @classmethod
    def run(cls, words: Sequence[str], log: Path, url: str, environ: Mapping[str, str] | None = None) -> Process:
        """Of this process's environment only what finds programs is passed on."""
        with log.open("ab") as out:
            popen = subprocess.Popen(
                words,
                cwd=ROOT,
                env={**passed_on(), "PYTHONUNBUFFERED": "1", **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        return cls(popen, log, url)

    def until(self, path: str = "/readyz", seconds: float = 60) -> float:
        """Waits for a 200. Answers the seconds it took; raises AssertionError with the log when it does not come."""
        return self.wait_for(lambda: answers(self.url + path), f"{path} to answer", seconds)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> float:
        began = time.monotonic()
        while not condition():
            assert self.popen.poll() is None, f"ended with code {self.popen.returncode} before {what}:\n{self.said()}"
            assert time.monotonic() - began < seconds, f"waited {seconds} s for {what}:\n{self.said()}"
            time.sleep(0.01)  # another process has no condition to wait on
        return time.monotonic() - began

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """As the kernel does it: no clean-up, no last word."""
        self.popen.kill()
        self.popen.wait(10)

    def stop(self) -> int:
        """As a deploy does it. Answers the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within 20 s of SIGTERM:\n{self.said()}") from None


def sandbox(folder: Path, *words: str) -> Process:
    port = free_port()
    return Process.start(
        ["-m", "sandbox", "--port", str(port), *words], folder / "sandbox.log", f"http://127.0.0.1:{port}"
    )


def bot(folder: Path, slack: str, database: str, config: Path | None = None, port: int | None = None) -> Process:
    """The bot on its own, against a sandbox at `slack`. `config`: absent means no configuration."""
    port = port or free_port()
    environ = environment(slack, database, port, config)
    return Process.start(["-m", "bot", "run"], folder / "bot.log", f"http://127.0.0.1:{port}", environ)


def warm_bot(log: Path, environ: Mapping[str, str]) -> Process:
    """The same, for those who start many."""
    popen = Warm(["run"], log, {**passed_on(), **environ}, ROOT)
    return Process(popen, log, f"http://{environ['WATCHKEEPER_LISTEN']}")


def environment(slack: str, database: str, port: int, config: Path | None = None) -> dict[str, str]:
    return ({"WATCHKEEPER_CONFIG": str(config)} if config else {}) | {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": f"{slack}/api/",
        "DATABASE_URL": database,
        "WATCHKEEPER_LISTEN": f"127.0.0.1:{port}",
        "WATCHKEEPER_HOOK_TOKEN": HOOK_TOKEN,
        "WATCHKEEPER_API_TOKEN": API_TOKEN,
        "WATCHKEEPER_LOG": "warning",
        "PHONE": f"{slack}/phone",  # which the demo's configuration names
    }
