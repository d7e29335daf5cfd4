from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from bot.model import Phase, Role, Severity, Verb
from bot.policy import Asked, Group, Policy, Rota, Route, Rule, Then, Verification
from bot.signals import SIGNALS
from handlers.app import oncalls
from handlers.config import Config
from handlers.intake import SENDERS, generic
from handlers.settings import Misconfigured, load, parse

ROOT = Path(__file__).parent.parent.parent


def complaint(text: str) -> str:
    with pytest.raises(Misconfigured) as error:
        parse(text, "config.yml")
    return str(error.value)


def test_no_file_is_the_default_policy():
    settings = load({"WATCHKEEPER_HOOK_TOKEN": "t"})
    assert settings.policy == Policy()
    assert {name: source.secrets for name, source in settings.sources.items()} == dict.fromkeys(SENDERS, ("t",))
    assert settings.listen == ("127.0.0.1", 8080)


def test_the_example_shows_every_default():
    """Sections that are examples aside, the example file is the default configuration."""
    text = (ROOT / "config.example.yml").read_text()
    shown, default = parse(text, "config.example.yml"), Config()
    examples = {"routes", "senders", "clusters", "prometheus", "oncall", "services", "probes", "vendors"} | {
        "status",
        "pages",
        "smtp",
        "broadcasts",
        "people",
        "page",
    }
    assert shown.policy().update_minutes == default.policy().update_minutes
    assert shown.policy().roles == default.policy().roles
    for name in set(Config.model_fields) - examples - {"updates", "roles"}:
        assert getattr(shown, name) == getattr(default, name), name


def test_the_example_shows_every_setting():
    text = (ROOT / "config.example.yml").read_text()
    models = [Config]
    while models:
        model = models.pop()
        for name, info in model.model_fields.items():
            assert f"{info.alias or name}:" in text, f"config.example.yml does not show {model.__name__}.{name}"
            models += [part for part in _parts(info.annotation) if part not in models]


def _parts(annotation) -> list:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [part for inner in getattr(annotation, "__args__", ()) for part in _parts(inner)]


def test_a_typo_is_named_with_its_line():
    text = "announce: '#incidents'\nservices:\n  checkout:\n    oncal: storefront\n"
    assert complaint(text) == "config.yml line 4: services.checkout.oncal: unexpected key."


