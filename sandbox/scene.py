"""What a story can do in the sandbox, and what it can expect: one small function for each word of a story file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.kube.store import APPLICATIONS
from sandbox.transcript import plain

if TYPE_CHECKING:
    from sandbox.world import Sandbox

Message = dict[str, Any]
Did = Callable[[str, str, str], None]  # who, where, what


class NotYet(Exception):
    """Not possible, or not true, so far. The text says what is missing."""


class Scene:
    """Finds people, channels and messages by the names that a story uses.

    A name with `{n}` is bound when a channel is first expected: `inc-{n}-checkout` to the newest such channel; from
    then on `{n}` stands for that number wherever it is written.
    """

    def __init__(self, world: Sandbox, tempo: float = 1.0, did: Did | None = None) -> None:
        self.world, self.tempo = world, tempo
        self.did: Did = did or (lambda who, where, what: None)  # is told of what nobody can read in the chat
        self.bound: dict[str, str] = {}
        self.began = self.step_began = self._moment()

    def begin_step(self) -> None:
        self.step_began = self._moment()

    def _moment(self) -> str:
        """A moment as messages have them: later than all that was said before."""
        with self.world.workspace.lock:
            return self.world.workspace.ts()

    def fill(self, value: Any) -> Any:
        """Put what is bound in the place of its name."""
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda m: self.bound.get(m[1], m[0]), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return {k: self.fill(v) for k, v in value.items()} if isinstance(value, dict) else value

    def user(self, who: str) -> str:
        for person in self.world.workspace.people.values():
            if person.handle == who:
                return str(person.id)
        raise NotYet(f"there is no person {who}")

    def channel(self, where: str) -> Any:
        name = where.removeprefix("#")
        for channel in list(self.world.workspace.channels.values()):
            if channel.name == name:
                return channel
        raise NotYet(f"there is no channel #{name}")

    def enter(self, who: str, where: str) -> tuple[str, Any]:
        """The person and the channel, which they join first if they are not in it."""
        user, channel = self.user(who), self.channel(where)
        if user not in channel.members:
            self.world.workspace.join(user, channel.id)
        return user, channel

    def messages(self, where: str) -> list[Message]:
        """Oldest first, threads included."""
        return [m for _, m in sorted(self.channel(where).messages.items())]

    def message(self, where: str, says: str | list[str], by: str = "", since: str = "") -> Message:
        """The newest message in a channel, written or edited since the story began, that says all of this."""
        recent = [m for m in self.messages(where) if changed_at(m) > (since or self.began)]
        found = [m for m in recent if contains(m, says) and self.wrote(m, by)]
        if not found:
            raise NotYet(
                f"nobody said {quoted(says)} in {where}" if not by else f"{by} did not say {quoted(says)} in {where}"
            )
        return found[-1]

    def wrote(self, message: Message, by: str) -> bool:
        if by == "bot":
            return bool(message.get("bot_id"))
        return not by or message.get("user") == self.user(by)

    def with_button(self, who: str, where: str, action: str, value: str | None) -> tuple[str, Message]:
        """The newest message or ephemeral one that has this button, and the button."""
        seen = self.messages(where) + list(self.world.workspace.ephemerals(self.channel(where).id, self.user(who)))
        for message in sorted(seen, key=lambda m: str(m["ts"]), reverse=True):
            for element in elements(message.get("blocks", [])):
                if element.get("action_id") == action and value in (None, element.get("value")):
                    return message["ts"], element
        raise NotYet(f"{who} sees no button {action}{f' ({value})' if value else ''} in {where}")

    def view(self, who: str) -> Message:
        opened = self.world.workspace.views.get(self.user(who))
        if not opened:
            raise NotYet(f"no modal is open for {who}")
        return dict(opened[-1])


def changed_at(message: Message) -> str:
    return str((message.get("edited") or {}).get("ts") or message["ts"])


def contains(message: Message, says: str | list[str]) -> bool:
    text = plain(message).lower()
    return all(part.lower() in text for part in ([says] if isinstance(says, str) else says))


def quoted(says: str | list[str]) -> str:
    return " and ".join(f"“{part}”" for part in ([says] if isinstance(says, str) else says))


def elements(value: Any) -> list[dict[str, Any]]:
    """Everything interactive in blocks."""
    if isinstance(value, list):
        return [found for item in value for found in elements(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if "action_id" in value else []
    return own + [found for inner in value.values() if isinstance(inner, list | dict) for found in elements(inner)]


# --- what happens


def ship(scene: Scene, service: str, version: str, actor: str = "ci") -> None:
    """CI deploys a version."""
    deploy = scene.world.shop.ship(service, version, actor)
    scene.did(actor, service, f"ships {deploy.version}")


def serve(scene: Scene, service: str, version: str) -> None:
    """Put a version into the spec with nobody told: the state in which a story begins."""
    scene.world.cluster.deploy(service, f"shop/{service}:{version}", by="setup")


def steps(scene: Scene, service: str, canary: list[dict[str, Any]]) -> None:
    """Give a rollout its canary steps. `pause: {seconds: 10}` follows the story's pace, `duration` does not."""
    paced = [pace_of(step, scene.tempo) for step in canary]
    scene.world.cluster.patch(service, {"spec": {"strategy": {"canary": {"steps": paced}}}}, by="setup")


