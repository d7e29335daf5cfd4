"""A pretend mail server: SMTP as clients speak it, every letter kept to be read, and failures on demand."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage

LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class Letter:
    sender: str
    to: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body else ""


@dataclass
class Post:
    """What the server has taken in, and how it should fail. `password` "": it asks nobody who they are."""

    user: str = ""
    password: str = ""
    crowded: bool = False  # too many log in at once
    letters: list[Letter] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)  # addresses that it has no box for
    busy: int = 0  # so many times it asks to come again later
    lose_answers: int = 0  # so many letters are taken in, and the line is cut before the client hears of it

    def knows(self, user: str, password: str) -> bool:
        return (user, password) == (self.user, self.password)

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if address in letter.to]


class MailServer:
    """Listens on a free port of this machine until it is closed."""

    def __init__(self, post: Post | None = None) -> None:
        self.post = post or Post()
        self.server = _Server(self.post)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), name="mail", daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, post: Post) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.post = post


class _Conversation(socketserver.StreamRequestHandler):
    """One client. Commands that have no method are answered as a server does that does not know them."""

    def handle(self) -> None:
        self.post: Post = self.server.post  # type: ignore[attr-defined]  # ours, see above
        self.known = not self.post.password
        self.sender, self.to = "", [""][:0]
        self.say("220 mail.example ESMTP")
        while line := self.hear():
            verb, _, rest = line.partition(" ")
            answer = getattr(self, f"on_{verb.lower()}", self.unknown)(rest)
            if not answer:
                return
            self.say(answer)

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def hear(self) -> str:
        return self.rfile.readline(LONGEST_LINE).decode("utf-8", "replace").strip()

    def unknown(self, rest: str) -> str:
        return "502 5.5.1 Command not implemented"

    def on_ehlo(self, rest: str) -> str:
        self.say("250-mail.example")
        if self.post.password:
            self.say("250-AUTH PLAIN")
        return "250 8BITMIME"

    def on_auth(self, rest: str) -> str:
        try:
            _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        except ValueError:
            return "501 5.5.2 Cannot decode"
        if self.post.crowded:
            return "454 4.7.0 Too many login attempts"
        self.known = self.post.knows(user, password)
        return "235 2.7.0 Authentication successful" if self.known else "535 5.7.8 Authentication credentials invalid"

    def on_mail(self, rest: str) -> str:
        if not self.known:
            return "530 5.7.0 Authentication required"
        if self.post.busy:
            self.post.busy -= 1
            return "451 4.3.0 Try again later"
        self.sender, self.to = _address(rest), []
        return "250 2.1.0 Ok"

    def on_rcpt(self, rest: str) -> str:
        if (address := _address(rest)) in self.post.unknown:
            return "550 5.1.1 No such mailbox"
        self.to.append(address)
        return "250 2.1.5 Ok"

    def on_data(self, rest: str) -> str:
        if not self.to:
            return "503 5.5.1 No valid recipients"
        self.say("354 End data with <CR><LF>.<CR><LF>")
        lines: list[bytes] = []
        while (line := self.rfile.readline(LONGEST_LINE)) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.post.letters.append(Letter(self.sender, tuple(self.to), message))
        if self.post.lose_answers:
            self.post.lose_answers -= 1
            return ""
        return "250 2.0.0 Ok: queued"

    def on_rset(self, rest: str) -> str:
        self.sender, self.to = "", []
        return "250 2.0.0 Ok"

    def on_noop(self, rest: str) -> str:
        return "250 2.0.0 Ok"

    def on_quit(self, rest: str) -> str:
        self.say("221 2.0.0 Bye")
        return ""


def _address(rest: str) -> str:
    """Of `FROM:<a@b> SIZE=3`."""
    return rest.partition("<")[2].partition(">")[0]
