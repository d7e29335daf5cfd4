"""The sandbox's chat page in a real browser: what people type and press, and that nothing they write becomes markup."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.clock import FrozenClock
from sandbox.server import Served, application, serve
from sandbox.slack import files
from sandbox.slack.events import Ack, Delivery
from sandbox.slack.model import BOT_USER
from sandbox.slack.workspace import Workspace
from sandbox.world import Sandbox
from tests.browser.conftest import PATIENCE, PHONE, Pages

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
INCIDENTS = "C0INCIDENTS"
MANIFEST = {
    "display_information": {"name": "Watchkeeper"},
    "features": {
        "app_home": {"home_tab_enabled": True},
        "shortcuts": [
            {"name": "Declare an incident", "type": "global", "callback_id": "declare", "description": "Now"}
        ],
        "slash_commands": [
            {"command": "/incident", "description": "Run incidents", "usage_hint": "declare [text] | list"},
            {
                "command": "/rollout",
                "description": "Steer rollouts",
                "usage_hint": "show SERVICE",
                "should_escape": True,
            },
        ],
    },
    "oauth_config": {"scopes": {"bot": ["channels:manage", "chat:write", "commands", "files:write"]}},
    "settings": {"interactivity": {"is_enabled": True}},
}


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

CONFIRM = {
    "title": text("Roll back?"),
    "text": text("v42 to v41"),
    "confirm": text("Roll back"),
    "deny": text("Cancel"),
}
BACK = {"type": "button", "action_id": "back", "text": text("Roll back"), "style": "danger", "confirm": CONFIRM}
CARD = [{"type": "header", "text": text("INC-1")}, {"type": "actions", "block_id": "acts", "elements": [BACK]}]
FORM = {
    "type": "modal",
    "title": text("Status update"),
    "submit": text("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "text",
            "label": text("What should people know?"),
            "element": {"type": "plain_text_input", "action_id": "value", "multiline": True},
        }
    ],
}


class Bot:
    """An app that keeps what it hears and answers as it is told. It opens its modal after every command."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.heard: list[Delivery] = []
        self.submission: Callable[[str], Ack] = lambda words: Ack()
        self.came = threading.Condition()

    def __call__(self, delivery: Delivery) -> Ack:
        payload = delivery.payload
        if payload.get("type") == "view_submission":
            return self.submission(payload["view"]["state"]["values"]["text"]["value"]["value"])
        with self.came:
            self.heard.append(delivery)
            self.came.notify_all()
        if payload.get("command"):  # what was heard stands there before the modal shows
            self.workspace.call("views.open", trigger_id=payload["trigger_id"], view=FORM)
        return Ack()

    def waits_for(self, kind: str) -> dict[str, Any]:
        """The one interaction of this kind, when it comes."""

        def heard() -> list[dict[str, Any]]:
            return [one.payload for one in self.heard if one.payload.get("type") == kind]

        with self.came:
            assert self.came.wait_for(heard, PATIENCE / 1000)
        (one,) = heard()
        return one


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, Served]]:
    world = Sandbox.build(FrozenClock(NOON))
    world.workspace.install(MANIFEST)
    with serve(application(world)) as served:
        yield world, served


@pytest.fixture
def space(served: tuple[Sandbox, Served]) -> Workspace:
    return served[0].workspace


@pytest.fixture
def bot(space: Workspace) -> Bot:
    bot = Bot(space)
    space.connect(bot)
    return bot


@pytest.fixture
def visit(served: tuple[Sandbox, Served], pages: Pages) -> Callable[..., Page]:
    def visit(user: str = "U0DANA", channel: str = INCIDENTS, **more: Any) -> Page:
        page = pages.open(f"{served[1].url}/#{user}/{channel}", **more)
        expect(page.get_by_test_id("acting")).to_be_attached()
        return page

    return visit


def type_(page: Page, words: str) -> None:
    page.get_by_test_id("channel-composer").fill(words)
    page.keyboard.press("Enter")