TWICE = "clusters: {main: {kubeconfig: k}}\nservices: {a: {environment: staging, rollout: {cluster: main}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("opens_at: terrible", "line 1: opens_at: write a severity as SEV1 to SEV5"),
        ("\ncooling: soon", "line 2: cooling: write a duration as 90s, 30m, 3h or 7d"),
        ("senders: {alertmanger: {}}", "unknown sender 'alertmanger'; did you mean alertmanager?"),
        ("services: {a: {oncall: shop}}", "services.a: unknown on-call 'shop'; known: none"),
        ("services: {a: {rollout: {cluster: main}}}", "services.a.rollout.cluster: unknown cluster 'main'"),
        (
            f"{TWICE}, environments: {{staging: {{}}}}}}}}",
            "environments.staging: it is the service's own `environment`",
        ),
        (f"{TWICE}, environments: {{production: {{}}}}}}}}", "say it above, and staging here"),
        (f"{TWICE}, environments: {{eu west: {{}}}}}}}}", "services.a.environments.eu west"),
        (f"{TWICE}, environments: {{qa: {{oncall: shop}}}}}}}}", "services.a.environments.qa: unknown on-call 'shop'"),
        (f"{TWICE}, environments: {{qa: {{rollot: {{}}}}}}}}}}", "services.a.environments.qa.rollot: unexpected key"),
        (
            f"{TWICE}, environments: {{qa: {{rollout: {{}}}}}}}}}}",
            "line 2: services.a.environments.qa.rollout: a staging has the same, a in default",
        ),
        (
            f"{TWICE}}}, b: {{rollout: {{cluster: main, name: a}}}}}}",
            "services.b.rollout: a staging has the same, a in default of main",
        ),
        (
            "services: {a: {environment: prod}}",
            "services.a: environment prod: what senders call so is read as production",
        ),
        (f"{TWICE}, environments: {{QA: {{}}}}}}}}", "environment QA: what senders call so is read as qa; write qa"),
        ("services: {a b: {}}", "'a b' does not look right (one word without /"),
        ("services: {a: {owners: [x]}}", "owners.0: 'x' does not look right (a Slack member id"),
        ("clusters: {main: {}}", "give either kubeconfig or in_cluster"),
        ("oncall: {a: {}}", "give either people (a rota) or usergroup"),
        ("oncall: {a: {people: [U1], ical: 'https://a/b.ics'}}", "give either people (a rota) or usergroup"),
        ("oncall: {a: {ical: 'a/b.ics'}}", "oncall.a.ical: 'a/b.ics' does not look right (http://, https:// or webcal"),
        ("oncall: {a: {usergroup: S1, overrides: [{who: U1, from: 2026-01-01, to: 2026-01-02}]}}", "for people"),
        ("oncall: {a: {people: [U1], overrides: [{who: U1, from: 2026-01-02, to: 2026-01-02}]}}", "to must be after"),
        ("oncall: {a: {pagerduty: {token_env: T}}}", "give schedule or escalation_policy"),
        ("people: {U1: {phone: call me}}", "people.U1.phone: 'call me' does not look right (a phone number"),
        ("people: {dana: {}}", "people.dana"),
        ("page: {at: bad}", "page.at: write a severity as SEV1 to SEV5"),
        ("page: {escalate_after: 1s}", "escalate_after: 30s is the least"),
        ("a: [", "this is not YAML"),
        (
            "services:\n  a: {}\n  b: {}\n  a: {oncall: shop}\n",
            "config.yml line 4: this is not YAML: a stands here a second",
        ),
        ("services: &again [*again]", "an anchor"),
        ("- a", "the file must hold settings"),
        ("commands: {incident: incident}", "commands.incident"),
        ("services: {a: {roles: {cook: b}}}", "services.a.roles: unknown role 'cook'; known: commander, comms, ops"),
        ("routes: [{match: {a: b}, roles: {oops: b}}]", "routes.0.roles: unknown role 'oops'; did you mean ops?"),
        ("roles: {scribe: null}\nmay: {publish: [scribe]}", "may.publish: unknown role 'scribe'"),
        ("roles: {commander: null}", "roles.commander: every incident can have one"),
        ("roles: {ops: {title: '<!here>'}}", "roles.ops.title: '<!here>' does not look right (words, without marks"),
        ("roles: {boss: null}", "roles.boss: unknown role 'boss'; known: commander, comms, ops, scribe"),
        (
            "services: {checkout: {}}\nstatus: {components: {shop: {services: [chekout]}}}",
            "status.components.shop.services: unknown service 'chekout'; did you mean checkout?",
        ),
        ("roles: {lead: {}}", "roles.lead: this word means something else already"),
        ("roles: {a: {title: ops lead}}", "roles: two of them are called ops lead"),
        (f"roles: {{{', '.join(f'r{n}: {{}}' for n in range(5))}}}", "roles: at most 8"),
        ("roles: {ops: {who: [roles]}}", "roles.ops.who.0"),
        ("consent: [{who: [king]}]", "consent.0.who: unknown role 'king'; known: commander, comms, oncall"),
        ("consent: [{who: []}]", "consent.0.who"),
        ("consent: [{verbs: [pause]}]", "consent.0: pausing is one press, for everybody; take pause out"),
        ("consent: [{approvals: 9}]", "consent.0.approvals"),
        (
            "probes: {a: {url: shop.example, service: a}}",
            "probes.a.url: 'shop.example' does not look right (http:// or",
        ),
        ("probes: {A: {url: 'http://a', service: a}}", "'A' does not look right (small letters, digits, - and _)"),
        ("probes: {a: {url: 'http://a', service: a, addresses: [b]}}", "probes.a: addresses: 'b' is no IP address"),
        ("probes: {a: {url: 'http://a', service: a, every: 0s}}", "probes.a: every: 1s is the least"),
        ("probes: {a: {url: 'http://a', service: a, expect: {json: {'[': 1}}}}", "json: '[' is no JMESPath"),
        ("probes: {a: {url: 'http://a', service: a, expect: {within: 2m}}}", "at most 1m"),
        ("probes: {a: {url: 'http://a', service: a, expect: {text: ['']}}}", "probes.a.expect.text.0"),
        (
            "vendors: {a: {page: a.example, used_by: [b]}}",
            "vendors.a.page: 'a.example' does not look right (http:// or",
        ),
        ("vendors: {a: {page: 'http://a', used_by: []}}", "vendors.a.used_by"),
        ("broadcasts: [{name: a, audience: public}]", "a: give one of slack, email, statuspage and webhook"),
        (
            "broadcasts: [{name: a, audience: public, slack: {channel: leaders}}]",
            "'leaders' does not look right (#name",
        ),
        ("broadcasts: [{name: a, audience: public, email: {to: [a@b]}}]", "email needs smtp, the mail server"),
        (
            "broadcasts: [&x {name: a, audience: public, slack: {channel: '#a'}}, *x]",
            "broadcasts: a stands here twice",
        ),
        ("updates_approval: [responders]", "updates_approval: responders read everything at once"),
        ("smtp: {host: h, from: nobody}", "smtp.from: 'nobody' does not look right (an address, such as"),
        ("smtp: {host: h, from: a@b, user: u}", "smtp: user and password_env need each other"),
        ("smtp: {host: h, from: a@b, user: u, password_env: P, tls: none}", "for everybody to read"),
        ("vendors: {a: {used_by: [b]}}", "vendors.a: write either page"),
        ("vendors: {a: {page: 'http://a', feed: 'http://a', used_by: [b]}}", "vendors.a: write either page"),
        ("vendors: {a: {page: 'http://a', used_by: [b], every: 1s}}", "vendors.a: every: 10s is the least"),
        (
            "probes: {a: {url: 'http://a', service: a, redirects: true, secret_headers: {x: Y}}}",
            "whoever is redirected to would get them",
        ),
    ],
)
def test_each_mistake_is_one_clear_sentence(text, says):
    said = complaint(text)
    assert says in said
    assert "\n" not in said


