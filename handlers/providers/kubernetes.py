"""One cluster's API: the official client for finding and authenticating it, our own rules for what is sent and when.

Nothing that changes the cluster is ever sent again by this module, but after a 401: then it was not even read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from urllib.parse import quote

from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from yaml import YAMLError

from bot.errors import ProviderError
from handlers.providers.kubernetes_watch import GONE, Expired, Watch

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
JSON = "application/json"
# Flux takes fields away from managers whose name begins with kubectl, so ours has its own.
FIELD_MANAGER = "watchkeeper"
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0
NOT_SENT = (NewConnectionError, ConnectTimeoutError, ProxyError, SSLError, LocationValueError)
UNUSABLE = (ConfigException, YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError)
TRANSIENT = frozenset({408, 409, 425, 429})
LONGEST_MESSAGE = 300
REVIEW = "SelfSubjectAccessReview"

Json = dict[str, Any]


class Conflict409(ProviderError):
    """The object has changed since it was read; nothing was written."""


class Access(Protocol):
    """How a cluster is reached, as it is configured."""

    @property
    def kubeconfig(self) -> str: ...
    @property
    def context(self) -> str: ...
    @property
    def in_cluster(self) -> bool: ...


def path(*segments: str) -> str:
    """Segments of an API path, each safely quoted."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


class Kubernetes:
    """`connect` makes an authenticated client; it is called again when the cluster says that we are nobody."""

    def __init__(self, name: str, connect: Callable[[], ApiClient], *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.name, self._connect, self._client = name, connect, connect()
        self._timeout = (CONNECT_SECONDS, answer_seconds)

    @classmethod
    def configured(cls, name: str, kubeconfig: str = "", context: str = "", in_cluster: bool = False) -> Kubernetes:
        """From a kubeconfig file and one of its contexts, or from the pod's service account.

        Raises ProviderError (permanent) where there is none or it is unusable.
        """

        def connect() -> ApiClient:
            configuration = Configuration()
            configuration.retries = False  # urllib3 would send a mutation again behind our back
            if in_cluster:
                load_incluster_config(configuration)
            else:
                load_kube_config(kubeconfig, context or None, configuration, persist_config=False)
            configuration.proxy = configuration.proxy  # said once; else the environment is asked at every call
            return ApiClient(configuration)

        try:
            return cls(name, connect)
        except UNUSABLE as error:
            where = "the pod's service account" if in_cluster else kubeconfig
            raise _error(name, f"{where} gives no access ({type(error).__name__})", permanent=True) from None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Raises ProviderError."""
        return self._call("GET", path, query or {})

    def patch(self, path: str, body: Json | list[Json], content_type: str = MERGE) -> Json:
        """Sent once. Raises Conflict409, or ProviderError with `unknown` where it may have been done all the same."""
        return self._call("PATCH", path, {"fieldManager": FIELD_MANAGER}, body, content_type)

    def may(self, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether we are allowed to; `resource` has its subresource after a slash. Nothing is changed by asking."""
        plural, _, part = resource.partition("/")
        about = {"verb": verb, "group": group, "resource": plural, "subresource": part, "namespace": namespace}
        asked = {"apiVersion": "authorization.k8s.io/v1", "kind": REVIEW, "spec": {"resourceAttributes": about}}
        answer = self._call(
            "POST", path("apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"), {}, asked, JSON
        )
        status = answer.get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    def watch(self, path: str) -> Watch:
        """Everything of one kind, as long as it is wanted; see `Watch`."""
        return Watch(self, path)

    def follow(self, path: str, query: Mapping[str, str], silence: float) -> Lines:
        """A read whose answer goes on, a line at a time; an error when nothing comes for `silence` seconds."""
        response = self._open("GET", path, query, silence=silence)
        if response.status == 401:
            self._reconnect()
            response = self._open("GET", path, query, silence=silence)
        lines = Lines(self.name, response.response)
        if response.status == 200:
            return lines
        try:
            with _told(self.name):
                content = _parsed(response.read() or b"")
        finally:
            lines.close()
        raise self._refusal(response.status, content, mutation=False)

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, query: Mapping[str, str], body: Any = None, content_type: str = "") -> Json:
        status, raw = self._send(method, path, query, body, content_type)
        if status == 401:  # refused at the door: a rotated token may do, and sending again is no repetition
            self._reconnect()
            status, raw = self._send(method, path, query, body, content_type)
        content = _parsed(raw)
        if 200 <= status < 300:
            if content is None:
                raise _error(self.name, f"HTTP {status}, but not with an object as JSON", unknown=method != "GET")
            return content
        raise self._refusal(status, content, mutation=method != "GET")

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Any, content_type: str
    ) -> tuple[int, bytes]:
        response = self._open(method, path, query, body, content_type)
        with _told(self.name, mutation=method != "GET"):
            return response.status, response.read() or b""

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = "",
        silence: float = 0.0,
    ) -> Any:
        """The answer as far as its head; `silence` is how long its body may make us wait, if not as long as ever."""
        client = self._client
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        try:
            request = client.param_serialize(
                method, path, query_params=list(query.items()), header_params=headers, body=body,
                auth_settings=["BearerToken"],
            )  # fmt: skip
        except (ConfigException, OSError) as error:  # a token file or an exec plugin that fails
            raise _error(self.name, f"no credentials ({type(error).__name__})") from None
        timeout = (self._timeout[0], silence) if silence else self._timeout
        with _told(self.name, mutation=method != "GET"):
            return client.call_api(*request, _request_timeout=timeout)

    def _reconnect(self) -> None:
        old = self._client
        try:
            self._client = self._connect()
        except UNUSABLE as error:
            raise _error(self.name, f"no credentials ({type(error).__name__})") from None
        old.close()

    def _refusal(self, status: int, content: Json | None, mutation: bool) -> ProviderError:
        said = content.get("message") if content and content.get("kind") == "Status" else None
        message = f"HTTP {status}: {said}" if isinstance(said, str) and said else f"HTTP {status}"
        message = self._without_secrets(message)[:LONGEST_MESSAGE]
        if status == 409:
            return Conflict409(f"Kubernetes {self.name}", message)
        if status == GONE:
            return Expired(f"Kubernetes {self.name}", message)
        permanent = status < 500 and status not in TRANSIENT
        return _error(self.name, message, permanent=permanent, unknown=mutation and status >= 500)

    def _without_secrets(self, message: str) -> str:
        """A proxy may echo what we sent."""
        for key in self._client.configuration.api_key.values():
            for secret in filter(None, str(key).split()):
                if secret.lower() != "bearer":
                    message = message.replace(secret, "…")
        return message


