"""A probe's exit: what comes back is told as it was, whatever it is, and nobody waits or reads for ever."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.policy import Expect, Probe
from handlers.providers.probing import LARGEST, HttpProber
from tests.values import NOON

TOKEN = "hush-hush"
PROBE = Probe(name="prices", url="http://shop.example/", service="checkout", headers={"X-Probe": "yes"})


class Shop(BaseHTTPRequestHandler):
    """What a server may answer, by path."""

    asked: list[tuple[str, str, dict[str, str]]] = []

    def do_GET(self) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append((self.command, self.path, sent))
        status, headers, content = self.answer()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        match self.path:
            case "/moved":
                return 302, {"Location": "/", "Set-Cookie": "a=b"}, b""
            case "/large":
                return 200, {}, b"x" * (LARGEST + 10)
            case "/latin":
                return 200, {"Content-Type": "text/html; charset=latin-1"}, "Preis: 4 £".encode("latin-1")
            case "/odd":
                return 200, {"Content-Type": "text/html; charset=klingon"}, "€ ".encode() + b"\xff"
            case "/gone":
                return 404, {}, b"not here"
            case _:
                return 200, {"Content-Type": "text/html; charset=utf-8"}, "€ 4.20".encode()

    def log_message(self, *words: object) -> None: ...


@dataclass
class Served:
    url: str
    asked: list[tuple[str, str, dict[str, str]]]
    port: int


@pytest.fixture
def shop() -> Iterator[Served]:
    yield from serving(None)


def serving(secured: ssl.SSLContext | None) -> Iterator[Served]:
    asked: list[tuple[str, str, dict[str, str]]] = []
    handler = type("Handler", (Shop,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if secured:
            server.socket = secured.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield Served(f"http://127.0.0.1:{server.server_port}", asked, server.server_port)
        server.shutdown()
        thread.join()


@pytest.fixture
def prober() -> Iterator[HttpProber]:
    made = HttpProber({"prices": {"authorization": f"Bearer {TOKEN}"}})
    yield made
    made.close()


def at(shop: Served, path: str = "/", **other: object) -> Probe:
    return replace(PROBE, url=shop.url + path, **other)  # type: ignore[arg-type]


def test_a_page_is_told_as_it_came(shop: Served, prober: HttpProber) -> None:
    probe = at(shop)
    answer = prober.ask(probe, probe.url)
    assert (answer.status, answer.text, answer.size, answer.whole) == (200, "€ 4.20", 8, True)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 0 < answer.seconds < 5
    ((method, path, sent),) = shop.asked
    assert (method, path, sent["x-probe"], sent["authorization"]) == ("GET", "/", "yes", f"Bearer {TOKEN}")


def test_an_error_is_an_answer_too(shop: Served, prober: HttpProber) -> None:
    answer = prober.ask(at(shop, "/gone"), f"{shop.url}/gone")
    assert (answer.status, answer.text, answer.trouble) == (404, "not here", "")


def test_the_method_is_for_the_page_and_not_for_what_else_is_asked(shop: Served, prober: HttpProber) -> None:
    probe = at(shop, method="POST")
    prober.ask(probe, probe.url)
    prober.ask(probe, f"{shop.url}/app.js")
    assert [method for method, _, _ in shop.asked] == ["POST", "GET"]


def test_a_redirect_is_followed_only_if_asked_to(shop: Served, prober: HttpProber) -> None:
    assert prober.ask(at(shop, "/moved"), f"{shop.url}/moved").status == 302
    assert prober.ask(at(shop, "/moved", redirects=True), f"{shop.url}/moved").text == "€ 4.20"


def test_no_cookie_of_the_last_look_is_sent(shop: Served, prober: HttpProber) -> None:
    for _ in range(2):
        prober.ask(at(shop, "/moved"), f"{shop.url}/moved")
    assert all("cookie" not in sent for _, _, sent in shop.asked)


def test_a_page_without_end_is_not_read_to_its_end(shop: Served, prober: HttpProber) -> None:
    answer = prober.ask(at(shop, "/large"), f"{shop.url}/large")
    assert (answer.size, answer.whole) == (LARGEST, False)


@pytest.mark.parametrize(("path", "text"), [("/latin", "Preis: 4 £"), ("/odd", "€ \ufffd")])
def test_text_is_read_in_its_encoding_or_as_well_as_can_be(
    shop: Served, prober: HttpProber, path: str, text: str
) -> None:
    assert prober.ask(at(shop, path), shop.url + path).text == text


def test_a_secret_goes_to_its_own_host_only(shop: Served, prober: HttpProber) -> None:
    prober.ask(at(shop), f"http://localhost:{shop.port}/cdn.js")
    assert [sent.get("authorization") for _, _, sent in shop.asked] == [None]


def test_an_address_is_asked_under_the_name_of_the_page(shop: Served, prober: HttpProber) -> None:
    probe = replace(PROBE, url=f"http://shop.example:{shop.port}/")
    answer = prober.ask(probe, probe.url, "127.0.0.1")
    assert (answer.address, answer.text) == ("127.0.0.1", "€ 4.20")
    ((_, _, sent),) = shop.asked
    assert sent["host"] == f"shop.example:{shop.port}"


def test_nobody_there_is_a_bad_look_and_names_no_secret(prober: HttpProber) -> None:
    probe = replace(PROBE, url=f"http://127.0.0.1:1/?token={TOKEN}")
    answer = prober.ask(probe, probe.url)
    assert answer.trouble == "no answer (ConnectError)"
    assert prober.ask(replace(PROBE, url="http://shop:port/"), "http://shop:port/").trouble == "no answer (InvalidURL)"


def test_a_page_that_drips_is_late_and_not_waited_for() -> None:
    """Each byte comes in time, and the whole never does."""

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"."

    prober = HttpProber(transport=httpx.MockTransport(lambda request: httpx.Response(200, stream=Dripping())))
    impatient = replace(PROBE, expect=Expect(within=timedelta(seconds=-5.0)))  # all of its time is over at once
    assert prober.ask(impatient, PROBE.url).trouble == "no answer in time"
    prober.close()


# ---------------------------------------------------------------- certificates


def certificate(folder: Path, name: str, until: datetime) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows, and what a client needs to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOON - timedelta(days=3650))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return shows, ssl.create_default_context(cadata=pem.decode())


UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def test_a_certificate_is_looked_at_under_the_name_of_the_page(tmp_path: Path) -> None:
    shows, trusts = certificate(tmp_path, "shop.example", UNTIL)
    for shop in serving(shows):
        prober = HttpProber(transport=httpx.HTTPTransport(verify=trusts))
        probe = replace(PROBE, url=f"https://shop.example:{shop.port}/")
        answer = prober.ask(probe, probe.url, "127.0.0.1")
        assert (answer.trouble, answer.text, answer.certificate_until) == ("", "€ 4.20", UNTIL)
        prober.close()


def test_a_certificate_that_nobody_trusts_is_said_to_be_one(tmp_path: Path) -> None:
    shows, _ = certificate(tmp_path, "shop.example", UNTIL)
    for shop in serving(shows):
        prober = HttpProber()
        probe = replace(PROBE, url=f"https://shop.example:{shop.port}/")
        assert "certificate is not valid" in prober.ask(probe, probe.url, "127.0.0.1").trouble
        prober.close()
