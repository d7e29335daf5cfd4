"""From noise to incidents: what people silence, what comes back, what is asked first."""

from __future__ import annotations

from tests.story import Story


def test_a_silence_from_first_to_last(story: Story) -> None:
    said = story.types("/incident silence service=checkout --for 1h --why moving the cache")
    assert "SIL-1 of <@U0DANA> silences `service=checkout` until 05 Mar 13:00 UTC: moving the cache" in said
    assert "SIL-1" in story.said("C0INCIDENTS")[-1]
    story.alert("HighErrorRate", service="checkout")
    assert not story.incidents
    assert "1 alert silenced so far" in story.types("/incident silences")
    story.passes(3600)
    assert "1 alert was silenced, 1 of them still fires and is news again." in story.said("C0INCIDENTS")[-2]
    assert [incident.service for incident in story.incidents] == ["checkout"]
    assert story.types("/incident silences") == "Nothing is silenced."


def test_a_silence_ended_early_is_ended_once(story: Story) -> None:
    story.types("/incident silence checkout --why moving")
    assert "0 alerts were silenced" in story.types("/incident unsilence SIL-1", by="U0BOB")
    assert "nothing was changed" in story.types("/incident unsilence SIL-1")
    told = len(story.said("C0INCIDENTS"))
    story.passes(3 * 3600)
    assert len(story.said("C0INCIDENTS")) == told


def test_maintenance_begins_in_its_time(story: Story) -> None:
    assert "from 05 Mar 12:30" in story.types("/incident silence checkout --from 30m --for 1h --why moving")
    story.alert("HighErrorRate", service="checkout")
    assert len(story.incidents) == 1
