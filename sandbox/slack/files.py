"""Files and canvases: uploaded in three steps, shared in channels."""

from __future__ import annotations

from collections.abc import Sequence
from mimetypes import guess_type
from pathlib import PurePosixPath

from sandbox.slack import model, talk
from sandbox.slack.model import Canvas, Channel, File, Json, SlackError
from sandbox.slack.state import State

LARGEST = 50_000_000
LARGEST_CANVAS = 1_048_576
TYPES = {"md": ("markdown", "Markdown (raw)"), "txt": ("text", "Plain Text"), "json": ("json", "JSON")}


def announce(state: State, user: str, name: str, length: int) -> File:
    """Step one: a place for the bytes."""
    if not name or length <= 0:
        raise SlackError("invalid_arguments")
    if length > LARGEST:
        raise SlackError("file_upload_size_restricted")
    file = File(state.new_id("F"), name, name, user, state.seconds(), length)
    state.files[file.id] = file
    return file


def receive(state: State, id: str, content: bytes) -> None:
    """Step two: the bytes."""
    file = find(state, id)
    file.content, file.uploaded = content, True


def share(
    state: State, file: File, title: str, channels: Sequence[Channel], thread: str = "", comment: str = ""
) -> None:
    """Step three: people see it."""
    file.title = title or file.title
    for channel in channels:
        spot = {"ts": "", "channel_name": channel.name, "team_id": model.TEAM, "share_user_id": file.user}
        file.shares.setdefault(channel.id, []).append(spot)
        shown = as_json(state, file)
        message = talk.say(
            state, channel, state.person(file.user), comment, thread, subtype="file_share", files=[shown], upload=True
        )
        spot["ts"] = message["ts"]
        about = {"file_id": file.id, "file": {"id": file.id}, "user_id": file.user, "channel_id": channel.id}
        state.emit({"type": "file_shared", **about}, channel)


def find(state: State, id: str) -> File:
    if id not in state.files:
        raise SlackError("file_not_found")
    return state.files[id]


def as_json(state: State, file: File) -> Json:
    extension = PurePosixPath(file.name).suffix.removeprefix(".").lower()
    filetype, pretty = TYPES.get(extension, (extension or "binary", extension.upper() or "Binary"))
    address = f"{state.web}/files/{file.id}/{file.name}"
    public = {id: spots for id, spots in file.shares.items() if not state.channels[id].is_private}
    private = {id: spots for id, spots in file.shares.items() if state.channels[id].is_private}
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": mimetype(file),
        "filetype": filetype,
        "pretty_type": pretty,
        "user": file.user,
        "user_team": model.TEAM,
        "editable": False,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "is_public": bool(public),
        "url_private": address,
        "url_private_download": address,
        "permalink": address,
        "channels": sorted(public),
        "groups": sorted(private),
        "ims": [],
        "shares": {key: value for key, value in (("public", public), ("private", private)) if value},
        "has_rich_preview": False,
    }


def mimetype(file: File) -> str:
    return "text/markdown" if file.name.endswith(".md") else (guess_type(file.name)[0] or "application/octet-stream")


def create_canvas(state: State, title: str, markdown: str, channel: Channel | None = None) -> Canvas:
    """With a channel it is the channel's own, of which there is one."""
    _fits(markdown)
    if channel and channel.canvas:
        raise SlackError("channel_canvas_already_exists")
    canvas = Canvas(state.new_id("F"), title, markdown, channel.id if channel else "")
    state.canvases[canvas.id] = canvas
    if channel:
        channel.canvas = canvas.id
        state.notice(channel.id)
    return canvas


def edit_canvas(state: State, id: str, operation: str, markdown: str) -> None:
    canvas = state.canvases.get(id)
    if canvas is None:
        raise SlackError("canvas_not_found")
    match operation:
        case "replace":
            text = markdown
        case "insert_at_end":
            text = f"{canvas.markdown}\n{markdown}"
        case "insert_at_start":
            text = f"{markdown}\n{canvas.markdown}"
        case _:
            raise SlackError("canvas_editing_failed", detail=f"unsupported operation {operation}")
    _fits(text)
    canvas.markdown = text
    state.notice(canvas.channel)


def _fits(markdown: str) -> None:
    if len(markdown.encode()) > LARGEST_CANVAS:
        raise SlackError("canvas_too_large")
