"""One service in two environments, each in a cluster of its own: what is pressed for the one leaves the other alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.model import Role
from bot.policy import Service, Target
from handlers.providers.kubernetes import Kubernetes
from sandbox.cluster import Cluster, kubeconfig
from sandbox.cluster import shop as manifests
from tests.conftest import Tell
from tests.providers.shops import Front
from tests.story import DANA, SHOP, Story, flat, target

STAGING = Service(
    name="checkout",
    environment="staging",
    roles={Role.COMMANDER: "storefront"},
    rollout=Target(provider="argo", cluster="staging", namespace="shop", name="checkout"),
)
CHECKOUT = Service(name="checkout", rollout=target("checkout"), elsewhere={"staging": STAGING})
BOTH = replace(SHOP, services={"checkout": CHECKOUT})
CHANGES = ("patch", "post", "put", "create", "update", "delete")
A_LINE = re.compile(
    r"rollout (show|check|watch|verify|pause|resume|promote|abort|retry|rollback|suspend|restore)\b(.*)"
)


class Both:
    """The shop is production; staging is another cluster, under the same clock."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story, self.front = story, Front()
        mine = [manifest for manifest in manifests() if manifest["metadata"]["name"] == "checkout"]
        self.staging = self.front.cluster = Cluster(story.clock, mine)
        (folder / "staging.yml").write_text(yaml.safe_dump(kubeconfig(self.front.url)))
        self.kubernetes = story.clusters["staging"] = Kubernetes.configured("staging", str(folder / "staging.yml"))
        story.world = story.wire()

    def close(self) -> None:
        self.kubernetes.close()
        self.staging.close()
        self.front.close()

    def messages(self) -> list[dict[str, Any]]:
        """All that Dana sees in the incident's channel."""
        where = self.story.slack.channel(self.story.channel).id
        return [*self.story.slack.messages(where), *self.story.slack.ephemerals(where, DANA)]

    def buttons(self) -> Iterator[tuple[str, str, str]]:
        """The message, the button and the line of each that acts on a rollout."""
        for message in self.messages():
            for block in message.get("blocks") or ():
                for element in (*block.get("elements", ()), block.get("accessory") or {}):
                    if str(element.get("value", "")).startswith("rollout "):
                        yield str(message["ts"]), element["action_id"], element["value"]

    def press_each(self) -> set[str]:
        """Each button once, also those of what comes of it; answers the lines that they stood for."""
        pressed: set[str] = set()
        where = self.story.slack.channel(self.story.channel).id
        while fresh := next((found for found in self.buttons() if found[2] not in pressed), None):
            ts, action, line = fresh
            pressed.add(line)
            self.story.slack.press(DANA, where, ts, action, line)
            self.story.settle()
        return pressed


@pytest.fixture
def both(tell: Tell, tmp_path: Path) -> Iterator[Both]:
    with tell(BOTH) as story:
        both = Both(story, tmp_path)
        yield both
        both.close()


def test_no_button_of_a_rollout_in_staging_acts_on_production(both: Both) -> None:
    story, staging = both.story, both.staging
    story.passes(1)
    for cluster in (story.cluster, staging):
        cluster.deploy("checkout", "shop/checkout:v42")
    story.passes(5)
    story.alert(env="staging")
    assert (story.incident.service, story.incident.environment) == ("checkout", "staging")
    for line in ("show", "verify", "watch", "pause"):
        story.types(f"/rollout {line}")
    pressed = both.press_each()

    verbs = {line.split()[1] for line in pressed}
    assert verbs >= {"show", "verify", "pause", "resume", "promote", "rollback", "retry", "confirm"}, verbs
    said = "\n".join([*pressed, *(flat(message) for message in both.messages())])
    assert [found[0] for found in A_LINE.finditer(said) if not found[2].startswith(" checkout staging")] == []
    asked = story.store.read(lambda tx: tx.requests(story.incident.id))
    assert {request.environment for request in asked} == {"staging"}
    assert [call for call in story.cluster.calls if call.verb in CHANGES] == []
    assert [call for call in staging.calls if call.verb in CHANGES] != []
