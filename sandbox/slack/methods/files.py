"""files.*, canvases.* and conversations.canvases.*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import files
from sandbox.slack.api import TIER_2, TIER_3, TIER_4, Args, method
from sandbox.slack.model import BOT_USER, Json, SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


@method("files.getUploadURLExternal", TIER_4, "files:write")
def announce(workspace: Workspace, args: Args) -> Json:
    file = files.announce(workspace, BOT_USER, args.need("filename"), args.number("length", 0))
    return {"upload_url": f"{workspace.web}/upload/{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", TIER_4, "files:write")
def complete(workspace: Workspace, args: Args) -> Json:
    wanted = args.nested("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("invalid_arguments")
    ids = args.names("channels") or args.names("channel_id")
    channels = [workspace.channel_of(id, BOT_USER) for id in ids]
    found = [(files.find(workspace, str(one.get("id"))), str(one.get("title") or "")) for one in wanted]
    if not all(file.uploaded for file, _ in found):
        raise SlackError("file_not_found")
    thread, comment = args.text("thread_ts"), args.text("initial_comment")
    for file, title in found:
        files.share(workspace, file, title, channels, thread, comment)
    return {"files": [files.as_json(workspace, file) for file, _ in found]}


@method("files.info", TIER_4, "files:read")
def info(workspace: Workspace, args: Args) -> Json:
    file = files.find(workspace, args.need("file", "file_not_found"))
    return {"file": files.as_json(workspace, file), "comments": [], "content": file.text}


def markdown(args: Args, holder: Json | None = None) -> str:
    given = (holder if holder is not None else args.given).get("document_content") or {}
    given = Args({"it": given}).nested("it")
    if given and given.get("type") != "markdown":
        raise SlackError("invalid_arguments")
    return str(given.get("markdown") or "")


@method("canvases.create", TIER_2, "canvases:write")
def create(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel_of(args.text("channel_id"), BOT_USER) if "channel_id" in args else None
    return {"canvas_id": files.create_canvas(workspace, args.text("title"), markdown(args), channel).id}


@method("conversations.canvases.create", TIER_2, "canvases:write")
def create_for_channel(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel_of(args.need("channel_id", "channel_not_found"), BOT_USER)
    return {"canvas_id": files.create_canvas(workspace, args.text("title"), markdown(args), channel).id}


@method("canvases.edit", TIER_3, "canvases:write")
def edit(workspace: Workspace, args: Args) -> Json:
    changes = args.nested("changes")
    if not isinstance(changes, list) or len(changes) != 1:
        raise SlackError("invalid_arguments")
    operation = str(changes[0].get("operation"))
    files.edit_canvas(workspace, args.need("canvas_id", "canvas_not_found"), operation, markdown(args, changes[0]))
    return {}
