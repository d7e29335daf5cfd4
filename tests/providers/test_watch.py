"""The watch against the pretend cluster over HTTP, and its manners towards a server that answers badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
import yaml

from bot.errors import ProviderError
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.kubernetes_watch import LIST_ANEW, LONGEST_PAUSE, SHORTEST_PAUSE, Expired, Watch, pause
from handlers.world import Touched
from sandbox.cluster import kubeconfig
from tests.providers.shops import Front, Shop

ALL = Touched()
CHECKOUT, PAYMENTS = Touched(namespace="shop", name="checkout"), Touched(namespace="shop", name="payments")
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
PATIENCE = 10.0


class Listener:
    """A watch in a thread of its own, and what came of it."""

    def __init__(self, watch: Any) -> None:
        self.watch = watch
        self.heard: Queue[Touched | str] = Queue()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self) -> None:
        try:
            for touched in self.watch:
                self.heard.put(touched)
        except ProviderError as error:
            self.heard.put(str(error))
        self.heard.put("the end")

    def next(self) -> Touched | str:
        return self.heard.get(timeout=PATIENCE)

    def until(self, wanted: Touched | str) -> None:
        while self.next() != wanted:
            pass

    def silence(self) -> bool:
        try:
            return self.heard.get_nowait() is None
        except Empty:
            return True

    def close(self) -> None:
        self.watch.close()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def shop(front: Front, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(front, tmp_path)
    yield shop
    shop.close()


@pytest.fixture
def listener(shop: Shop) -> Iterator[Listener]:
    watch = shop.argo.watch("sandbox", ["shop"])
    watch._wait = lambda seconds: None
    listener = Listener(watch)
    assert listener.next() == ALL
    until_watched(shop)
    yield listener
    listener.close()


def until_watched(shop: Shop, times: int = 1, resource: str = "rollouts") -> None:
    """The watch is open: what changes from now on is told by it."""
    for _ in range(int(PATIENCE / 0.01)):
        if asked(shop, resource).count("watch") >= times and shop.cluster.store._listeners:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"not watched {times} times: {asked(shop, resource)}")


def asked(shop: Shop, resource: str = "rollouts") -> list[str]:
    return [call.verb for call in shop.cluster.calls if call.resource == resource]


def stirs(shop: Shop, service: str) -> None:
    shop.cluster.patch(service, {"metadata": {"annotations": {"stirred": str(shop.cluster.store.version)}}})


# ---------------------------------------------------------------- against the cluster


def test_what_changes_is_told_by_one_watch_for_all_rollouts(shop: Shop, listener: Listener) -> None:
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    stirs(shop, "payments")
    listener.until(PAYMENTS)
    assert asked(shop) == ["list", "watch"]


def test_a_watch_of_several_namespaces_is_one_of_the_cluster(shop: Shop) -> None:
    listener = Listener(shop.argo.watch("sandbox", ["shop", "other"]))
    assert listener.next() == ALL
    until_watched(shop)
    listener.close()
    assert {call.namespace for call in shop.cluster.calls if call.verb in ("list", "watch")} == {""}


def test_close_ends_a_watch_that_waits_for_news(listener: Listener) -> None:
    listener.close()
    listener.until("the end")


@pytest.mark.parametrize("how", ["cut", "end"])
def test_a_watch_that_ends_is_resumed_from_where_it_was(shop: Shop, listener: Listener, how: str) -> None:
    stirs(shop, "payments")
    listener.until(PAYMENTS)
    shop.cluster.api.disturb(how)
    until_watched(shop, 2)
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert asked(shop) == ["list", "watch", "watch"]


def test_nothing_is_missed_while_a_watch_is_cut(shop: Shop, listener: Listener) -> None:
    shop.cluster.faults.add("watch", 503)
    shop.cluster.api.disturb("cut")
    until_watched(shop, 2)
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert asked(shop).count("list") == 1


def test_a_version_that_is_forgotten_lists_anew_and_looks_at_everything(shop: Shop, listener: Listener) -> None:
    shop.cluster.api.disturb(410)
    listener.until(ALL)
    until_watched(shop, 2)
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert asked(shop) == ["list", "watch", "list", "watch"]


def test_410_in_place_of_a_watch_lists_anew_too(shop: Shop, listener: Listener) -> None:
    shop.cluster.faults.add("watch", 410)
    shop.cluster.api.disturb("end")
    listener.until(ALL)
    until_watched(shop, 3)
    assert asked(shop) == ["list", "watch", "watch", "list", "watch"]


def test_a_bookmark_lets_an_idle_watch_outlive_the_compaction_of_the_log(shop: Shop, listener: Listener) -> None:
    """What other kinds do moves the version on; without the bookmark the watch would resume from a forgotten one."""
    for _ in range(3):
        stirs(shop, "search")
    shop.cluster.api.disturb("bookmark")
    until(lambda: not shop.cluster.faults.waiting)
    shop.cluster.store.forget()
    shop.cluster.api.disturb("end")
    until_watched(shop, 2)
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert asked(shop) == ["list", "watch", "watch"]


def until(true: Any) -> None:
    for _ in range(int(PATIENCE / 0.01)):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became true")


def test_a_dead_connection_is_noticed(shop: Shop) -> None:
    """No end, no reset, no word: as when a router forgets a connection."""
    shop.cluster.faults.add("stream", "silent")
    watch = shop.argo.watch("sandbox", ["shop"])
    watch.silence = 0.2
    listener = Listener(watch)
    assert listener.next() == ALL
    until_watched(shop, 2)
    shop.cluster.faults.release()
    listener.close()


def test_a_rotated_token_is_read_anew(shop: Shop, listener: Listener) -> None:
    shop.cluster.faults.add("watch", 401)
    shop.cluster.api.disturb("end")
    until_watched(shop, 3)
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert asked(shop).count("list") == 1


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_without_the_right_to_it_a_watch_ends_with_words(shop: Shop, verb: str) -> None:
    shop.cluster.api.deny(verb, "rollouts")
    listener = Listener(shop.argo.watch("sandbox", ["shop"]))
    heard = listener.next() if verb == "list" else (listener.next(), listener.next())[1]
    assert f'cannot {verb} resource "rollouts"' in str(heard)
    assert listener.next() == "the end"
    listener.close()


def test_a_watch_only_reads(shop: Shop, listener: Listener) -> None:
    stirs(shop, "checkout")
    listener.until(CHECKOUT)
    assert {call.verb for call in shop.cluster.calls} <= {"list", "watch"}


def test_an_unknown_cluster_is_one_sentence(shop: Shop) -> None:
    with pytest.raises(ProviderError, match="no cluster nowhere is configured"):
        shop.argo.watch("nowhere", ["shop"])


def test_closing_the_client_of_a_dead_cluster_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "k.yml").write_text(yaml.safe_dump(kubeconfig("http://127.0.0.1:9")))
    cluster = Kubernetes.configured("dead", str(tmp_path / "k.yml"))
    listener = Listener(cluster.watch(ROLLOUTS))
    listener.close()
    cluster.close()


# ---------------------------------------------------------------- its manners


@dataclass
class Scripted:
    """A cluster that answers each watch with the next of `answers`: an error, or lines and then the end."""

    answers: list[Exception | list[Any]]
    name: str = "scripted"
    lists: int = 0
    asked: list[str] = field(default_factory=list)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.lists += 1
        return {"metadata": {"resourceVersion": str(self.lists * 100)}}

    def follow(self, path: str, query: Mapping[str, str], silence: float) -> Said:
        self.asked.append(query["resourceVersion"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Said([line if isinstance(line, bytes) else json.dumps(line).encode() for line in answer])


@dataclass
class Said:
    lines: list[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.lines)

    def stop(self) -> None: ...
    def close(self) -> None: ...


def watched(*answers: Exception | list[Any]) -> tuple[Scripted, list[float]]:
    """Until the answers have been used up; how long it waited in between."""
    cluster, waits = Scripted(list(answers)), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if not cluster.answers:
            watch.close()

    watch = Watch(cluster, ROLLOUTS, wait)
    for _ in watch:
        pass
    return cluster, waits


def event(version: int, kind: str = "MODIFIED") -> dict[str, Any]:
    meta = {"resourceVersion": str(version), "namespace": "shop", "name": "checkout"}
    return {"type": kind, "object": {"metadata": meta}}


def error(code: int) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "because"}}


AWAY = ProviderError("Kubernetes scripted", "no answer")


def test_it_resumes_from_the_last_event_or_bookmark() -> None:
    cluster, _ = watched([event(101), event(107)], [event(120, "BOOKMARK")], [])
    assert (cluster.lists, cluster.asked) == (1, ["100", "107", "120"])


@pytest.mark.parametrize("gone", [Expired("Kubernetes scripted", "HTTP 410"), [error(410)]])
def test_410_is_never_a_hot_loop(gone: Any) -> None:
    """Clients are known that asked a thousand times in three seconds, with the same version."""
    cluster, waits = watched(*[gone] * 8)
    assert cluster.lists == 8
    assert len(waits) == 8
    assert waits[0] >= SHORTEST_PAUSE
    assert waits[-1] >= LONGEST_PAUSE / 2
    assert sum(waits) > 30


def test_a_server_that_ends_every_watch_at_once_is_not_asked_in_a_hot_loop() -> None:
    _, waits = watched(*[[]] * 20)
    assert min(waits) >= SHORTEST_PAUSE / 2


def test_what_works_again_is_asked_quickly_again() -> None:
    _, waits = watched(AWAY, AWAY, AWAY, AWAY, [event(301)], [])
    assert waits[3] > waits[4]
    assert waits[4] <= SHORTEST_PAUSE


def test_a_version_that_the_server_cannot_serve_is_given_up_after_a_few_tries() -> None:
    """Restored from a backup, it says "too large resource version" for ever."""
    cluster, _ = watched(*[AWAY] * LIST_ANEW, [])
    assert cluster.lists == 2
    assert cluster.asked == ["100"] * LIST_ANEW + ["200"]


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"null", b'{"type": "MODIFIED"}', b'{"type": "MODIFIED", "object": 7}', b"[" * 100_000]
)
def test_odd_lines_do_not_break_it(line: bytes) -> None:
    cluster, waits = watched([event(101), line], [event(102)])
    assert cluster.asked == ["100", "101"]
    assert len(waits) == 2


def test_an_error_of_another_kind_resumes() -> None:
    cluster, _ = watched([event(101), error(500)], [])
    assert (cluster.lists, cluster.asked) == (1, ["100", "101"])


def test_a_permanent_refusal_ends_it() -> None:
    with pytest.raises(ProviderError, match="forbidden"):
        watched(ProviderError("Kubernetes scripted", "forbidden", permanent=True), [])


def test_pauses_grow_to_a_limit_and_differ() -> None:
    assert all(SHORTEST_PAUSE / 2 <= pause(0) <= SHORTEST_PAUSE for _ in range(50))
    assert all(LONGEST_PAUSE / 2 <= pause(1000) <= LONGEST_PAUSE for _ in range(50))
    assert len({pause(3) for _ in range(50)}) > 1
