"""The configuration: environment and one YAML file, parsed at the door into Policy and friends.

A mistake is one sentence with its line; it never reaches the running bot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError
from yaml.constructor import ConstructorError

from bot.policy import WHO, Policy
from bot.positions import POSITIONS
from handlers.config import Config, SenderPart
from handlers.intake import SENDERS, STAND_INS, Sender, Source


class Misconfigured(Exception):
    """One sentence: what is wrong, where, and what to do. The process ends with code 2."""


class Environment(BaseModel):
    """Read from the environment; a secret NAME may also be a file named by NAME_FILE."""

    slack_bot_token: str = Field(default="", repr=False)
    slack_app_token: str = Field(default="", repr=False)
    slack_signing_secret: str = Field(default="", repr=False)
    slack_api_url: str = "https://slack.com/api/"
    database_url: str = Field(default="sqlite:///watchkeeper.db", repr=False)
    watchkeeper_config: str = "config.yml"
    watchkeeper_listen: str = "127.0.0.1:8080"
    watchkeeper_log: str = "info"
    watchkeeper_hook_token: str = Field(default="", repr=False)
    watchkeeper_api_token: str = Field(default="", repr=False)
    watchkeeper_pages_token: str = Field(default="", repr=False)
    watchkeeper_ledger_key: str = Field(default="", repr=False)


SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "DATABASE_URL",
    "WATCHKEEPER_HOOK_TOKEN",
    "WATCHKEEPER_API_TOKEN",
    "WATCHKEEPER_PAGES_TOKEN",
    "WATCHKEEPER_LEDGER_KEY",
)


def secret(name: str, environ: Mapping[str, str]) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names. "" if neither is set. Raises Misconfigured.

    Without the space around it: a line break at its end is common, and no header can carry it.
    """
    value = environ.get(name, "").strip() or _kept_in_file(name, environ)
    # A database may have a name in any language; the others become headers.
    if not value.isprintable() or not (value.isascii() or name == "DATABASE_URL"):
        raise Misconfigured(f"{name} holds a character that cannot be in it, such as a line break; copy it again.")
    return value


