"""Sends e-mail, one letter to one address, by SMTP.

SMTP cannot say whether a letter whose answer was lost had been taken in. A letter sent again carries the Message-ID of
the first, by which mail servers and readers know it for the same.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import Header
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage, Message
from email.policy import EmailPolicy, Policy
from email.utils import format_datetime, parseaddr

from bot.errors import Away, ProviderError
from bot.text import clip, one_line
from handlers.world import Mail

NAME = "e-mail"
SECONDS = 10.0
SUBJECT = 200
TLS = ("starttls", "tls", "none")


@dataclass(frozen=True, kw_only=True)
class Server:
    host: str
    port: int = 587
    sender: str = "watchkeeper@localhost"  # may have a name: Watchkeeper <watchkeeper@example.com>
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "starttls"  # one of TLS


class Smtp:
    def __init__(self, server: Server) -> None:
        self.server = server

    def send(self, mail: Mail) -> None:
        """Raises ProviderError: permanent where the server will not have it, unknown where its answer was lost."""
        letter = written(mail, self.server.sender)
        with self.connected() as line:
            try:
                line.send_message(letter)
            except smtplib.SMTPRecipientsRefused as error:
                code, said = next(iter(error.recipients.values()))
                raise _refused(code, said) from None
            except smtplib.SMTPResponseException as error:
                raise _refused(error.smtp_code, error.smtp_error) from None
            except (smtplib.SMTPException, OSError) as error:
                raise ProviderError(NAME, f"no answer ({type(error).__name__})", unknown=True) from None

    def greet(self) -> str:
        """Who answers there, once it has let us in. Raises ProviderError."""
        with self.connected() as line:
            line.noop()
        return f"{self.server.host} takes letters from {self.server.sender}"

    @contextmanager
    def connected(self) -> Iterator[smtplib.SMTP]:
        try:
            line = self._open()
        except smtplib.SMTPAuthenticationError as error:
            raise ProviderError(
                NAME, f"{self.server.host} refuses smtp.user ({error.smtp_code})", permanent=error.smtp_code >= 500
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ProviderError(
                NAME, f"{self.server.host}: {one_line(str(error))}; see smtp.tls", permanent=True
            ) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Away(NAME, f"{self.server.host}: no answer ({type(error).__name__})") from None
        try:
            yield line
        finally:
            line.close()  # without a QUIT that a dead server would have to answer

    def _open(self) -> smtplib.SMTP:
        here, context = (self.server.host, self.server.port), ssl.create_default_context()
        if self.server.tls == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(*here, timeout=SECONDS, context=context)
        else:
            line = smtplib.SMTP(*here, timeout=SECONDS)
        try:
            if self.server.tls == "starttls":
                line.starttls(context=context)
            if self.server.user:
                line.login(self.server.user, self.server.password)
        except BaseException:
            line.close()
            raise
        return line


def _refused(code: int, said: bytes | str) -> ProviderError:
    """5xx will be said again, whatever comes."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return ProviderError(NAME, f"{code} {clip(one_line(words), 200)}", permanent=500 <= code < 600)


class Subject(UnstructuredHeader, BaseHeader):
    """Python's own folding loses the blank between two encoded words that stand on two lines."""

    def fold(self, *, policy: Policy[Message[str, str]]) -> str:
        words = Header(str(self), None if self.isascii() else "utf-8", header_name=self.name)
        return f"{self.name}: {words.encode(linesep=policy.linesep)}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("subject", Subject)
POLICY = EmailPolicy(header_factory=HEADERS)


def written(mail: Mail, sender: str) -> EmailMessage:
    letter = EmailMessage(policy=POLICY)
    letter["From"], letter["To"] = sender, mail.to
    letter["Subject"] = clip(one_line(mail.subject), SUBJECT)
    letter["Date"] = format_datetime(mail.at)
    letter["Message-ID"] = _id(f"{mail.key} {mail.to}", sender)
    letter["Auto-Submitted"] = "auto-generated"  # holiday notices do not answer it
    if mail.thread:
        letter["In-Reply-To"] = letter["References"] = _id(f"{mail.thread} {mail.to}", sender)
    letter.set_content(mail.text)
    if mail.html:
        letter.add_alternative(mail.html, subtype="html")
    return letter


def _id(key: str, sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