def test_what_an_environment_does_not_say_is_as_above_it_but_for_its_servers():
    text = """
clusters: {main: {kubeconfig: k}, west: {kubeconfig: k}}
oncall: {shop: {people: [U1]}, interns: {people: [U2]}}
services:
  checkout:
    oncall: shop
    owners: [U1]
    depends_on: [payments]
    rollback: {respec: true}
    rollout: {cluster: main, namespace: shop, name: shop-checkout}
    servers: [a, b]
    verify: {up: 'up{env="production"}'}
    environments:
      staging: {oncall: interns, rollout: {cluster: west}}
      qa: {owners: []}
"""
    policy = parse(text, "config.yml").policy()
    own, staging, qa = policy.everywhere()
    assert (staging.oncall, staging.owners, staging.depends_on, staging.respec) == (
        "interns",
        ("U1",),
        ("payments",),
        True,
    )
    assert staging.rollout == replace(own.rollout, cluster="west")
    assert (staging.servers, staging.verification) == ((), Verification())
    assert (qa.oncall, qa.owners, qa.rollout) == ("shop", (), None)
    assert policy.rollouts() == (own, staging)


def test_an_empty_file_is_the_default():
    assert parse("# nothing yet\n", "config.yml") == Config()


def test_the_whole_file_becomes_policy():
    text = """
opens_at: 2
severities: {Blocker: SEV1}
updates: {investigating: {SEV1: 5}}
clusters: {main: {kubeconfig: k}}
oncall:
  shop: {people: [U1, U2], start: 2026-01-05T09:00:00Z, turn: 1d}
  pay: {usergroup: S1}
services:
  checkout: {roles: {commander: shop, ops: pay}, rollout: {cluster: main}}
"""
    policy = parse(text, "config.yml").policy()
    assert policy.opens_at is Severity.SEV2
    assert policy.severity_of("blocker") is Severity.SEV1
    assert policy.update_minutes[Phase.INVESTIGATING] == {Severity.SEV1: 5, Severity.SEV2: 15, Severity.SEV3: 15}
    assert policy.oncall["pay"] == Group(id="S1")
    assert isinstance(policy.oncall["shop"], Rota)
    assert policy.oncall["shop"].turn == timedelta(days=1)
    service = policy.services["checkout"]
    assert service.roles == {Role.COMMANDER: "shop", Role.OPS: "pay"}
    assert service.rollout
    assert service.rollout.name == "checkout"


def test_consent_becomes_rules():
    text = """
consent:
  - {verbs: [promote, rollback], environments: [production], who: [commander, "group:S0SRE"], approvals: 1, typed: true}
"""
    policy = parse(text, "config.yml").policy()
    rule = policy.rule(Verb.ROLLBACK, "production")
    assert (rule.who, rule.approvals, rule.typed) == (("commander", "group:S0SRE"), 1, True)
    assert policy.rule(Verb.RESUME, "production") == policy.rule(Verb.ROLLBACK, "staging") == Rule()
    assert Config().policy().rule(Verb.PROMOTE, "production") == Rule()