def test_nothing_that_anybody_writes_becomes_markup(visit: Callable[..., Page], space: Workspace) -> None:
    nasty = "<img src=x onerror=alert(1)> &lt;script&gt; <javascript:alert(1)|press me> <b>bold</b>"
    space.post("U0BOB", INCIDENTS, nasty)
    rich = {"type": "rich_text_section", "elements": [{"type": "link", "url": "javascript:alert(1)", "text": "rich"}]}
    kinds = [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"*{nasty}*"},
            "fields": [{"type": "mrkdwn", "text": nasty}],
        },
        {"type": "rich_text", "elements": [rich]},
        {"type": "markdown", "text": f"[press](javascript:alert(1)) {nasty}\n\n| a |\n| --- |\n| {nasty} |"},
    ]
    space.call("chat.postMessage", channel=INCIDENTS, text=nasty, blocks=kinds)
    page = visit()
    expect(page.get_by_test_id("message")).to_have_count(2)
    said = page.get_by_test_id("messages")
    expect(said).to_contain_text("<img src=x onerror=alert(1)>")
    assert said.locator("img, script, b:text-is('bold'), a[href^='javascript']").count() == 0


def test_formatting_mentions_and_links_look_like_slack(visit: Callable[..., Page], space: Workspace) -> None:
    space.post(
        "U0BOB", INCIDENTS, "*bold* _it_ ~no~ `code` <@U0DANA> <#C0SUPPORT> https://a.example :tada:\n> quoted\n• item"
    )
    words = visit().locator(".words").last
    expect(words.locator("strong")).to_have_text("bold")
    expect(words.locator("em")).to_have_text("it")
    expect(words.locator("s")).to_have_text("no")
    expect(words.locator("code")).to_have_text("code")
    expect(words.locator(".mention.me")).to_have_text("@Dana Kim")
    expect(words.locator(".channel-link")).to_have_text("#support")
    expect(words.locator("a[target]")).to_have_attribute("href", "https://a.example")
    expect(words.locator(".emoji")).to_have_text("🎉")
    expect(words.locator("blockquote")).to_have_text("quoted")
    expect(words.locator("li")).to_have_text("item")


def test_a_command_is_completed_with_its_usage(visit: Callable[..., Page], bot: Bot) -> None:
    page = visit()
    page.get_by_test_id("channel-composer").press_sequentially("/")
    offered = offers(page)
    expect(offered).to_have_count(3)  # two commands and a shortcut
    page.keyboard.press("ArrowDown")
    expect(offered.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("channel-composer")).to_have_value("/rollout ")
    expect(page.get_by_test_id("channel-usage")).to_contain_text("show SERVICE")
    page.keyboard.type("show @bo")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("channel-composer")).to_have_value("/rollout show @bob ")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("modal")).to_be_visible()
    assert bot.heard[-1].payload["text"] == "show <@U0BOB|bob>"


HOLD = """{
    const ask = window.fetch;
    const freed = new Promise((free) => (window.free = free));
    window.fetch = async (url, options) => {
        if (url.startsWith("/client/WHAT?")) {
            window.waits = true;
            await freed;
        }
        return ask(url, options);
    };
}"""


@contextmanager
def held_back(page: Page, what: str) -> Iterator[None]:
    """The page, loaded anew, has to wait for this answer of the sandbox until the block is over."""
    page.add_init_script(HOLD.replace("WHAT", what))
    page.reload()
    page.wait_for_function("window.waits")
    yield
    page.evaluate("window.free()")


def offers(page: Page) -> Locator:
    return page.get_by_test_id("channel-completion").get_by_role("option")


