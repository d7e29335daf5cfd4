"""Who may do what, as the configuration says it."""

import pytest

from bot import authority
from bot.authority import Act
from bot.commands import COMMANDS, Ask
from bot.errors import Refused
from bot.model import BOT, Assignment, Role
from bot.policy import Policy, Service
from tests.values import NOON

SHOP = Service(name="checkout", owners=("U0OWNER",))
DANA = Assignment(incident="INC-7", role=Role.COMMANDER, user="U0DANA", by=BOT, at=NOON)


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("declare it is down", Act.DECLARE),
        ("sev 1", Act.UPDATE),
        ("status monitoring", Act.UPDATE),
        ("status INC-7 resolved", Act.RESOLVE),
        ("status Resolved", Act.RESOLVE),
        ("status resolved: all is well", Act.RESOLVE),
        ("status INC-7 resolved.", Act.RESOLVE),
        ("status resolved all is well", Act.RESOLVE),
        ("status INC-7 resolved all is well", Act.RESOLVE),
        ("status monitoring nearly resolved", Act.UPDATE),
        ("close all is well", Act.RESOLVE),  # by another name for it
        ("update Payments fail", Act.PUBLISH),
        ("publish We see it", Act.PUBLISH),
        ("maintenance checkout --from 22:00 --for 2h New disks", Act.PUBLISH),
        ("maintenance", None),
        ("cancel", Act.RESOLVE),
        ("note x", None),
        ("role commander", None),
        ("list", None),
    ],
)
def test_what_a_line_does_is_one_act(text, act):
    assert authority.of(Ask(command="incident", text=text, by="U1")) is act
    assert authority.of(Ask(command="rollout", text=text, by="U1")) is None


def test_every_verb_that_needs_leave_exists():
    assert set(authority.VERBS) <= set(COMMANDS["incident"])


@pytest.mark.parametrize(
    ("who", "by", "may"),
    [
        (("everybody",), "U0EVE", True),
        (("commander",), "U0DANA", True),
        (("commander",), "U0EVE", False),
        (("comms",), "U0DANA", False),
        (("owners", "oncall"), "U0OWNER", True),
        (("owners", "oncall"), "U0CALLED", True),
        (("group:S0SRE",), "U0SRE", True),
        (("group:S0SRE",), "U0DANA", False),
    ],
)
def test_only_who_is_named_may(who, by, may):
    policy = Policy(may={"publish": who})
    arguments = (Act.PUBLISH, by, policy, SHOP, (DANA,), ("U0CALLED",), {"S0SRE": ("U0SRE",)})
    if may:
        authority.must_be_allowed(*arguments)
    else:
        with pytest.raises(Refused, match="may publish; nothing was changed"):
            authority.must_be_allowed(*arguments)
    assert authority.is_open(Act.RESOLVE, policy)