def test_secrets_may_be_files(tmp_path):
    (tmp_path / "token").write_text("xoxb-1\n")
    settings = load({"SLACK_BOT_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.environment.slack_bot_token == "xoxb-1"
    with pytest.raises(Misconfigured, match="SLACK_BOT_TOKEN_FILE"):
        load({"SLACK_BOT_TOKEN_FILE": str(tmp_path / "none")})


def test_a_secret_is_read_without_the_line_break_that_came_with_it():
    """`echo token | base64` has one, and so has every Kubernetes secret that was made that way."""
    environment = load(
        {"SLACK_BOT_TOKEN": "xoxb-1\n", "WATCHKEEPER_HOOK_TOKEN": " t\n", "SLACK_APP_TOKEN": " "}
    ).environment
    assert (environment.slack_bot_token, environment.watchkeeper_hook_token) == ("xoxb-1", "t")
    assert environment.slack_app_token == ""


@pytest.mark.parametrize("value", ["xoxb-1\nxoxb-2", "xoxb-\x00", "xoxb-1…", "xoxb-\u200b1"])
def test_a_secret_that_no_header_can_carry_is_named_and_not_told(value):
    with pytest.raises(Misconfigured, match="SLACK_BOT_TOKEN holds a character") as error:
        load({"SLACK_BOT_TOKEN": value})
    assert "xoxb" not in str(error.value)
    assert load({"DATABASE_URL": "sqlite:///wächter.db"}).environment.database_url == "sqlite:///wächter.db"


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(Misconfigured, match="does not exist"):
        load({"WATCHKEEPER_CONFIG": str(tmp_path / "config.yml")})


def test_each_sender_may_have_its_own_token_or_none(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump({"senders": {"alertmanager": {"secret_env": "AM"}, "deploys": {"auth": "none"}}}))
    sources = load({"WATCHKEEPER_CONFIG": str(path), "AM": "x"}).sources
    assert (sources["alertmanager"].schemes, sources["alertmanager"].secrets) == (("bearer",), ("x",))
    assert (sources["deploys"].schemes, sources["deploys"].secrets) == ((), ())
    with pytest.raises(Misconfigured, match=r"senders\.alertmanager\.secret_env names AM, which is not set"):
        load({"WATCHKEEPER_CONFIG": str(path)})


@pytest.mark.parametrize("address", ["8080x", "host:port", "1.2.3.4:99999"])
def test_a_bad_address_says_how_to_write_it(address):
    with pytest.raises(Misconfigured, match="write it as"):
        _ = load({"WATCHKEEPER_LISTEN": address}).listen


def test_who_may_declare_is_somebody():
    for who in ("[commander]", "[roles, scribe]"):
        with pytest.raises(Misconfigured, match=r"c\.yml line 1: may: declare: a role is held in an incident"):
            parse(f"may: {{declare: {who}}}", "c.yml")
    assert parse("may: {declare: [commander, oncall]}", "c.yml").policy().may["declare"] == ("commander", "oncall")


def test_a_rollback_may_mend_the_spec_in_general_and_for_each_service() -> None:
    one = "services: {checkout: {}, search: {rollback: {respec: false}}, payments: {rollback: {respec: true}}}\n"
    policies = [parse(text, "c").policy() for text in (one, "rollback: {respec: true}\n" + one)]
    wanted = [{name: service.respec for name, service in policy.services.items()} for policy in policies]
    assert wanted == [
        {"checkout": False, "search": False, "payments": True},
        {"checkout": True, "search": False, "payments": True},
    ]


def test_the_example_shows_the_default_queries():
    assert parse((ROOT / "config.example.yml").read_text(), "config.example.yml").policy().signals == (
        *SIGNALS.values(),
    )
    bare = parse("prometheus: {url: http://prometheus.example}", "c.yml")
    assert bare.policy().signals == (*SIGNALS.values(),)
    assert Config().policy().signals == ()


def test_a_signal_may_be_asked_otherwise_or_left_out():
    text = "prometheus: {url: http://p.example, signals: {errors: 'bad{service=\"{service}\"}', latency: ''}}"
    signals = parse(text, "c.yml").policy().signals
    assert [signal.title for signal in signals] == ["Failing requests", "Requests"]
    assert signals[0].asked_of('a"b', "production") == 'bad{service="a\\"b"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prometheus: {url: p.example}", "write url with http"),
        ("prometheus: {url: http://p.example, signals: {erors: x}}", "did you mean errors"),
        ("prometheus: {}", "url: Field required"),
    ],
)
def test_a_wrong_prometheus_is_one_sentence(text: str, said: str):
    with pytest.raises(Misconfigured, match=said):
        parse(text, "c.yml")


