"""auth.*, apps.*, users.*, usergroups.*, team.* and bots.*: who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.slack import model
from sandbox.slack.api import TIER_2, TIER_3, TIER_4, Args, cursor, method, page
from sandbox.slack.model import Json, SlackError
from sandbox.slack.rates import UNLIMITED

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


@method("auth.test", UNLIMITED)
def test(workspace: Workspace, args: Args) -> Json:
    return {
        "url": f"{workspace.web}/",
        "team": model.TEAM_NAME,
        "user": workspace.people[model.BOT_USER].handle,
        "team_id": model.TEAM,
        "user_id": model.BOT_USER,
        "bot_id": model.BOT_ID,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", TIER_3, app_token=True)
def connect(workspace: Workspace, args: Args) -> Json:
    where = urlsplit(workspace.web)
    scheme = "wss" if where.scheme == "https" else "ws"
    ticket = workspace.tickets.socket()
    return {"url": f"{scheme}://{where.netloc}/link/?ticket={ticket}&app_id={model.APP_ID}"}


@method("users.info", TIER_4, "users:read")
def info(workspace: Workspace, args: Args) -> Json:
    return {"user": _user(workspace, workspace.person(args.need("user", "user_not_found")))}


@method("users.list", TIER_2, "users:read")
def people(workspace: Workspace, args: Args) -> Json:
    found, next = page(list(workspace.people.values()), args)
    return {"members": [_user(workspace, one) for one in found], "cache_ts": workspace.seconds(), **cursor(next)}


@method("users.lookupByEmail", TIER_3, "users:read.email")
def by_email(workspace: Workspace, args: Args) -> Json:
    email = args.need("email", "users_not_found").lower()
    for one in workspace.people.values():
        if one.email == email and not one.is_bot and not one.deleted:
            return {"user": _user(workspace, one)}
    raise SlackError("users_not_found")


def _user(workspace: Workspace, person: model.Person) -> Json:
    return person.as_json(with_email=workspace.app.may("users:read.email"))


@method("usergroups.list", TIER_2, "usergroups:read")
def groups(workspace: Workspace, args: Args) -> Json:
    return {"usergroups": [one.as_json(args.flag("include_users")) for one in workspace.groups.values()]}


@method("usergroups.users.list", TIER_2, "usergroups:read")
def members(workspace: Workspace, args: Args) -> Json:
    group = workspace.groups.get(args.need("usergroup", "no_such_subteam"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


@method("team.info", TIER_3, "team:read")
def team(workspace: Workspace, args: Args) -> Json:
    found = {"id": model.TEAM, "name": model.TEAM_NAME, "domain": model.DOMAIN, "url": f"{workspace.web}/"}
    return {"team": {**found, "email_domain": "corner-shop.example", "icon": {}}}


@method("bots.info", TIER_3, "users:read")
def bot(workspace: Workspace, args: Args) -> Json:
    if args.text("bot", model.BOT_ID) != model.BOT_ID:
        raise SlackError("bot_not_found")
    who = {"id": model.BOT_ID, "app_id": model.APP_ID, "user_id": model.BOT_USER}
    return {
        "bot": {**who, "name": workspace.people[model.BOT_USER].handle, "deleted": False, "updated": 0, "icons": {}}
    }