def test_a_choice_made_while_the_channel_is_still_read_stays(visit: Callable[..., Page], bot: Bot) -> None:
    page = visit()
    composer, offered = page.get_by_test_id("channel-composer"), offers(page)
    with held_back(page, "channel"):
        composer.press_sequentially("/")
        expect(offered).to_have_count(3)
        page.keyboard.press("ArrowDown")
    expect(composer).to_have_attribute("placeholder", "Message #incidents")
    expect(offered.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(composer).to_have_value("/rollout ")


def test_suggestions_sent_away_while_the_channel_is_still_read_stay_away(visit: Callable[..., Page], bot: Bot) -> None:
    page = visit()
    composer, offered = page.get_by_test_id("channel-composer"), offers(page)
    with held_back(page, "channel"):
        composer.press_sequentially("/")
        expect(offered).to_have_count(3)
        page.keyboard.press("Escape")
        expect(offered).to_have_count(0)
    expect(composer).to_have_attribute("placeholder", "Message #incidents")
    expect(offered).to_have_count(0)


def test_what_is_typed_before_the_commands_are_known_is_completed_once_they_are(
    visit: Callable[..., Page], bot: Bot
) -> None:
    page = visit()
    offered = offers(page)
    with held_back(page, "state"):
        page.get_by_test_id("channel-composer").press_sequentially("/")
        expect(offered).to_have_count(0)
    expect(offered).to_have_count(3)


def test_a_shortcut_is_used_from_the_list_of_commands(visit: Callable[..., Page], bot: Bot) -> None:
    page = visit()
    page.get_by_test_id("channel-composer").press_sequentially("/decl")
    page.get_by_role("option", name="Declare an incident").click()
    expect(page.get_by_test_id("channel-composer")).to_have_value("")
    assert bot.waits_for("shortcut")["callback_id"] == "declare"


def test_a_modal_keeps_what_was_typed_through_its_errors(
    visit: Callable[..., Page], bot: Bot, space: Workspace
) -> None:
    errors = Ack({"response_action": "errors", "errors": {"text": "Say more."}})
    bot.submission = lambda words: errors if len(words) < 8 else Ack()
    page = visit()
    type_(page, "/incident update")
    field = page.get_by_test_id("modal").get_by_role("textbox")
    page.get_by_test_id("modal-submit").click()
    expect(page.get_by_test_id("error-text")).to_have_text("Please complete this required field.")
    field.fill("short")
    page.get_by_test_id("modal-submit").click()
    expect(page.get_by_test_id("error-text")).to_have_text("Say more.")
    expect(field).to_have_value("short")
    field.fill("long enough")
    page.get_by_test_id("modal-submit").click()
    expect(page.get_by_test_id("modal")).to_have_count(0)
    assert space.views["U0DANA"] == []


def test_a_button_with_a_confirmation_asks_first(visit: Callable[..., Page], bot: Bot, space: Workspace) -> None:
    space.call("chat.postMessage", channel=INCIDENTS, text="card", blocks=CARD)
    page = visit()
    button = page.locator("[data-action-id=back]")
    button.click()
    page.get_by_test_id("confirm").get_by_role("button", name="Cancel").click()
    expect(page.get_by_test_id("confirm")).to_have_count(0)
    button.click()
    page.get_by_test_id("confirm-yes").click()
    assert bot.waits_for("block_actions")["user"]["id"] == "U0DANA"


def test_each_person_has_their_own_unread_marks_and_ephemerals(visit: Callable[..., Page], space: Workspace) -> None:
    space.call("chat.postEphemeral", channel=INCIDENTS, user="U0DANA", text="only for dana")
    space.post("U0CAROL", "C0SUPPORT", "<@U0BOB> please")
    page = visit()
    expect(page.get_by_test_id("message")).to_contain_text("Only visible to you")
    expect(page.get_by_test_id("channel-support")).to_have_class(re.compile("unread"))
    page.get_by_test_id("acting").click()
    page.get_by_test_id("act-as-bob").click()
    expect(page.get_by_test_id("acting")).to_contain_text("Bob Okafor")
    expect(page.get_by_test_id("message")).to_have_count(0)
    expect(page.get_by_test_id("channel-support").locator(".badge")).to_have_text("1")
    page.get_by_test_id("channel-support").click()
    expect(page.get_by_test_id("message")).to_contain_text("please")
    expect(page.get_by_test_id("channel-support").locator(".badge")).to_have_count(0)


def test_a_thread_a_reaction_and_a_pin(visit: Callable[..., Page], space: Workspace) -> None:
    ts = space.post("U0BOB", INCIDENTS, "only canary pods")["ts"]
    page = visit()
    row = page.get_by_test_id("messages").get_by_test_id("message")
    row.hover()
    page.get_by_test_id("reply").click()
    page.get_by_test_id("thread-composer").fill("same here")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("replies")).to_contain_text("same here")
    page.get_by_test_id("close-thread").click()
    expect(page.get_by_test_id("open-thread")).to_contain_text("1 reply")
    row.hover()
    page.get_by_role("button", name="React with eyes").click()
    expect(page.locator(".reaction.mine")).to_contain_text("1")
    row.hover()
    page.get_by_test_id("more").click()
    page.get_by_role("menuitem", name="Pin to channel").click()
    expect(row).to_contain_text("Pinned by Dana Kim")
    assert list(space.channels[INCIDENTS].pins) == [ts]


def test_the_chat_says_when_it_is_cut_off_and_comes_back(
    visit: Callable[..., Page], pages: Pages, space: Workspace
) -> None:
    page = visit()
    page.get_by_test_id("trouble-slack").click()
    expect(page.get_by_test_id("banner")).to_contain_text("cannot be reached")
    expect(page.get_by_test_id("channel-composer")).to_be_disabled()
    expect(page.get_by_test_id("service-checkout")).to_be_visible()
    expect(page.get_by_test_id("trouble-slack")).to_be_checked()
    page.get_by_test_id("trouble-slack").click()
    expect(page.get_by_test_id("banner")).to_be_hidden()
    expect(page.get_by_test_id("channel-composer")).to_be_enabled()
    assert all("503" in one for one in pages.expected())


