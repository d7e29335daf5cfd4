"""A stage is a process of its own, which has none of our secrets and ends with whoever holds it."""

import os
import sys

import pytest

from bot.errors import ProviderError
from bot.policy import Target
from handlers.app import cast
from handlers.providers.stages import Stages
from sandbox import stage


def test_a_drill_is_played_on_a_stage_until_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(cast)
    address = stages.begin("INC-7", "amazon-checkout")
    assert stages.begin("INC-7", "amazon-checkout") == address
    assert set(stages.look(address).errors) >= {"checkout", "payments"}
    argo = stages.cast(address).rollouts["argo"]
    shown = argo.get(
        Target(provider="argo", cluster="drill", namespace="shop", name="checkout"), "checkout", "drill:INC-7"
    )
    assert (shown.service, shown.environment, shown.cluster) == ("checkout", "drill:INC-7", "drill")
    process = stages.running["INC-7"]
    stages.end("INC-7")
    assert process.returncode == 0
    with pytest.raises(ProviderError, match="does not answer") as error:
        stages.look(address)
    assert not error.value.permanent
    stages.end("INC-7")
    stages.close()


def test_the_stage_knows_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    story = "dict(name=' '.join(os.environ.values()), title='', about='', service='', acts=[])"
    told = f"import json, os; print(json.dumps([{story}]))"
    stages = Stages(cast, (sys.executable, "-c", told))
    (story,) = stages.stories()
    assert os.environ["PATH"] in story.name
    assert "xoxb-secret" not in story.name
    stages.close()


def test_where_the_sandbox_is_missing_it_says_so() -> None:
    stages = Stages(cast, (sys.executable, "-c", "raise SystemExit(1)"))
    for ask in (stages.stories, lambda: stages.begin("INC-7", "amazon-checkout")):
        with pytest.raises(ProviderError, match=r"not installed beside the bot; see docs/drills.md") as error:
            ask()
        assert error.value.permanent
    stages.close()


def test_the_sandbox_lists_what_can_be_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.main([]) == 0
    listed = capsys.readouterr().out
    assert '"name": "amazon-checkout"' in listed
    assert '"service": "checkout", "acts": ["pause", "rollback"]' in listed
    assert stage.main(["no-such"]) == 2
    assert "There is no drill no-such" in capsys.readouterr().err
