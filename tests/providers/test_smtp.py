"""E-mail: one letter, known for the same when it is sent again, and failures told truthfully."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.errors import Away, ProviderError
from handlers.providers.smtp import Server, Smtp
from handlers.world import Mail
from sandbox.mail import MailServer, Post
from tests.values import NOON

LETTER = Mail(
    to="dana@shop.example",
    subject="INC-7:\nyou are paged\r\nBcc: all@shop.example",
    text="Checkout ist kaputt: 100 €\n.\nEnd",
    key="INC-7/page/1",
    at=NOON,
    thread="INC-7",
)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


def smtp(mail: MailServer, **other: str) -> Smtp:
    sender = "Watchkeeper <bot@shop.example>"
    return Smtp(Server(host="127.0.0.1", port=mail.port, sender=sender, tls="none", **other))


def test_a_letter_arrives_whole_and_its_subject_adds_no_header(mail: MailServer) -> None:
    smtp(mail).send(LETTER)
    (letter,) = mail.post.letters
    assert (letter.sender, letter.to) == ("bot@shop.example", ("dana@shop.example",))
    assert letter.subject == "INC-7: you are paged Bcc: all@shop.example"
    assert letter.message["bcc"] is None
    assert letter.text.splitlines() == ["Checkout ist kaputt: 100 €", ".", "End"]


def test_a_long_subject_keeps_its_blanks_whatever_letters_it_has(mail: MailServer) -> None:
    plain = "checkout fails for many customers in Europe and elsewhere; see #inc-7-checkout for what is done"
    odd = [
        "–…e…“ea…“ ”ab–”öcaa…: ·béb “",
        "INC-7 · Zahlungen schlagen fehl – für viele Kunden in Österreich, “überall”",
    ]
    for subject in (*odd, "é ö – " * 30 + "end", plain, "😀 " * 60 + "."):
        smtp(mail).send(replace(LETTER, subject=subject))
        assert mail.post.letters[-1].subject == subject


def test_a_letter_whose_answer_was_lost_may_have_been_sent_and_is_known_for_the_same(mail: MailServer) -> None:
    mail.post.lose_answers = 1
    with pytest.raises(ProviderError) as lost:
        smtp(mail).send(LETTER)
    assert lost.value.unknown
    smtp(mail).send(LETTER)
    smtp(mail).send(replace(LETTER, key="INC-7/page/2"))
    first, again, other = (letter.message["message-id"] for letter in mail.post.letters)
    assert first == again != other


def test_letters_of_one_thread_hang_together(mail: MailServer) -> None:
    smtp(mail).send(replace(LETTER, key="INC-7", thread="", html="<p>Checkout</p>"))
    smtp(mail).send(LETTER)
    first, second = (letter.message for letter in mail.post.letters)
    assert second["in-reply-to"] == second["references"] == first["message-id"]
    assert first.get_body(("html",)).get_content().strip() == "<p>Checkout</p>"


def test_an_unknown_box_is_permanent_and_a_busy_server_is_not(mail: MailServer) -> None:
    mail.post.busy = 1
    with pytest.raises(ProviderError, match=r"451 4\.3\.0 Try again later") as busy:
        smtp(mail).send(LETTER)
    mail.post.unknown.add(LETTER.to)
    with pytest.raises(ProviderError, match=r"550 5\.1\.1 No such mailbox") as unknown:
        smtp(mail).send(LETTER)
    assert (busy.value.permanent, unknown.value.permanent) == (False, True)


def test_who_is_not_let_in_is_told_without_the_password() -> None:
    mail = MailServer(Post(user="bot", password="right"))
    assert "takes letters" in smtp(mail, user="bot", password="right").greet()
    with pytest.raises(ProviderError, match=r"refuses smtp\.user") as refused:
        smtp(mail, user="bot", password="hush").greet()
    assert refused.value.permanent
    mail.post.crowded = True
    with pytest.raises(ProviderError, match="454") as later:
        smtp(mail, user="bot", password="right").greet()
    assert not later.value.permanent
    assert "hush" not in str(refused.value) + repr(smtp(mail, user="bot", password="hush").server)
    mail.close()


def test_a_server_without_tls_is_told_and_nothing_is_sent(mail: MailServer) -> None:
    with pytest.raises(ProviderError, match=r"see smtp\.tls"):
        Smtp(Server(host="127.0.0.1", port=mail.port)).send(LETTER)
    assert mail.post.letters == []


def test_a_server_that_is_away_is_waited_for(mail: MailServer) -> None:
    gone = MailServer()
    gone.close()
    with pytest.raises(Away):
        smtp(gone).send(LETTER)
