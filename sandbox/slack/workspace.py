"""The workspace: people act in it, an app is connected to it, and everything goes wrong on demand.

    workspace = Workspace(clock)
    workspace.connect(transport)                                   # the app; see sandbox/slack/events.py
    workspace.command("U0DANA", "C0INCIDENTS", "/incident declare checkout is slow")
    workspace.press("U0BOB", "C0001", ts, "role.claim")

What a person may not do raises SlackError, which says why. Acts return what that person sees, in Slack's JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.slack import api, elements, files, interactions, marks, methods, model, rooms, talk, text, views
from sandbox.slack.events import Ack, Courier, Failed, Transport, wait_until
from sandbox.slack.faults import Faults
from sandbox.slack.model import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, App, Call, Channel, Json, SlackError
from sandbox.slack.rates import Rates
from sandbox.slack.socket import Sockets
from sandbox.slack.state import State

__all__ = ["APP_TOKEN", "BOT_TOKEN", "SIGNING_SECRET", "SlackError", "Workspace", "methods"]

SILENT = "{} did not answer. Nothing may have happened; try again."


class Workspace(State):
    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.faults, self.rates = Faults(self._wake), Rates(clock)
        self.courier = Courier(clock, self.faults, self._wake)
        self.sockets = Sockets(clock, self.courier, self._wake)
        self.faults.on_cut.append(self.sockets.drop)
        self.calls: list[Call] = []
        self.before_call: Callable[[str], None] = lambda method: None

    # ------------------------------------------------------------ the app

    def install(self, manifest: Mapping[str, Any]) -> None:
        """Install the app anew: from now on it may do, hears and offers what its manifest says, and nothing else."""
        with self.lock:
            self.app = App.of(manifest)
            self.people[model.BOT_USER].name = self.app.name
            self.notice()

    @property
    def commands(self) -> list[Json]:
        """What a person can complete: command, description and usage_hint."""
        return [dict(one) for one in self.app.commands or ()]

    @property
    def shortcuts(self) -> list[Json]:
        return [dict(one) for one in self.app.shortcuts or ()]

    def connect(self, transport: Transport) -> None:
        self.courier.connect(transport)

    def disconnect(self, transport: Transport) -> None:
        self.courier.disconnect(transport)

    def call(self, method: str, token: str = BOT_TOKEN, /, **args: Any) -> api.Answer:
        """A Web API call, as over HTTP."""
        return self.answer_call(method, args, token)

    def answer_call(self, method: str, args: Json, token: str) -> api.Answer:
        answer = api.call(self, method, args, token)
        self.flush()
        return answer

    def flush(self) -> None:
        """Hand the events that have come up to the app. Never under the lock: the app may call back at once."""
        while True:
            with self.lock:
                if not self.outgoing:
                    return
                event = self.outgoing.popleft()
            self.courier.send(event)

    def due(self) -> list[datetime]:
        """When a timer runs out next: retries of events, late acks, scheduled messages."""
        with self.lock:
            posts = [datetime.fromtimestamp(one["post_at"], UTC) for one in self.scheduled.values()]
        return sorted([*self.courier.due(), *posts])

    def run_due(self) -> int:
        """Do what the clock says is due, and return how much that was."""
        with self.lock:
            ready = [id for id, one in self.scheduled.items() if one["post_at"] <= self.seconds()]
            for id in ready:
                self._post_scheduled(self.scheduled.pop(id))
        self.flush()
        self.sockets.run_due()
        return len(ready) + self.courier.run_due()

    def _post_scheduled(self, post: Json) -> None:
        channel, content = self.channels[post["channel"]], dict(post["content"])
        if not channel.is_archived:
            bot = self.people[model.BOT_USER]
            talk.say(self, channel, bot, content.pop("text"), content.pop("thread"), **content)

    # ------------------------------------------------------------ what is there to see

    def messages(self, channel: str, thread: str | None = None) -> list[Json]:
        """Oldest first: what stands in the channel, or a thread with the message that it hangs on."""
        with self.lock:
            found = self.channel(channel)
            return deepcopy(talk.in_thread(self, found, thread) if thread else talk.top_level(found))

    def ephemerals(self, channel: str, user: str) -> list[Json]:
        """What only this person sees in the channel, oldest first."""
        with self.lock:
            return deepcopy(self.whispers.get((self.channel(channel).id, user), []))

    def _wake(self) -> None:
        """Something happened that people do not see, but that somebody may wait for."""
        with self.lock:
            self.changed.notify_all()

    def until(self, true: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Wait for something to become true, in real time. False if it did not."""
        return wait_until(self.changed, true, timeout)

    # ------------------------------------------------------------ people talk

    def post(self, user: str, channel: str, said: str, thread: str | None = None) -> Json:
        with self.lock:
            room = self.channel_of(self.channel(channel).id, user)
            message = deepcopy(talk.say(self, room, self.person(user), text.typed(said), thread or ""))
        self.flush()
        return message

    def mention(self, user: str, channel: str, said: str, thread: str | None = None) -> Json:
        return self.post(user, channel, f"<@{model.BOT_USER}> {said}", thread)

    def edit(self, user: str, channel: str, ts: str, said: str) -> Json:
        with self.lock:
            message = deepcopy(talk.change(self, self.channel_of(channel, user), ts, user, text.typed(said)))
        self.flush()
        return message

    def delete(self, user: str, channel: str, ts: str) -> None:
        self._act(lambda: talk.take_back(self, self.channel_of(channel, user), ts, user))

    def react(self, user: str, channel: str, ts: str, name: str) -> None:
        self._act(lambda: marks.react(self, self.channel_of(channel, user), ts, user, name))

    def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        self._act(lambda: marks.unreact(self, self.channel_of(channel, user), ts, user, name))

    def pin(self, user: str, channel: str, ts: str) -> None:
        self._act(lambda: marks.pin(self, self.channel_of(channel, user), ts, user))

    def unpin(self, user: str, channel: str, ts: str) -> None:
        self._act(lambda: marks.unpin(self, self.channel_of(channel, user), ts, user))

    def bookmark(self, user: str, channel: str, title: str, link: str) -> None:
        self._act(lambda: marks.add_bookmark(self, self.channel_of(channel, user), user, title, link))

    # ------------------------------------------------------------ people come and go

    def create(self, user: str, name: str, is_private: bool = False) -> Channel:
        with self.lock:
            channel = rooms.create(self, user, name, is_private)
        self.flush()
        return channel

    def direct(self, user: str, other: str) -> Channel:
        with self.lock:
            return rooms.direct(self, [user, other])[0]

    def join(self, user: str, channel: str) -> None:
        self._act(lambda: rooms.join(self, self.channel(channel), user))

    def leave(self, user: str, channel: str) -> None:
        self._act(lambda: rooms.leave(self, self.channel(channel), user))

    def invite(self, user: str, channel: str, *others: str) -> None:
        self._act(lambda: rooms.invite(self, self.channel_of(channel, user), user, others))

    def topic(self, user: str, channel: str, topic: str) -> None:
        self._act(lambda: rooms.set_topic(self, self.channel_of(channel, user), user, topic))

    def rename(self, user: str, channel: str, name: str) -> None:
        self._act(lambda: rooms.rename(self, self.channel_of(channel, user), user, name))

    def archive(self, user: str, channel: str) -> None:
        self._act(lambda: rooms.archive(self, self.channel(channel), user))

    def unarchive(self, user: str, channel: str) -> None:
        self._act(lambda: rooms.unarchive(self, self.channel(channel), user))

    def _act(self, work: Callable[[], Any]) -> None:
        with self.lock:
            work()
        self.flush()

    # ------------------------------------------------------------ people ask the app

    def command(self, user: str, channel: str, line: str, wait: float = 0.0) -> list[Json]:
        """Type a slash command. Answers come when the app gives them: waits up to `wait` real seconds for the first."""
        name, _, rest = line.strip().partition(" ")
        with self.lock:
            room, known = self.channel(channel), self.app.command(name)
            if user not in room.members or room.is_archived:
                raise SlackError("is_archived" if room.is_archived else "not_in_channel")
            if known is None:
                return [deepcopy(talk.whisper(self, room, user, f"{name} is not a valid command."))]
            token = self.tickets.response(user, room.id)
            payload = interactions.command(self, user, room, known, rest.strip(), token)
        result = self.courier.ask("slash_commands", payload)
        with self.lock:
            self._show(token, name, result)
        self.flush()
        return self._shown(token, wait)

    def _show(self, token: str, name: str, result: Ack | Failed) -> None:
        """What a command's acknowledgement says, or that there was none."""
        response = self.tickets.responses[token]
        room = self.channels[response.channel]
        if isinstance(result, Failed):
            said = f'{name} failed with the error "{result.error}"'
            response.shown.append(talk.whisper(self, room, response.user, said))
        elif result.payload.get("text") or result.payload.get("blocks"):
            interactions.show(self, room, response, result.payload, self._content(result.payload))

    def _shown(self, token: str, wait: float) -> list[Json]:
        shown = self.tickets.responses[token].shown
        self.until(lambda: bool(shown), wait)
        with self.lock:
            return deepcopy(shown)

    def press(
        self,
        user: str,
        channel: str = "",
        ts: str = "",
        action_id: str = "",
        value: Any = None,
        *,
        view_id: str = "",
        block_id: str = "",
        values: Mapping[str, Any] | None = None,
        wait: float = 0.0,
    ) -> list[Json]:
        """Press or choose something in a message (a public one, or one's own ephemeral) or in a view.

        `values` are what was entered in the other elements around it, by block id. Returns the answers so far.
        """
        what, entered, token = (action_id, block_id, value), values or {}, ""
        with self.lock:
            if view_id:
                payload = interactions.press_in_view(self, user, view_id, what, entered)
            else:
                room = self.channel(channel)
                payload, token = interactions.press_in_message(self, user, room, ts, what, entered)
        self._ask(payload)
        return self._shown(token, wait) if token else []

    def submit(self, user: str, view_id: str, values: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Submit a modal. Returns what is wrong by block id: nothing if it was taken."""
        with self.lock:
            view = interactions.with_values(views.theirs(self, user, view_id), values or {})
            if wrong := elements.missing(view["blocks"], view["state"]["values"]):
                return wrong
            payload = interactions.submission(self, user, view)
        reply = self._ask(payload)
        with self.lock:
            return views.answer(self, user, view_id, reply)

    def close_view(self, user: str, view_id: str) -> None:
        with self.lock:
            view = views.close(self, user, view_id)
            payload = interactions.envelope(self, "view_closed", user) | {"view": view, "is_cleared": False}
        if view["notify_on_close"]:
            self.courier.ask("interactive", payload, accepts=False)
            self.flush()

    def shortcut(self, user: str, callback_id: str, message: tuple[str, str] | None = None) -> None:
        """Use a shortcut: a global one, or on the message (channel, ts)."""
        with self.lock:
            if not self.app.has_shortcut(callback_id):
                raise SlackError("no_such_shortcut")
            payload = interactions.shortcut(self, user, callback_id, message)
        self._ask(payload)

    def open_home(self, user: str) -> None:
        """Look at the app's home tab."""
        with self.lock:
            room, _ = rooms.direct(self, [user, model.BOT_USER])
            event: Json = {"type": "app_home_opened", "user": user, "channel": room.id, "tab": "home"}
            if view := self.home.get(user):
                event["view"] = deepcopy(view)
            self.emit(event)
        self.flush()

    def _ask(self, payload: Json) -> Json:
        """Deliver an interaction, and return what the app answered."""
        if not self.app.interactive:
            raise SlackError("not_configured", f"{self.app.name} is not configured to handle interactive responses.")
        result = self.courier.ask("interactive", payload, accepts=payload["type"] == "view_submission")
        self.flush()
        if isinstance(result, Failed):
            raise SlackError(result.error, SILENT.format(self.app.name))
        return result.payload

    def respond(self, token: str, body: Json) -> None:
        """What the app posts to a response URL. Raises SlackError."""
        with self.lock:
            response = self.tickets.answer(token)
            content = {} if body.get("delete_original") else self._content(body)
            interactions.answer(self, response, body, content)
        self.flush()

    def _content(self, body: Json) -> Json:
        return methods.chat.content(self, api.Args(body))

    def upload(self, id: str, content: bytes) -> None:
        """The bytes of a file that the app has announced."""
        with self.lock:
            files.receive(self, id, content)
