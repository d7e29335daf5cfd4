"""A whole incident in the page, as people live it: declared, rolled back, told about, resolved and drafted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from sandbox.clock import Clock
from sandbox.demo import configure
from sandbox.server import Served, application, serve
from sandbox.world import Sandbox
from tests import processes
from tests.browser.conftest import PHONE, Pages

DESK = (1440, 900)
ROOM = "inc-1-checkout"
TEMPO = 0.1  # of the shop: its minutes are seconds


@pytest.fixture
def shop() -> Iterator[tuple[Sandbox, Served]]:
    world = Sandbox.build(Clock.system())
    world.workspace.install(yaml.safe_load((processes.ROOT / "manifest.yml").read_text()))
    world.shop.tempo = world.cluster.replicas.tempo = TEMPO
    with serve(application(world)) as served:
        yield world, served


@pytest.fixture
def bot(shop: tuple[Sandbox, Served], tmp_path: Path) -> Iterator[processes.Process]:
    """The bot in a process of its own, with the configuration of the demo."""
    world, served = shop
    port = processes.free_port()
    config = configure(served.url, f"http://127.0.0.1:{port}", tmp_path)
    process = processes.bot(tmp_path, served.url, f"sqlite:///{tmp_path / 'bot.db'}", config, port)
    try:
        process.until("/readyz")
        world.shop.connect(process.url, processes.HOOK_TOKEN)
        yield process
    finally:
        process.stop()


@pytest.fixture
def page(shop: tuple[Sandbox, Served], bot: processes.Process, pages: Pages) -> Page:
    page = pages.open(f"{shop[1].url}/#U0DANA/C0INCIDENTS", size=DESK)
    expect(page.get_by_test_id("channel-composer")).to_be_enabled()
    return page


def types(page: Page, words: str) -> None:
    """Keys alone: the command is chosen from what is offered, the rest is typed behind it."""
    command, _, rest = words.partition(" ")
    page.get_by_test_id("channel-composer").focus()
    page.keyboard.type(command[:4])
    expect(page.get_by_test_id("channel-completion").get_by_role("option").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("channel-composer")).to_have_value(f"{command} ")
    page.keyboard.type(rest)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("channel-composer")).to_have_value("")


def said(page: Page, words: str | re.Pattern[str]) -> Locator:
    """The newest message with these words, waited for."""
    message = page.get_by_test_id("messages").get_by_test_id("message").filter(has_text=words).last
    expect(message).to_be_visible()
    return message


def becomes(page: Page, handle: str, name: str) -> None:
    page.get_by_test_id("acting").click()
    page.get_by_test_id(f"act-as-{handle}").click()
    expect(page.get_by_test_id("acting")).to_contain_text(name)


def goes_to(page: Page, channel: str) -> None:
    page.get_by_test_id(f"channel-{channel}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(channel)


def declares(page: Page) -> Locator:
    """Answers the card."""
    types(page, "/incident declare checkout is failing sev2")
    said(page, "INC-1 (SEV2) is declared")
    goes_to(page, ROOM)
    return said(page, "INC-1 · SEV2 · checkout")


def publishes(page: Page, words: str) -> None:
    """The form of an update by keys alone: the focus is in its first field, and Tab leads on to the button."""
    types(page, "/incident update")
    modal = page.get_by_test_id("modal")
    expect(modal.get_by_role("textbox").first).to_be_focused()
    page.keyboard.type(words)
    for _ in range(5):  # over who is affected, what they can do, what changed and what comes next
        page.keyboard.press("Tab")
    expect(modal.get_by_label("Phase")).to_be_focused()
    page.keyboard.type("Mitigating")
    for _ in range(4):  # the next update, the status page, Close, and the button
        page.keyboard.press("Tab")
    expect(page.get_by_test_id("modal-submit")).to_be_focused()
    page.keyboard.press("Enter")
    expect(modal).to_have_count(0)


def test_an_incident_from_its_first_word_to_its_postmortem(page: Page, shop: tuple[Sandbox, Served]) -> None:
    world, _ = shop
    card = declares(page)
    expect(card).to_contain_text("Commander @Dana Kim")
    card.get_by_role("button", name="Take scribe").click()
    expect(card).to_contain_text("Scribe @Dana Kim")

    page.get_by_test_id("ship-bad-checkout").click()
    expect(card).to_contain_text("Suspect checkout v42")
    expect(page.get_by_test_id("weights-checkout")).to_contain_text("v42")

    types(page, "/rollout rollback checkout")
    preview = said(page, "Only visible to you").filter(has_text="v42")
    expect(preview).to_contain_text("v41")
    assert not world.cluster.workload("checkout").aborted, "a preview changes nothing"
    preview.get_by_role("button", name="Confirm").click()
    said(page, "proven")
    assert world.cluster.workload("checkout").aborted

    publishes(page, "Some payments failed. We went back to the release before, and they succeed again.")
    said(page, "Some payments failed")
    becomes(page, "carol", "Carol Ruiz")
    goes_to(page, "status-updates")
    said(page, "Some payments failed")

    becomes(page, "dana", "Dana Kim")
    goes_to(page, ROOM)
    types(page, "/incident resolve Rolled back checkout to v41; v42 failed on vouchers.")
    said(page, re.compile("INC-1 is resolved", re.IGNORECASE))
    expect(card).to_contain_text("Resolved after")
    file = page.get_by_test_id("file").first
    expect(file).to_contain_text("Postmortem of INC-1")
    file.get_by_role("button").click()
    draft = page.get_by_test_id("preview")
    expect(draft.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(draft).to_contain_text("v42 failed on vouchers")
    expect(draft.get_by_role("link", name="link").first).to_have_attribute("href", re.compile("^http"))


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, shop: tuple[Sandbox, Served], pages: Pages) -> None:
    declares(page)
    room = next(one for one in shop[0].workspace.channels.values() if one.name == ROOM)
    phone = pages.open(f"{shop[1].url}/#U0DANA/{room.id}", size=PHONE)
    said(phone, "INC-1 · SEV2 · checkout")
    assert widths(phone) == [PHONE[0]]
    phone.get_by_test_id("channel-composer").fill("/incident update")
    phone.keyboard.press("Enter")
    expect(phone.get_by_test_id("modal")).to_be_visible()
    assert widths(phone) == [PHONE[0]]
    phone.keyboard.press("Escape")
    expect(phone.get_by_test_id("modal")).to_have_count(0)
    phone.get_by_test_id("channel-composer").fill("/rollout check checkout")
    phone.keyboard.press("Enter")
    said(phone, "Check of checkout")
    assert widths(phone) == [PHONE[0]]


def widths(page: Page) -> list[int]:
    """Of the page and of what scrolls in it, as far as that is not what fits the screen."""
    script = """() => {
        const parts = [document.documentElement, ...document.querySelectorAll('#messages, .dialog-body')];
        const wide = parts.filter(one => one.scrollWidth > one.clientWidth);
        return [document.documentElement.scrollWidth, ...wide.map(one => one.scrollWidth)];
    }"""
    found: list[int] = page.evaluate(script)
    return found
