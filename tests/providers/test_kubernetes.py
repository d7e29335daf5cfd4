"""The transport to a cluster: what is sent, how often, and what is said of every answer a server can give."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.errors import ProviderError
from handlers.providers.kubernetes import JSON_PATCH, Conflict409, Kubernetes, path

TOKEN = "s3cr3t-t0ken"
ROLLOUT = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/checkout"
HANG, RESET = -1, -2  # in place of a status


@dataclass
class Server:
    """Answers each call with the next of `answers`, the last one for ever."""

    answers: list[tuple[int, str]] = field(default_factory=lambda: [(200, "{}")])
    calls: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def says(self, *answers: tuple[int, Any]) -> None:
        self.answers = [(status, body if isinstance(body, str) else json.dumps(body)) for status, body in answers]


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            server.calls.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            if status == HANG:
                server.released.wait(10)
            if status < 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            self.send_header("content-length", str(len(answer.encode())))
            self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer.encode())

        do_PATCH = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    scripted = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(scripted))
    scripted.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield scripted
    scripted.released.set()
    http.shutdown()
    http.server_close()
    thread.join(5)


def written(tmp_path: Path, url: str, token: str = TOKEN) -> str:
    file = tmp_path / "kubeconfig.yml"
    config = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("one", "two")],
    }
    file.write_text(yaml.safe_dump(config))
    return str(file)


@pytest.fixture
def cluster(server: Server, tmp_path: Path) -> Iterator[Kubernetes]:
    cluster = Kubernetes.configured("demo", written(tmp_path, server.url), "two")
    yield cluster
    cluster.close()


Mutation = Callable[[], Any]


@pytest.fixture
def patch(cluster: Kubernetes) -> Mutation:
    return lambda: cluster.patch(ROLLOUT, {"spec": {"paused": True}})


# ---------------------------------------------------------------- what is sent


def test_a_read_is_authenticated_and_its_query_is_quoted(server: Server, cluster: Kubernetes) -> None:
    server.says((200, {"kind": "List"}))
    assert cluster.get(path("apis", "a b/c"), {"labelSelector": "app in (x, y)"}) == {"kind": "List"}
    ((method, sent, headers, _),) = server.calls
    assert (method, sent) == ("GET", "/apis/a%20b%2Fc?labelSelector=app%20in%20%28x%2C%20y%29")
    assert headers["authorization"] == f"Bearer {TOKEN}"


def test_a_merge_patch_says_what_it_is_and_who_writes(server: Server, patch: Mutation) -> None:
    patch()
    ((method, sent, headers, body),) = server.calls
    assert (method, sent) == ("PATCH", f"{ROLLOUT}?fieldManager=watchkeeper")
    assert headers["content-type"] == "application/merge-patch+json"
    assert json.loads(body) == {"spec": {"paused": True}}


def test_null_survives_in_a_patch_for_it_means_remove(server: Server, cluster: Kubernetes) -> None:
    cluster.patch(ROLLOUT, {"status": {"pauseConditions": None}})
    assert json.loads(server.calls[0][3]) == {"status": {"pauseConditions": None}}


def test_a_json_patch_stays_a_json_patch(server: Server, cluster: Kubernetes) -> None:
    cluster.patch(ROLLOUT, [{"op": "test", "path": "/a", "value": 1}], JSON_PATCH)
    assert server.calls[0][2]["content-type"] == JSON_PATCH


# ---------------------------------------------------------------- sent once


@pytest.mark.parametrize("status", [403, 404, 409, 422, 429, 500, 502, 503, 504])
def test_a_mutation_is_never_sent_again(server: Server, patch: Mutation, status: int) -> None:
    server.says((status, {"kind": "Status", "message": "no"}))
    with pytest.raises(ProviderError):
        patch()
    assert len(server.calls) == 1


def test_a_redirect_is_not_followed_with_a_mutation(server: Server, patch: Mutation) -> None:
    server.says((307, ""))
    with pytest.raises(ProviderError, match="HTTP 307"):
        patch()
    assert len(server.calls) == 1


@pytest.mark.parametrize("how", [HANG, RESET])
def test_a_lost_answer_to_a_mutation_is_unknown_not_failed(
    server: Server, cluster: Kubernetes, patch: Mutation, how: int
) -> None:
    # The server has to have heard it, on a busy machine too; only one that hangs is waited for so long.
    cluster._timeout = (5.0, 1.0 if how == HANG else 10.0)
    server.says((how, ""))
    with pytest.raises(ProviderError, match="no answer") as caught:
        patch()
    assert (caught.value.unknown, caught.value.permanent) == (True, False)
    assert len(server.calls) == 1


def test_a_lost_answer_to_a_read_leaves_nothing_unknown(server: Server, cluster: Kubernetes) -> None:
    server.says((RESET, ""))
    with pytest.raises(ProviderError, match="no answer") as caught:
        cluster.get(ROLLOUT)
    assert not caught.value.unknown


def test_what_was_never_sent_is_not_unknown(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = Kubernetes.configured("demo", written(tmp_path, f"http://127.0.0.1:{port}"))
    with pytest.raises(ProviderError, match="Kubernetes demo: no connection") as caught:
        nobody.patch(ROLLOUT, {})
    assert (caught.value.unknown, caught.value.permanent) == (False, False)


# ---------------------------------------------------------------- what is said of it


@pytest.mark.parametrize(
    ("status", "permanent", "unknown"),
    [
        (400, True, False),
        (403, True, False),
        (404, True, False),
        (415, True, False),
        (422, True, False),
        (429, False, False),
        (500, False, True),
        (504, False, True),
    ],
)
def test_a_status_says_whether_asking_again_may_help(
    server: Server, patch: Mutation, status: int, permanent: bool, unknown: bool
) -> None:
    server.says((status, {"kind": "Status", "message": "because"}))
    with pytest.raises(ProviderError, match=f"Kubernetes demo: HTTP {status}: because") as caught:
        patch()
    assert (caught.value.permanent, caught.value.unknown) == (permanent, unknown)


def test_a_conflict_has_a_type_of_its_own(server: Server, patch: Mutation) -> None:
    server.says((409, {"kind": "Status", "message": "the object has been modified"}))
    with pytest.raises(Conflict409, match="has been modified"):
        patch()


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>502 Bad Gateway</body></html>", "", "{", "[]", "null", '"text"', "[" * 100_000,
        '{"kind":"Status","message":7}', '{"kind":"Status"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 403, 502])
def test_odd_bodies_do_not_break_it(server: Server, cluster: Kubernetes, status: int, body: str) -> None:
    server.says((status, body))
    if status == 200 and body.startswith('{"'):
        assert cluster.get(ROLLOUT)["kind"] == "Status"
        return
    with pytest.raises(ProviderError, match=f"^Kubernetes demo: HTTP {status}") as caught:
        cluster.get(ROLLOUT)
    assert "<" not in str(caught.value)


def test_a_very_long_message_is_cut(server: Server, cluster: Kubernetes) -> None:
    server.says((422, {"kind": "Status", "message": "x" * 10_000}))
    with pytest.raises(ProviderError) as caught:
        cluster.get(ROLLOUT)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("status", [401, 403, 409, 500])
def test_no_error_ever_prints_the_secret(server: Server, cluster: Kubernetes, status: int) -> None:
    server.says((status, {"kind": "Status", "message": f"you said: Authorization: Bearer {TOKEN}"}))
    with pytest.raises(ProviderError) as caught:
        cluster.get(ROLLOUT)
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


# ---------------------------------------------------------------- who we are


def test_a_rotated_token_is_read_anew_after_401(server: Server, cluster: Kubernetes, tmp_path: Path) -> None:
    written(tmp_path, server.url, "fresh")
    server.says((401, {"kind": "Status", "message": "Unauthorized"}), (200, {"fine": True}))
    assert cluster.get(ROLLOUT) == {"fine": True}
    assert [headers["authorization"] for _, _, headers, _ in server.calls] == [f"Bearer {TOKEN}", "Bearer fresh"]


def test_401_twice_is_the_end_of_it(server: Server, patch: Mutation) -> None:
    server.says((401, {"kind": "Status", "message": "Unauthorized"}))
    with pytest.raises(ProviderError, match="HTTP 401: Unauthorized") as caught:
        patch()
    assert caught.value.permanent
    assert len(server.calls) == 2


@pytest.mark.parametrize("content", [None, "", "not: [yaml", "clusters: 7", "current-context: nope"])
def test_a_bad_kubeconfig_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "kubeconfig.yml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ProviderError, match=r"Kubernetes demo: .*kubeconfig.yml gives no access") as caught:
        Kubernetes.configured("demo", str(file))
    assert caught.value.permanent


def test_an_unknown_context_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="gives no access"):
        Kubernetes.configured("demo", written(tmp_path, "http://127.0.0.1:9"), "nope")


def test_outside_a_cluster_there_is_no_service_account() -> None:
    with pytest.raises(ProviderError, match="service account gives no access"):
        Kubernetes.configured("demo", in_cluster=True)