def pace_of(step: dict[str, Any], tempo: float) -> dict[str, Any]:
    seconds = (step.get("pause") or {}).get("seconds")
    if seconds is None:
        return step
    lasts = round(seconds * tempo * 1000)
    return {"pause": {"duration": f"{lasts}ms" if lasts % 1000 else f"{lasts // 1000}s"}}


def scale(scene: Scene, service: str, servers: int) -> None:
    """Give a service so many servers."""
    scene.world.cluster.patch(service, {"spec": {"replicas": servers}}, by="setup")


def stuck(scene: Scene, node: str, service: str, version: str, runs: str) -> None:
    """A node takes another version for this one, as it has that under the same name. Nobody is told."""
    scene.world.cluster.keep_old_image(node, f"shop/{service}:{version}", f"shop/{service}:{runs}")


def clean(scene: Scene, who: str, node: str) -> None:
    """Somebody empties a node's image cache and starts its pods anew."""
    scene.world.cluster.clean_node(node)
    scene.did(who, node, "empties the image cache and starts the pods anew")


def flag(scene: Scene, who: str, service: str, misread_by: str) -> None:
    """Somebody switches on a flag, whose name meant another thing to an old version."""
    scene.world.shop.reuse_flag(service, misread_by)
    scene.did(who, service, "switches on a flag")


def lose_prices(scene: Scene, service: str, version: str) -> None:
    """The pages of a version will have no prices. Nobody is told, and nothing that is measured shows it."""
    scene.world.shop.lose_prices(service, version)


def vendor(scene: Scene, down: bool) -> None:
    """The payment processor goes down, or comes back; its status page says so."""
    scene.world.shop.vendor(down)


def storm(scene: Scene, service: str, alerts: int, seconds: float) -> None:
    """So many pods of a service raise an alert each, one after the other over so many seconds."""
    scene.world.shop.storm(alerts, service, seconds)


def keep(scene: Scene, service: str, app: str = "shop", self_heal: bool = True) -> None:
    """From now on Argo CD keeps a service at what Git says."""
    scene.world.cluster.argo_cd(service, app=app, automated={"prune": True, "selfHeal": self_heal})


def revert(scene: Scene, service: str, who: str) -> None:
    """Somebody reverts the last commit to the service's repository and pushes."""
    repository = scene.world.cluster.repository(service)
    if repository is None:
        raise NotYet(f"{service} is in no repository")
    scene.did(who, service, f"git revert {repository.head[:10]} && git push")
    scene.world.cluster.revert(repository)


def type_(scene: Scene, who: str, where: str, text: str, thread: str = "") -> None:
    """Somebody writes: a command if it begins with a slash, in the thread of the newest message that says `thread`."""
    workspace, (user, channel) = scene.world.workspace, scene.enter(who, where)
    if text.startswith("/"):
        scene.did(who, where, text)
        workspace.command(user, channel.id, text)
        return
    parent = scene.message(where, thread)["ts"] if thread else None
    workspace.post(user, channel.id, text, thread=parent)


