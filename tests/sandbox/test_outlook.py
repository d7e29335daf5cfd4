"""What is seen of the shop from outside, on the stage of a drill."""

from __future__ import annotations

from sandbox import stage
from sandbox.clock import FrozenClock
from sandbox.stories import FOLDER
from tests.values import NOON


def titles(world: stage.Sandbox) -> list[str]:
    return [alert["alertname"] for alert in stage.scenery(world)["alerts"]]


def test_a_page_without_prices_is_an_alert_as_long_as_customers_get_it() -> None:
    clock = FrozenClock(NOON)
    world = stage.build(clock)
    world.cluster.deploy("checkout", "shop/checkout:v41")
    clock.advance(300)
    assert titles(world) == []
    world.shop.lose_prices("checkout", "v43")
    assert titles(world) == []
    world.cluster.deploy("checkout", "shop/checkout:v43")
    clock.advance(300)
    (alert,) = stage.scenery(world)["alerts"]
    assert alert["alertname"] == "CheckoutPagesWithoutPrices"
    assert "looks at the pages of checkout found no price; all were answered with 200" in alert["summary"]
    assert stage.scenery(world)["errors"]["checkout"] < 0.01
    world.cluster.deploy("checkout", "shop/checkout:v41")
    clock.advance(300)
    assert titles(world) == []
    world.cluster.close()


def test_a_vendor_admits_its_outage_a_minute_later() -> None:
    clock = FrozenClock(NOON)
    world = stage.build(clock)
    world.shop.vendor(down=True)
    clock.advance(59)
    assert "PaybridgeMajorOutage" not in titles(world)
    clock.advance(1)
    assert "PaybridgeMajorOutage" in titles(world)
    world.shop.vendor(down=False)
    assert "PaybridgeMajorOutage" not in titles(world)
    world.cluster.close()


def test_each_story_of_the_demo_is_a_drill_or_says_why_not() -> None:
    told = {path.stem for path in FOLDER.glob("*.yml")}
    drilled = {path.stem for path in stage.FOLDER.glob("*.yml")}
    assert drilled | set(stage.NO_DRILLS) == told
    assert not drilled & set(stage.NO_DRILLS)
