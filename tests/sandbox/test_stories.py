"""Stories: told step by step, strict in facts, and honest about what did not happen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.clock import FrozenClock
from sandbox.server import application, serve
from sandbox.slack.events import Ack, Delivery
from sandbox.stories import BadStory, Stories, load
from sandbox.transcript import Line, plain
from sandbox.world import Sandbox

INCIDENT = "inc-1-checkout"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))


@pytest.fixture
def world(clock: FrozenClock) -> Sandbox:
    world = Sandbox.build(clock)
    world.workspace.rates.enforced = False
    return world


@pytest.fixture
def told(world: Sandbox, clock: FrozenClock, tmp_path: Path) -> Callable[..., Any]:
    """Tells a story that is given as its steps."""

    def tell(*steps: dict[str, Any], **options: Any) -> Any:
        (tmp_path / "short.yml").write_text(yaml.safe_dump({"title": "Short", "about": "-", "steps": list(steps)}))
        return Stories(world, tmp_path).play("short", pace=0, settle=clock.advance, **options)

    return tell


def test_a_step_happens_when_what_it_leads_to_has_come_true(told: Callable[..., Any], world: Sandbox) -> None:
    run = told(
        {
            "say": "CI ships.",
            "do": [{"ship": {"service": "checkout", "version": "v42"}}],
            "expect": [{"rollout": {"service": "checkout", "weight": 50}}],
        },
        {
            "say": "Carol tells, and Dana answers.",
            "do": [
                {"type": {"as": "carol", "in": "#support", "text": "It is @dana's turn: prices < 0 & wrong"}},
                {"type": {"as": "dana", "in": "#support", "text": "Looking.", "thread": "prices"}},
                {"pin": {"as": "dana", "in": "#support", "says": "prices"}},
            ],
            "expect": [{"message": {"in": "#support", "by": "dana", "says": "looking"}}],
        },
    )
    assert (run.happened, run.state) == (True, "done")
    support = world.workspace.channel("support")
    first, answer = [m for m in support.messages.values() if not m.get("subtype")]
    assert answer["thread_ts"] == first["ts"]
    assert list(support.pins) == [first["ts"]]
    assert [(line.actor, line.where, line.text) for line in run.transcript] == [
        ("story", "", "CI ships."),
        ("ci", "checkout", "ships v42"),
        ("story", "", "Carol tells, and Dana answers."),
        ("carol", "#support", "It is @dana's turn: prices < 0 & wrong"),
        ("dana", "#support", "Looking."),
        ("dana", "#support", "pins “It is @dana's turn: prices < 0 & wrong…”"),
    ]


def test_what_does_not_come_true_ends_the_story_and_says_why(told: Callable[..., Any], clock: FrozenClock) -> None:
    began = clock.now()
    run = told(
        {"say": "All is well.", "expect": [{"errors": {"service": "checkout", "below": 0.01}}]},
        {"say": "Somebody says hello.", "expect": [{"message": {"in": "#general", "says": "hello"}}], "within": 10},
        {"say": "Never told."},
    )
    assert [step.state for step in run.steps] == ["happened", "failed", "waiting"]
    assert (run.happened, run.state) == (False, "failed")
    assert (clock.now() - began).total_seconds() == 10
    assert run.summary() == (
        "✓ All is well.\n✗ Somebody says hello.\n    nobody said “hello” in #general\n· Never told."
    )


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        ({"channel": {"name": "inc-{n}-checkout"}}, "there is no channel #inc-{n}-checkout"),
        ({"rollout": {"service": "checkout", "stable": "v42"}}, "of checkout, stable is v41, not v42"),
        ({"alert": {"name": "Fire", "firing": True}}, "the alert Fire is not firing"),
        ({"errors": {"service": "checkout", "above": 0.1}}, "0.2% of checkout's requests fail"),
        ({"button": {"as": "bob", "in": "#general", "action": "go"}}, "bob sees no button go in #general"),
        ({"only_to": {"as": "bob", "in": "#general", "says": "psst"}}, "bob was not shown “psst” in #general"),
        ({"modal": {"as": "bob"}}, "no modal is open for bob"),
        ({"file": {"in": "#general", "name": "a.md"}}, "there is no file a.md in #general"),
        ({"message": {"in": "#nowhere", "says": "x"}}, "there is no channel #nowhere"),
        ({"members": {"in": "#general", "who": ["zoe"]}}, "there is no person zoe"),
    ],
)
def test_no_expectation_holds_in_an_idle_world(told: Callable[..., Any], expectation: Any, why: str) -> None:
    run = told({"say": "It happens.", "expect": [expectation], "within": 1})
    assert run.steps[0].why == why


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"say": "x", "do": [{"teleport": {}}]}, "teleport is unknown; known are ship, serve, steps, type"),
        ({"say": "x", "expect": [{"rollout": {"service": "a", "speed": 1}}]}, "rollout knows nothing of speed"),
        ({"do": []}, "a step has say"),
        ({"say": "x", "then": []}, "not then"),
    ],
)
def test_a_story_that_makes_no_sense_is_refused(tmp_path: Path, step: Any, says: str) -> None:
    path = tmp_path / "odd.yml"
    path.write_text(yaml.safe_dump({"title": "Odd", "about": "-", "steps": [step]}))
    with pytest.raises(BadStory, match=says):
        load(path)


def test_an_unknown_story_names_the_known_ones(world: Sandbox) -> None:
    with pytest.raises(ValueError, match="there is no story 'atlantis'; there are alert-storm, amazon-checkout"):
        world.stories.play("atlantis")


def test_a_story_can_be_told_in_the_background_and_stopped(world: Sandbox, tmp_path: Path) -> None:
    step = {"say": "It waits.", "expect": [{"message": {"in": "#general", "says": "never"}}], "within": 600}
    (tmp_path / "long.yml").write_text(yaml.safe_dump({"title": "Long", "about": "-", "steps": [step]}))
    stories = Stories(world, tmp_path)
    run = stories.start("long")
    with pytest.raises(ValueError, match="is being told"):
        stories.start("long")
    assert not run.wait(0)
    stories.stop()
    assert run.wait(30)
    assert run.state_as_json()["steps"] == [{"say": "It waits.", "state": "failed", "why": "the story was stopped"}]


def test_lines_read_well_in_a_terminal() -> None:
    at = datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC)
    assert str(Line(at, "dana", "#support", "One.\nTwo.")) == (
        "09:05:07  #support          dana          One.\n" + " " * 42 + "Two."
    )
    assert str(Line(at, "story", "", "A morning.")) == "\n— A morning."


def test_all_that_people_read_in_blocks_is_said_once() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "INC-1"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Sev*"}, {"type": "mrkdwn", "text": "SEV2"}]},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": "by "}, {"type": "user", "user_id": "U1"}],
                }
            ],
        },
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Take"}, "value": "x"}],
        },
    ]
    assert plain({"text": "INC-1", "blocks": blocks}) == "INC-1\n*Sev*\nSEV2\nby <@U1>\n[Take]"


# --- the story of the demo, with an understudy in the place of the bot


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action: str, text: str, value: str) -> dict[str, Any]:
    element = {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, "value": value}
    return {"type": "actions", "elements": [element]}


def field(id: str) -> dict[str, Any]:
    label = {"type": "plain_text", "text": id}
    return {"type": "input", "block_id": id, "label": label, "element": {"type": "plain_text_input", "action_id": id}}


class Understudy:
    """Plays the bot's part and nothing more: it says what the story expects, when it is asked."""

    def __init__(self, world: Sandbox) -> None:
        self.world, self.slack = world, world.workspace
        self.slack.connect(self.hear)
        world.shop.hooks.deliver = self.webhook

    def webhook(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        if path == "/hooks/alertmanager" and json.loads(body)["status"] == "firing":
            self.slack.call("conversations.create", name=INCIDENT)
            self.slack.call("conversations.invite", channel=self.channel, users="U0DANA,U0BOB,U0ALICE")
            self.say(
                "INC-1 checkout SEV2 · Commander <@U0DANA> · suspect v42", button("ask.role.comms", "Take", "INC-1")
            )
            self.slack.call("chat.postMessage", channel="C0INCIDENTS", text="INC-1: checkout")
        return 202

    @property
    def channel(self) -> str:
        return self.slack.channel(INCIDENT).id

    def say(self, text: str, *blocks: dict[str, Any]) -> None:
        self.slack.call("chat.postMessage", channel=self.channel, text=text, blocks=[section(text), *blocks])

    def hear(self, delivery: Delivery) -> Ack:
        payload = delivery.payload
        match delivery.kind, payload.get("command") or payload.get("type"), payload.get("text", "").split(" ")[0]:
            case "slash_commands", "/rollout", "check":
                return Ack({"text": "checkout: v42 at 50 %"})
            case "slash_commands", "/rollout", "rollback":
                return Ack(
                    {"text": "v42 → v41", "blocks": [section("v42 → v41"), button("ask.confirm", "Do it", "r1")]}
                )
            case "slash_commands", _, "update":
                blocks = [field("phase"), field("text"), field("next")]
                title = {"type": "plain_text", "text": "Update"}
                view = {"type": "modal", "title": title, "submit": title, "blocks": blocks}
                self.slack.call("views.open", trigger_id=payload["trigger_id"], view=view)
            case "slash_commands", _, "status":
                self.say("INC-1 is monitoring")
            case "slash_commands", _, "resolve":
                self.say("INC-1 is resolved")
                self.draft()
            case _, "block_actions", _:
                self.pressed(payload["actions"][0]["action_id"], payload["user"]["id"])
            case _, "view_submission", _:
                text = payload["view"]["state"]["values"]["text"]["text"]["value"]
                self.slack.call("chat.postMessage", channel="C0STATUS", text=f"INC-1: {text}")
        return Ack()

    def pressed(self, action: str, user: str) -> None:
        if action == "ask.role.comms":
            self.say(f"Comms lead: <@{user}>")
        elif action == "ask.confirm":
            self.world.cluster.patch("checkout", {"status": {"abort": True}}, "status", by="watchkeeper")
            self.say("The rollback is proven.")

    def draft(self) -> None:
        ticket = self.slack.call("files.getUploadURLExternal", filename="INC-1-postmortem.md", length=3).json
        self.slack.upload(ticket["file_id"], b"# A")
        files = [{"id": ticket["file_id"], "title": "INC-1"}]
        self.slack.call("files.completeUploadExternal", files=files, channel_id=self.channel)


def test_the_amazon_story_can_be_played_to_its_end(world: Sandbox, clock: FrozenClock) -> None:
    Understudy(world)
    run = world.stories.play("amazon-checkout", pace=0, settle=clock.advance)
    assert run.happened, run.summary()
    said = [(line.actor, line.where) for line in run.transcript]
    assert ("carol", "#support") in said
    assert ("watchkeeper", f"#{INCIDENT} → dana") in said, "what only one person sees is told as well"
    assert any(line.text.startswith("@dana has joined") for line in run.transcript)
    assert (world.shop.tempo, world.cluster.replicas.tempo) == (1.0, 1.0)


def test_the_amazon_story_told_again_does_not_take_old_words_for_new_ones(world: Sandbox, clock: FrozenClock) -> None:
    understudy = Understudy(world)
    assert world.stories.play("amazon-checkout", pace=0, settle=clock.advance).happened
    understudy.pressed = lambda action, user: None  # type: ignore[method-assign]  # it stops doing its part
    again = world.stories.play("amazon-checkout", pace=0, settle=clock.advance)
    failed = next(step for step in again.steps if step.state == "failed")
    assert failed.step.say.startswith("Bob takes the communication")


def test_the_amazon_story_takes_about_a_minute_and_a_half(world: Sandbox, clock: FrozenClock) -> None:
    Understudy(world)
    began = clock.now()
    run = world.stories.play("amazon-checkout", pace=1, settle=clock.advance)
    assert run.happened, run.summary()
    assert 75 < (clock.now() - began).total_seconds() < 120


def test_without_a_bot_the_amazon_story_stops_where_the_bot_should_act(world: Sandbox, clock: FrozenClock) -> None:
    run = world.stories.play("amazon-checkout", pace=0, settle=clock.advance)
    failed = next(step for step in run.steps if step.state == "failed")
    assert failed.why == "there is no channel #inc-{n}-checkout"
    assert world.shop.alertmanager.firing, "the alert itself fires"


# --- the panel


@pytest.fixture
def http(world: Sandbox) -> Iterator[httpx.Client]:
    with serve(application(world)) as served, httpx.Client(base_url=served.url, trust_env=False) as client:
        yield client


def test_the_panel_shows_the_shop_and_pulls_its_levers(http: httpx.Client, world: Sandbox, clock: FrozenClock) -> None:
    checkout = {one["name"]: one for one in http.get("/panel/state").json()["services"]}["checkout"]
    assert checkout["versions"] == [{"version": "v41", "track": "stable", "weight": 100, "bad": False}]
    assert checkout["next"] == {"good": "v43", "bad": "v42"}
    levers: dict[str, dict[str, Any]] = {
        "ship": {"service": "checkout", "version": "bad"},
        "break-content": {"broken": True},
        "vendor": {"down": True},
        "slack": {"cut": True},
        "storm": {"count": 10},
        "webhook": {"url": "http://127.0.0.1:1", "token": "t"},
    }
    assert {name: http.post(f"/panel/{name}", json=args).status_code for name, args in levers.items()} == dict.fromkeys(
        levers, 200
    )
    clock.advance(seconds=30)
    state = http.get("/panel/state").json()
    checkout = {one["name"]: one for one in state["services"]}["checkout"]
    assert [(v["version"], v["weight"], v["bad"]) for v in checkout["versions"]] == [
        ("v42", 50, True),
        ("v41", 50, False),
    ]
    assert checkout["error_rate"] > 0.1
    assert len(checkout["history"]["errors"]) == 40
    assert state["faults"] == {"broken_content": True, "vendor_down": True, "slack_cut": True}
    assert len(state["alerts"]) == 10
    assert [story["name"] for story in state["stories"]] == [
        "alert-storm",
        "amazon-checkout",
        "broken-content",
        "gitops-revert",
        "knight-capital",
        "slack-down",
        "vendor-outage",
    ]


@pytest.mark.parametrize(
    ("lever", "args", "says"),
    [
        ("ship", {"service": "checkout"}, "version is missing"),
        ("ship", {"service": "cart", "version": "good"}, "there is no service 'cart'"),
        ("storm", {"count": -1}, "count is a number"),
        ("vendor", {"down": "yes"}, "down is true or false"),
        ("story", {"name": "atlantis"}, "there is no story 'atlantis'"),
        ("story", {"name": "amazon-checkout", "speed": "fast"}, "speed is a number"),
        ("slack", [], "send a JSON object"),
    ],
)
def test_a_lever_that_is_pulled_wrongly_says_so(http: httpx.Client, lever: str, args: Any, says: str) -> None:
    answer = http.post(f"/panel/{lever}", json=args)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_server_that_was_missed_is_made_and_cleaned(told: Callable[..., Any], world: Sandbox) -> None:
    """Knight Capital's words: scale, stuck, flag, clean."""
    old = {"node": "node-2", "service": "payments", "version": "v43", "runs": "v41"}
    run = told(
        {"say": "There are eight servers.", "do": [{"scale": {"service": "payments", "servers": 8}}]},
        {
            "say": "One of them keeps the old image.",
            "do": [
                {"stuck": old},
                {"steps": {"service": "payments", "canary": [{"setWeight": 100}]}},
                {"serve": {"service": "payments", "version": "v43"}},
            ],
            "expect": [{"rollout": {"service": "payments", "phase": "Healthy", "stable": "v43"}}],
        },
        {
            "say": "Somebody switches on a flag that means another thing to it.",
            "do": [{"flag": {"as": "dana", "service": "payments", "misread_by": "v41"}}],
            "expect": [{"errors": {"service": "payments", "above": 0.05}}],
        },
    )
    assert run.happened, run.summary()
    assert sorted(share.version for share in world.cluster.workload("payments").shares) == ["v41", "v43"]
    run = told(
        {
            "say": "Somebody cleans it.",
            "do": [{"clean": {"as": "dana", "node": "node-2"}}],
            "expect": [{"errors": {"service": "payments", "below": 0.01}}],
            "within": 120,
        }
    )
    assert run.happened, run.summary()
    assert [share.version for share in world.cluster.workload("payments").shares] == ["v43"]


def test_a_service_is_kept_in_git_and_reverted_there(told: Callable[..., Any], world: Sandbox) -> None:
    """The GitOps words: keep, revert, gitops."""
    run = told(
        {
            "say": "Argo CD keeps it, and CI commits.",
            "do": [{"keep": {"service": "search"}}, {"ship": {"service": "search", "version": "v42"}}],
            "expect": [{"gitops": {"automated": True}}, {"rollout": {"service": "search", "stable": "v42"}}],
        },
        {
            "say": "Bob reverts.",
            "do": [{"revert": {"as": "bob", "service": "search"}}],
            "expect": [{"rollout": {"service": "search", "current": "v41", "phase": "Healthy"}}],
        },
        {"say": "Nobody switched it off.", "expect": [{"gitops": {"automated": False}}], "within": 1},
    )
    assert [step.state for step in run.steps] == ["happened", "happened", "failed"]
    assert run.steps[2].why == "shop is synced automatically"
    assert [line.text[:10] for line in run.transcript if line.actor == "bob"] == ["git revert"]


def test_what_is_in_no_repository_is_not_reverted(told: Callable[..., Any]) -> None:
    run = told({"say": "Bob reverts.", "do": [{"revert": {"as": "bob", "service": "search"}}], "within": 1})
    assert (run.happened, run.steps[0].why) == (False, "search is in no repository")


def test_a_server_says_what_it_really_runs(http: httpx.Client, world: Sandbox) -> None:
    pod = world.cluster.pods("search")[0]
    where = f"/servers/{pod['status']['podIP']}/version"
    assert http.get(where).json()["version"] == "v41"
    world.cluster.keep_old_image(pod["spec"]["nodeName"], "shop/search:v41", "shop/search:v40")
    assert http.get(where).json()["version"] == "v40"
    assert http.get("/servers/10.255.255.255/version").status_code == 502


def test_the_shops_pages_and_the_rest_are_served(http: httpx.Client) -> None:
    page = http.get("/shop/storefront")
    assert (page.status_code, page.headers["x-version"], "Corner Shop" in page.text) == (200, "v41", True)
    assert http.get("/shop/cart").status_code == 404
    assert "http_requests_total" in http.get("/shop/metrics").text
    assert http.get("/cluster/version").json()["major"] == "1"
    assert http.get("/prometheus/-/healthy").status_code == 200