def test_the_token_of_prometheus_is_read_and_not_shown(tmp_path: Path):
    path = tmp_path / "config.yml"
    path.write_text("prometheus: {url: http://p.example, token_env: PROM}")
    with pytest.raises(Misconfigured, match="token_env names PROM, which is not set"):
        load({"WATCHKEEPER_CONFIG": str(path)})
    settings = load({"WATCHKEEPER_CONFIG": str(path), "PROM": "s3cret"})
    assert settings.prometheus_token == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_switch_or_a_number_of_yaml_is_a_word_of_a_sender():
    """ "on" is True to YAML, before anybody of ours sees it."""
    map_ = "{fields: {key: id, title: text, status: s}, statuses: {on: firing, off: resolved, 2: firing, 0: resolved}}"
    part = parse(f"senders: {{boiler: {{sender: generic, map: {map_}}}}}", "c.yml").senders["boiler"].map
    words = {word: generic.said(part.map(), word) for word in ("on", "Yes", "True", "OFF", "2", "0")}
    assert words == dict.fromkeys(("on", "Yes", "True", "2"), "firing") | dict.fromkeys(("OFF", "0"), "resolved")
    with pytest.raises(Misconfigured, match="'well' is none of firing, resolved"):
        parse(f"senders: {{boiler: {{sender: generic, map: {map_.replace('on: firing', 'on: well')}}}}}", "c.yml")


SIGNED = """
senders:
  github: {secret_env: NEW, previous_secret_env: OLD}
  second: {sender: alertmanager, secret_env: NEW, auth: basic, per_minute: 60, largest_mib: 1}
  alarms: {sender: cloudwatch, topics: ["arn:aws:sns:eu-west-1:123456789012:alarms"]}
  pagerduty: {}
  boiler: {sender: generic, map: {fields: {key: id, title: text}}}
  prometheus: {}
  old-monitor: {sender: pagerduty_events, secret_env: NEW}
"""


def test_a_source_has_its_own_name_proof_and_limits(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(SIGNED)
    environ = {"WATCHKEEPER_CONFIG": str(path), "NEW": "n", "OLD": "o", "WATCHKEEPER_HOOK_TOKEN": "t"}
    sources = load(environ).sources
    ways = {name: (source.schemes, source.secrets) for name, source in sources.items()}
    assert ways == {
        "github": (("github",), ("n", "o")),  # while the secret is changed both open
        "second": (("basic",), ("n",)),
        "alarms": (("sns",), ("arn:aws:sns:eu-west-1:123456789012:alarms",)),
        "pagerduty": (("bearer", "pagerduty"), ("t",)),  # with the general token, in either way
        "boiler": (("bearer",), ("t",)),
        "prometheus": (("bearer",), ("t",)),
        "old-monitor": (("pagerduty_events",), ("n",)),
    }
    assert sources["second"].sender is SENDERS["alertmanager"]
    assert (sources["second"].per_minute, sources["second"].largest) == (60, 2**20)
    assert [name for name, source in sources.items() if source.stands_in] == ["prometheus", "old-monitor"]
    assert not any(source.stands_in for source in load({"WATCHKEEPER_HOOK_TOKEN": "t"}).sources.values())


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("github: {auth: hmac}", "unknown scheme 'hmac'"),
        ("github: {previous_secret_env: OLD}", "previous_secret_env needs secret_env"),
        ("github: {auth: none, secret_env: NEW}", "lets everybody in"),
        ("cloudwatch: {auth: sns}", "needs topics"),
        ("cloudwatch: {topics: [alarms]}", "the ARN of an SNS topic"),
        ('cloudwatch: {auth: bearer, topics: ["arn:aws:sns:eu-west-1:123456789012:a"]}', "they are for auth: sns"),
        ("a/b: {sender: github}", "part of an address"),
        ("github: {map: {fields: {key: id, title: t}}}", "only the sender generic is mapped"),
        ("generic: {map: {fields: {key: '[', title: t}}}", "is no JMESPath"),
        ("boiler: {}", "unknown sender 'boiler'"),
        ("{a: {sender: prometheus}, prometheus: {}}", "one Prometheus address"),
        ("{a: {sender: pagerduty_events}, pagerduty_events: {}}", "one PagerDuty address"),
    ],
)
def test_a_sender_that_cannot_be_meant_so_is_told(part, words):
    assert words in complaint(f"senders: {part}" if part.startswith("{") else f"senders:\n  {part}")