def _kept_in_file(name: str, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{name}_FILE", "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Misconfigured(f"{name}_FILE names {path}, which cannot be read: {why}.") from None


@dataclass(frozen=True)
class Settings:
    environment: Environment
    config: Config
    policy: Policy
    sources: Mapping[str, Source] = field(default_factory=dict)
    configured: bool = False
    prometheus_token: str = field(default="", repr=False)
    away_webhook: str = field(default="", repr=False)
    probe_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    place_secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)  # of buckets
    smtp_password: str = field(default="", repr=False)
    broadcast_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # by the name of the destination
    routing_key: str = field(default="", repr=False)
    oncall_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # by the on-call's name

    @property
    def socket_mode(self) -> bool:
        return bool(self.environment.slack_app_token)

    @property
    def listen(self) -> tuple[str, int]:
        host, _, port = self.environment.watchkeeper_listen.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise Misconfigured(
                f"WATCHKEEPER_LISTEN is {self.environment.watchkeeper_listen!r}; write it as 127.0.0.1:8080."
            )
        return host.strip("[]") or "127.0.0.1", int(port)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Everything that is configured. Raises Misconfigured with one sentence."""
    environ = os.environ if environ is None else environ
    values = {name: environ[name.upper()] for name in Environment.model_fields if name.upper() in environ}
    values |= {name.lower(): secret(name, environ) for name in SECRETS if environ.keys() & {name, f"{name}_FILE"}}
    environment = Environment.model_validate(values)
    config, path = read_config(environ), Path(environment.watchkeeper_config)
    sources, token = _sources(config, environment, environ), _prometheus_token(config, environ)
    return Settings(
        environment,
        config,
        config.policy(),
        sources,
        path.exists(),
        prometheus_token=token,
        away_webhook=_away_webhook(config, environ),
        probe_secrets=_probe_secrets(config, environ),
        place_secrets=_place_secrets(config, environ),
        smtp_password=needed("smtp.password_env", config.smtp.password_env if config.smtp else "", environ),
        broadcast_secrets=_broadcast_secrets(config, environ),
        routing_key=needed(
            "page.pagerduty.routing_key_env",
            config.page.pagerduty.routing_key_env if config.page.pagerduty else "",
            environ,
        ),
        oncall_secrets=_oncall_secrets(config, environ),
    )


def _broadcast_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, part in enumerate(config.broadcasts):
        if part.statuspage:
            setting, variable = "statuspage.token_env", part.statuspage.token_env
        elif part.webhook:
            setting, variable = "webhook.secret_env", part.webhook.secret_env
        else:
            continue
        found[part.name] = needed(f"broadcasts.{number}.{setting}", variable, environ)
    return found


def _oncall_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """The token, or the address of a private feed, of each on-call that is asked elsewhere."""
    found = {}
    for name, part in config.oncall.items():
        if part.pagerduty:
            found[name] = needed(f"oncall.{name}.pagerduty.token_env", part.pagerduty.token_env, environ)
        elif part.ical or part.ical_env:
            found[name] = part.ical or needed(f"oncall.{name}.ical_env", part.ical_env, environ)
    return found


def needed(setting: str, variable: str, environ: Mapping[str, str]) -> str:
    """The secret that a setting names; "" where it names none. Raises Misconfigured where it is not set."""
    found = secret(variable, environ) if variable else ""
    if variable and not found:
        raise Misconfigured(f"{setting} names {variable}, which is not set.")
    return found


def read_config(environ: Mapping[str, str]) -> Config:
    """The file alone; no secret has to be there. Raises Misconfigured."""
    path = Path(environ.get("WATCHKEEPER_CONFIG", Environment().watchkeeper_config))
    if not path.exists() and "WATCHKEEPER_CONFIG" in environ:
        raise Misconfigured(f"WATCHKEEPER_CONFIG names {path}, which does not exist.")
    return parse(_text(path), str(path)) if path.exists() else Config()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not a text file in UTF-8.") from None


def _prometheus_token(config: Config, environ: Mapping[str, str]) -> str:
    if config.prometheus is None or not config.prometheus.token_env:
        return ""
    token = secret(config.prometheus.token_env, environ)
    if not token:
        raise Misconfigured(f"prometheus.token_env names {config.prometheus.token_env}, which is not set.")
    return token


def _away_webhook(config: Config, environ: Mapping[str, str]) -> str:
    """The address that is told when Slack is away. It stands in the environment because it is a key."""
    name = config.away.webhook_env
    url = secret(name, environ) if name else ""
    if name and not url.startswith(("http://", "https://")):
        raise Misconfigured(f"away.webhook_env names {name}, which is not set to an address (https://…).")
    return url


def _probe_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The headers of each probe whose values stand in the environment."""
    found: dict[str, dict[str, str]] = {}
    for name, part in config.probes.items():
        found[name] = {header: secret(variable, environ) for header, variable in part.secret_headers.items()}
        for header, variable in part.secret_headers.items():
            if not found[name][header]:
                raise Misconfigured(f"probes.{name}.secret_headers.{header} names {variable}, which is not set.")
    return found


def _place_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Access key and secret key of each bucket that copies of the status page go to."""
    found: dict[str, tuple[str, str]] = {}
    for name, part in (config.status.exports if config.status else {}).items():
        if not part.bucket:
            continue
        found[name] = secret(part.access_key_env, environ), secret(part.secret_key_env, environ)
        for setting, value in zip(("access_key_env", "secret_key_env"), found[name], strict=True):
            if not value:
                raise Misconfigured(
                    f"status.exports.{name}.{setting} names {getattr(part, setting)}, which is not set."
                )
    return found


def _sources(config: Config, environment: Environment, environ: Mapping[str, str]) -> dict[str, Source]:
    """Without a section every known sender is heard, with the one hook token."""
    parts = dict.fromkeys(SENDERS, SenderPart()) if config.senders is None else config.senders
    return {name: _source(name, part, config.senders is not None, environment, environ) for name, part in parts.items()}


def _source(name: str, part: SenderPart, named: bool, environment: Environment, environ: Mapping[str, str]) -> Source:
    kind = part.sender or name
    sender = part.of(name)
    schemes = _schemes(part, sender)
    return Source(
        name=name,
        sender=sender,
        schemes=schemes,
        secrets=tuple(part.topics) if schemes == ("sns",) else _secrets(name, part, environment, environ),
        set_by=part.secret_env or "WATCHKEEPER_HOOK_TOKEN",
        per_minute=part.per_minute,
        largest=part.largest_mib * 2**20,
        stands_in=named and kind in STAND_INS,
    )


def _schemes(part: SenderPart, sender: Sender) -> tuple[str, ...]:
    """With a secret of its own a sender proves itself in its own way; with the general token, as a bearer too."""
    if part.auth == "none":
        return ()
    if part.auth or part.topics:
        return (part.auth or "sns",)
    own = "url" if sender.auth == "sns" else sender.auth
    return (own,) if part.secret_env else tuple(dict.fromkeys(("bearer", own)))


def _secrets(name: str, part: SenderPart, environment: Environment, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The current one first. While both are set, either opens: that is how a secret is changed without a gap."""
    if part.auth == "none":
        return ()
    if not part.secret_env:
        return (environment.watchkeeper_hook_token,)
    settings = {"secret_env": part.secret_env, "previous_secret_env": part.previous_secret_env}
    found = {setting: secret(variable, environ) for setting, variable in settings.items() if variable}
    for setting, value in found.items():
        if not value:
            raise Misconfigured(f"senders.{name}.{setting} names {settings[setting]}, which is not set.")
    return tuple(found.values())


