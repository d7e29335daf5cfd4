"""Who we are in Slack: asked once, before anything is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.errors import ProviderError

FIXES: Mapping[str, str] = {
    "not_authed": "SLACK_BOT_TOKEN is empty: copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions",
    "invalid_auth": "SLACK_BOT_TOKEN is not valid: copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions",
    "account_inactive": "the app was removed from the workspace: install it again and copy the new bot token",
    "token_revoked": "the bot token was revoked: install the app again and copy the new one",
    "token_expired": "the bot token has expired: turn token rotation off for the app, or install it again",
}
TEMPORARY = frozenset({"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"})


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What auth.test said. `scopes` are those that were granted."""

    user: str
    bot: str
    team: str
    url: str  # "https://corner-shop.slack.com/"
    enterprise: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def ours(self) -> tuple[str, str]:
        return self.user, self.bot

    def is_home(self, team: str) -> bool:
        """Whether people of this team belong here: in a shared channel those of other organisations press too.

        Slack leaves the team out of some payloads; then only what it says of the person can tell.
        """
        return not team or team in (self.team, self.enterprise)


def preflight(client: WebClient) -> Identity:
    """One auth.test. Raises ProviderError; a permanent one says what a person has to mend."""
    try:
        said = client.auth_test()
    except SlackApiError as error:
        code = str(error.response.get("error"))
        permanent = error.response.status_code == 200 and code not in TEMPORARY
        raise ProviderError("Slack", FIXES.get(code, f"auth.test answered {code}"), permanent=permanent) from None
    except (OSError, HTTPException) as error:
        raise ProviderError("Slack", f"{client.base_url} cannot be reached ({error}): check SLACK_API_URL") from None
    if not said.get("bot_id"):
        raise ProviderError("Slack", "SLACK_BOT_TOKEN belongs to a person: use the bot's, xoxb-…", permanent=True)
    return Identity(
        user=str(said["user_id"]),
        bot=str(said["bot_id"]),
        team=str(said["team_id"]),
        url=str(said.get("url") or ""),
        enterprise=str(said.get("enterprise_id") or ""),
        scopes=_scopes(said.headers),
    )


def answers(client: WebClient) -> bool:
    """Whether Slack answers at all, be it with a no or with a rate limit."""
    try:
        client.auth_test()
    except SlackApiError as error:
        return error.response.status_code < 500 and error.response.get("error") not in TEMPORARY - {"ratelimited"}
    except (OSError, HTTPException):
        return False
    return True


def _scopes(headers: Mapping[str, str]) -> frozenset[str]:
    granted = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
    return frozenset(scope.strip() for scope in granted.split(",") if scope.strip())