def test_who_keeps_an_on_call_is_known_and_its_secret_is_not_shown(tmp_path: Path):
    path = tmp_path / "config.yml"
    path.write_text("oncall: {a: {ical_env: FEED}, b: {pagerduty: {schedule: P1, token_env: KEY}}, c: {usergroup: S1}}")
    environ = {"WATCHKEEPER_CONFIG": str(path), "WATCHKEEPER_HOOK_TOKEN": "t", "FEED": "https://a/hush.ics"}
    with pytest.raises(Misconfigured, match=r"oncall\.b\.pagerduty\.token_env names KEY, which is not set"):
        load(environ)
    settings = load({**environ, "KEY": "hush"})
    assert settings.policy.oncall["a"] == Asked(provider="ical")
    assert settings.oncall_secrets == {"a": "https://a/hush.ics", "b": "hush"}
    assert "hush" not in repr(settings)
    made = oncalls(settings)
    assert {name: type(one).__name__ for name, one in made.items()} == {"a": "Ical", "b": "Schedules"}


ROUTES = """
routes:
  - {match: {alertname: [Watchdog, 7], up: true, gone: null}, then: note}
  - match:
      team: ~shop-.*
    service: "{app}"
    severity: 2
    roles: {commander: storefront}
    then: open
oncall:
  storefront: {usergroup: S0PAY}
"""


def test_routes_become_policy() -> None:
    assert parse(ROUTES, "config.yml").policy().routes == (
        Route(match={"alertname": ("Watchdog", "7"), "up": ("true",), "gone": ("",)}, then=Then.NOTE),
        Route(
            match={"team": ("~shop-.*",)},
            service="{app}",
            severity=Severity.SEV2,
            roles={Role.COMMANDER: "storefront"},
            then=Then.OPEN,
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("~shop-.*", '"~("', "line 5: routes.1.match.team: '(' is no regular expression: missing )"),
        ("team: ~shop-.*", "team: {a: b}", "line 5: routes.1.match.team: write a value, a list of values, or ~"),
        ("then: open", "then: page", "line 9: routes.1.then: "),
        ("commander: storefront", "commander: shop", "line 8: routes.1.roles.commander: unknown on-call 'shop'"),
        ("severity: 2", "severity: bad", "line 7: routes.1.severity: write a severity as SEV1 to SEV5"),
        ("then: note", "than: note", "line 3: routes.0.than: unexpected key"),
    ],
)
def test_a_wrong_route_is_told_with_its_line(old: str, new: str, said: str) -> None:
    assert said in complaint(ROUTES.replace(old, new))


PROBES = """
services: {checkout: {environment: staging}}
probes:
  prices:
    url: https://shop.example/
    service: checkout
    secret_headers: {authorization: PROBE_KEY}
    expect: {text: "€", json: {"length(items) > `3`": true}, within: 2s}
  login: {url: "https://shop.example/login", service: accounts, environment: blue}
"""


def test_a_probe_looks_at_its_service_where_that_runs():
    policy = parse(PROBES, "config.yml").policy()
    assert policy.probes["prices"].expect.text == ("€",)
    assert policy.probes["prices"].expect.json == {"length(items) > `3`": True}
    assert policy.probes_of("checkout", "staging") == ("prices",)
    assert policy.probes_of("accounts", "blue") == ("login",)
    assert policy.probes_of("checkout", "production") == ()


def test_a_probes_secret_is_read_from_the_environment_and_not_shown(tmp_path: Path):
    path = tmp_path / "config.yml"
    path.write_text(PROBES)
    environ = {"WATCHKEEPER_CONFIG": str(path), "WATCHKEEPER_HOOK_TOKEN": "t"}
    with pytest.raises(Misconfigured, match=r"probes\.prices\.secret_headers\.authorization names PROBE_KEY, which is"):
        load(environ)
    settings = load({**environ, "PROBE_KEY": "hush"})
    assert settings.probe_secrets["prices"] == {"authorization": "hush"}
    assert "hush" not in repr(settings)