class Lines:
    """The lines of an answer as they come."""

    def __init__(self, cluster: str, response: Any) -> None:
        self._cluster, self._response = cluster, response

    def __iter__(self) -> Iterator[bytes]:
        """Raises ProviderError where the connection breaks, or is silent for too long."""
        rest = b""
        with _told(self._cluster):
            for chunk in self._response.stream(amt=None, decode_content=False):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line.strip())

    def stop(self) -> None:
        """From any thread: wakes the one that reads, which finds the end."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()

    def close(self) -> None:
        self._response.close()


@contextmanager
def _told(cluster: str, *, mutation: bool = False) -> Iterator[None]:
    """Whatever goes wrong on the way there and back, in our words."""
    try:
        yield
    except ApiException:  # how the client wraps a failure of TLS
        raise _error(cluster, "no trusted connection (TLS)") from None
    except NOT_SENT as error:
        raise _error(cluster, f"no connection ({type(error).__name__})") from None
    except (HTTPError, OSError) as error:
        raise _error(cluster, f"no answer ({type(error).__name__})", unknown=mutation) from None


def _parsed(raw: bytes) -> Json | None:
    """The JSON object of a body; None for HTML, broken JSON and everything else."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _error(cluster: str, message: str, *, permanent: bool = False, unknown: bool = False) -> ProviderError:
    return ProviderError(f"Kubernetes {cluster}", message, permanent=permanent, unknown=unknown)