def parse(text: str, name: str) -> Config:
    """Raises Misconfigured: `config.yml line 7: services.checkout.oncal: unexpected key`."""
    try:
        content = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise Misconfigured(f"{name}{where}: this is not YAML: {getattr(error, 'problem', None) or error}.") from None
    except RecursionError:
        raise Misconfigured(f"{name}: this is nested too deeply, or an anchor (&…) contains itself.") from None
    if content is None:
        return Config()
    if not isinstance(content, dict):
        raise Misconfigured(f"{name}: the file must hold settings as `key: value`.")
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise Misconfigured(_sentence(name, error, lines)) from None


SAID = {"extra_forbidden": "unexpected key"}
EXPECTED = {
    "phone": "a phone number, such as +49 30 901820",
    "email": "an e-mail address, such as dana@example.com",
    "ical": "http://, https:// or webcal://, and a host",
    "schedule": "the id of a PagerDuty schedule, such as PI7DH85",
    "escalation_policy": "the id of a PagerDuty escalation policy, such as PT20YPA",
    "people": "a Slack member id such as U024BE7LH: profile → ⋮ → Copy member ID",
    "owners": "a Slack member id such as U024BE7LH: profile → ⋮ → Copy member ID",
    **dict.fromkeys(
        ("services", "environment", "environments"), "one word without /: it is part of lines and addresses"
    ),
    "usergroup": "a Slack user group's id, such as S0614TZR7",
    "incident": "a slash command, such as /incident",
    "rollout": "a slash command, such as /rollout",
    "channel_prefix": "small letters, digits, - and _",
    "topics": "the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alarms",
    "url": "http:// or https://, and a host",
    "who": f"{', '.join((*WHO, *POSITIONS))} or group: with a Slack user group's id, such as group:S0614TZR7",
    **dict.fromkeys(
        ("declare", "update", "publish", "resolve"), f"everybody, {', '.join((*WHO, *POSITIONS))} or group:S0614TZR7"
    ),
    "emoji": "an emoji's name without colons, such as pushpin",
    "apology": "http:// or https://, and a host",
    "from": "an address, such as Watchkeeper <watchkeeper@example.com>",
    "channel": "#name, or a channel's id",
    "to": "an address, such as leaders@example.com",
    "name": "small letters, digits, - and _",
    "title": "words, without marks such as < & * or _",
    "page": "http:// or https://, and a host",
    "components": "small letters, digits, - and _",
    "exports": "small letters, digits, - and _",
    "endpoint": "http:// or https://, and a host",
    "support": "http:// or https:// and a host, or mailto: and an address",
    "header": "the name of an HTTP header, such as X-Forwarded-Email",
    "probes": "small letters, digits, - and _",
    "vendors": "small letters, digits, - and _",
    "method": "GET, HEAD or POST",
    "version_url": "an address with {server} in it, such as http://{server}:8080/version",
}


def _expected(path: tuple[str, ...]) -> str:
    """By the setting's name, which the place in a list may follow."""
    return next((EXPECTED[part] for part in reversed(path) if part in EXPECTED), EXPECTED["people"])


def _sentence(name: str, error: ValidationError, lines: Mapping[tuple[str, ...], int]) -> str:
    first = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    what = SAID.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        what = f"{first['input']!r} does not look right ({_expected(path)})"
    at = path or tuple(what.partition(":")[0].split("."))  # what concerns two places names one of them
    line = next((lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in lines), 1)
    where = f"{'.'.join(path)}: " if path else ""
    more = f" ({error.error_count() - 1} more after this one)" if error.error_count() > 1 else ""
    return f"{name} line {line}: {where}{what}{more}."


def _lines(node: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of every key, by its path. Raises YAMLError for a key that stands twice: the loader drops the first."""
    found: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in found:
                raise ConstructorError(problem=f"{key.value} stands here a second time", problem_mark=key.start_mark)
            found[here] = key.start_mark.line + 1
            found |= _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            found[(*path, str(number))] = value.start_mark.line + 1
            found |= _lines(value, (*path, str(number)))
    return found