def test_a_chat_cut_off_before_it_was_read_takes_no_words(visit: Callable[..., Page], pages: Pages) -> None:
    page = visit()
    with held_back(page, "channel"):
        page.get_by_test_id("trouble-slack").click()
    expect(page.get_by_test_id("banner")).to_contain_text("cannot be reached")
    expect(page.get_by_test_id("channel-composer")).to_be_disabled()
    expect(page.get_by_test_id("trouble-slack")).to_be_checked()  # the panel has seen it, so a click lifts it
    page.get_by_test_id("trouble-slack").click()
    expect(page.get_by_test_id("channel-composer")).to_be_enabled()
    assert all("503" in one for one in pages.expected())


def test_a_bad_version_is_shipped_from_the_panel(visit: Callable[..., Page], served: tuple[Sandbox, Served]) -> None:
    page = visit()
    with page.expect_response("**/panel/ship") as answer:
        page.get_by_test_id("ship-bad-checkout").click()
    assert answer.value.json() == {"ok": True, "result": "v42"}
    assert served[0].cluster.workload("checkout").current == "v42"


def test_on_a_phone_channels_and_shop_are_drawers(visit: Callable[..., Page]) -> None:
    page = visit(size=PHONE)
    expect(page.get_by_test_id("sidebar")).to_be_hidden()
    page.get_by_test_id("open-sidebar").click()
    page.get_by_test_id("channel-general").click()
    expect(page.get_by_test_id("sidebar")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("general")
    page.get_by_test_id("toggle-panel").click()
    expect(page.get_by_test_id("service-checkout")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_a_channel_of_thousands_opens_at_its_end(visit: Callable[..., Page], space: Workspace) -> None:
    for n in range(3_000):
        space.post("U0BOB", "C0GENERAL", f"message {n}")
    page = visit(channel="C0GENERAL")
    expect(page.get_by_text("message 2999", exact=True)).to_be_in_viewport()
    expect(page.get_by_test_id("message")).to_have_count(200)
    page.get_by_test_id("earlier").click()
    expect(page.get_by_test_id("message")).to_have_count(400)


def test_the_page_goes_along_with_a_story_until_somebody_goes_elsewhere(
    visit: Callable[..., Page], served: tuple[Sandbox, Served], space: Workspace
) -> None:
    here, elsewhere = visit(), visit("U0DANA", "C0SUPPORT")
    world, _ = served
    assert isinstance(world.clock, FrozenClock)
    world.clock.advance(1)  # the shop's own channels are older than the story
    stories = world.stories
    stories.start("amazon-checkout")
    try:
        opened = json.loads(space.call("conversations.create", name="inc-1-checkout").body)["channel"]["id"]
        space.call("conversations.invite", channel=opened, users="U0DANA")
        expect(here).to_have_url(re.compile(f"#U0DANA/{opened}$"))
        expect(elsewhere.get_by_test_id("channel-inc-1-checkout")).to_be_visible()
        expect(elsewhere).to_have_url(re.compile("#U0DANA/C0SUPPORT$"))
    finally:
        stories.stop()


def test_an_app_without_a_home_has_none_to_visit(visit: Callable[..., Page], space: Workspace) -> None:
    page = visit()
    expect(page.get_by_test_id("app-watchkeeper")).to_be_visible()
    space.install({"display_information": {"name": "Watchkeeper"}})
    page.reload()
    expect(page.get_by_test_id("channel-incidents")).to_be_visible()
    expect(page.get_by_test_id("app-watchkeeper")).to_be_hidden()


def test_an_image_shows_in_its_message_and_large_when_pressed(served: tuple[Sandbox, Served], pages: Pages) -> None:
    space = served[0].workspace
    file = files.announce(space, BOT_USER, "plot.png", len(DOT))
    files.receive(space, file.id, DOT)
    shown = [{"id": file.id, "title": "checkout: v42 is aborted"}]
    assert space.call("files.completeUploadExternal", files=shown, channel_id=INCIDENTS).error == ""
    page = pages.open(f"{served[1].url}/#U0DANA/{INCIDENTS}")
    image = page.get_by_test_id("image")
    expect(image).to_contain_text("checkout: v42 is aborted")
    assert image.locator("img").evaluate("async one => (await one.decode(), one.naturalWidth)") == 1
    image.get_by_role("button").click()
    expect(page.get_by_test_id("preview").get_by_role("img")).to_be_visible()