def press(scene: Scene, who: str, where: str, action: str, value: str | None = None) -> None:
    """Somebody presses the newest button with this action id (and value, if given)."""
    ts, button = scene.with_button(who, where, action, value)
    scene.did(who, where, f"presses [{(button.get('text') or {}).get('text', action)}]")
    user, channel = scene.enter(who, where)
    scene.world.workspace.press(user, channel.id, ts, action, button.get("value"))


def submit(scene: Scene, who: str, values: dict[str, Any]) -> None:
    """Somebody fills in and sends the modal that is open; `values` are by block id."""
    view = scene.view(who)
    missing = [block for block in values if block not in {b.get("block_id") for b in view.get("blocks", [])}]
    if missing:
        raise NotYet(f"the modal has no field {', '.join(missing)}")
    scene.did(who, "", "sends the form: " + " · ".join(str(value) for value in values.values()))
    if wrong := scene.world.workspace.submit(scene.user(who), view["id"], values):
        raise NotYet(f"the modal says {wrong}")


def pin(scene: Scene, who: str, where: str, says: str | list[str]) -> None:
    """Somebody pins the newest message that says this."""
    message = scene.message(where, says)
    user, channel = scene.enter(who, where)
    scene.world.workspace.pin(user, channel.id, message["ts"])
    scene.did(who, where, f"pins “{message['text'][:60]}…”")


def slack_away(scene: Scene, away: bool) -> None:
    """Slack stops answering anybody, or answers again."""
    scene.world.workspace.faults.cut(away)
    scene.did("slack", "", "is away" if away else "is back")


def terminal(scene: Scene, who: str, text: str, where: str = "") -> None:
    """Somebody types a line in a terminal. A line that is offered as [Confirm] is `{confirm}` from then on."""
    user, channel = scene.user(who), scene.channel(where).id if where else ""
    scene.did(who, "terminal", text)
    said = scene.world.terminal.type(text, user, channel)
    scene.did("watchkeeper", "terminal", said)
    if offered := re.search(r"\[Confirm\]\s+(/.+)", said):
        scene.bound["confirm"] = offered[1].strip()


def wait(scene: Scene, seconds: float) -> None:
    """Nothing happens until so long after the step began, at whatever pace."""
    if float(scene.step_began) + seconds > float(scene.world.workspace.seconds()):
        raise NotYet(f"{seconds} seconds are not over")


# --- what is then true


def channel_exists(scene: Scene, name: str) -> None:
    pattern = re.compile(re.escape(name).replace(r"\{n\}", r"(?P<n>\d+)"))
    found = [m for c in list(scene.world.workspace.channels.values()) if (m := pattern.fullmatch(c.name))]
    if not found:
        raise NotYet(f"there is no channel #{name}")
    if "n" in pattern.groupindex:
        scene.bound["n"] = max((m["n"] for m in found), key=int)


def channels_are(scene: Scene, begin: str, count: int) -> None:
    """So many channels have a name that begins so."""
    found = [c.name for c in list(scene.world.workspace.channels.values()) if c.name.startswith(begin)]
    if len(found) != count:
        raise NotYet(f"there are {len(found)} channels {begin}…, not {count}")


def message_says(scene: Scene, where: str, says: str | list[str], by: str = "", new: bool = False) -> None:
    """Somebody said all of this, in any case. `new`: written or edited since this step began."""
    scene.message(where, says, by, scene.step_began if new else "")


def only_to(scene: Scene, who: str, where: str, says: str | list[str]) -> None:
    """Somebody was shown this, and nobody else."""
    shown = scene.world.workspace.ephemerals(scene.channel(where).id, scene.user(who))
    if not any(contains(m, says) and changed_at(m) > scene.began for m in shown):
        raise NotYet(f"{who} was not shown {quoted(says)} in {where}")


def button_for(scene: Scene, who: str, where: str, action: str, value: str | None = None) -> None:
    scene.with_button(who, where, action, value)


