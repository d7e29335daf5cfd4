"""views.*: modals and homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import views
from sandbox.slack.api import TIER_4, Args, method
from sandbox.slack.model import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


@method("views.open", TIER_4)
def open_view(workspace: Workspace, args: Args) -> Json:
    return {"view": views.open_view(workspace, args.need("trigger_id"), args.nested("view"))}


@method("views.push", TIER_4)
def push(workspace: Workspace, args: Args) -> Json:
    return {"view": views.open_view(workspace, args.need("trigger_id"), args.nested("view"), push=True)}


@method("views.update", TIER_4)
def update(workspace: Workspace, args: Args) -> Json:
    ids = {"id": args.text("view_id"), "external_id": args.text("external_id"), "hash": args.text("hash")}
    return {"view": views.update(workspace, args.nested("view"), **ids)}


@method("views.publish", TIER_4)
def publish(workspace: Workspace, args: Args) -> Json:
    user = args.need("user_id")
    return {"view": views.publish(workspace, user, args.nested("view"), args.text("hash"))}