def modal_open(scene: Scene, who: str, says: str | list[str] = "") -> None:
    """A form is open for somebody, with these words in it, be they shown or filled in."""
    text = json.dumps(scene.view(who), ensure_ascii=False)
    for part in [says] if isinstance(says, str) else says:
        if part not in text:
            raise NotYet(f"the form of {who} does not say “{part}”")


def members(scene: Scene, where: str, who: list[str]) -> None:
    present = scene.channel(where).members
    if absent := [name for name in who if scene.user(name) not in present]:
        raise NotYet(f"{', '.join(absent)} is not in {where}")


def rollout_is(
    scene: Scene,
    service: str,
    phase: str | None = None,
    stable: str | None = None,
    current: str | None = None,
    weight: int | None = None,
    aborted: bool | None = None,
    weight_from: int = 0,
) -> None:
    """`weight_from`: at least so much; at a quick pace a step may be over before anybody looks."""
    workload = scene.world.cluster.workload(service)
    wanted = {"phase": phase, "stable": stable, "current": current, "weight": weight, "aborted": aborted}
    wrong = [
        f"{key} is {getattr(workload, key)}, not {value}"
        for key, value in wanted.items()
        if value is not None and getattr(workload, key) != value
    ]
    if workload.weight < weight_from:
        wrong.append(f"weight is {workload.weight}, not {weight_from} or more")
    if wrong:
        raise NotYet(f"of {service}, {', '.join(wrong)}")


def gitops_is(scene: Scene, app: str = "shop", automated: bool = True) -> None:
    """Whether Argo CD syncs an app by itself."""
    found = scene.world.cluster.store.get(APPLICATIONS, "argocd", app)
    if bool(found["spec"]["syncPolicy"].get("automated")) != automated:
        raise NotYet(f"{app} is {'not ' if automated else ''}synced automatically")


def alert_is(scene: Scene, name: str, firing: bool) -> None:
    now_firing = any(a.labels["alertname"] == name for a in scene.world.shop.alertmanager.firing)
    if now_firing != firing:
        raise NotYet(f"the alert {name} is {'not ' if firing else 'still '}firing")


def errors_are(scene: Scene, service: str, above: float | None = None, below: float | None = None) -> None:
    """The part of requests that fail."""
    ratio = scene.world.shop.measure(service).error_ratio
    if (above is not None and ratio <= above) or (below is not None and ratio >= below):
        raise NotYet(f"{ratio:.1%} of {service}'s requests fail")


def phone_rang(scene: Scene, says: str | list[str]) -> None:
    """The phone of the on-call rang, and said all of this."""
    if not any(contains({"text": said}, says) for said in scene.world.phone.heard):
        raise NotYet(f"the phone did not say {quoted(says)}")


def file_is(scene: Scene, where: str, name: str) -> None:
    """A file of this name was shared in a channel."""
    recent = [m for m in scene.messages(where) if changed_at(m) > scene.began]
    shared = [f.get("name") for m in recent for f in m.get("files", [])]
    if name not in shared:
        raise NotYet(f"there is no file {name} in {where}")


ACTIONS: Mapping[str, Callable[..., None]] = {
    "ship": ship,
    "serve": serve,
    "steps": steps,
    "type": type_,
    "press": press,
    "submit": submit,
    "pin": pin,
    "scale": scale,
    "stuck": stuck,
    "clean": clean,
    "flag": flag,
    "lose_prices": lose_prices,
    "vendor": vendor,
    "storm": storm,
    "keep": keep,
    "revert": revert,
    "slack": slack_away,
    "terminal": terminal,
    "wait": wait,
}
EXPECTATIONS: Mapping[str, Callable[..., None]] = {
    "channel": channel_exists,
    "channels": channels_are,
    "message": message_says,
    "only_to": only_to,
    "button": button_for,
    "modal": modal_open,
    "members": members,
    "rollout": rollout_is,
    "gitops": gitops_is,
    "alert": alert_is,
    "errors": errors_are,
    "file": file_is,
    "phone": phone_rang,
}
