"""What people see when GitOps puts its own spec back, and when it is switched off."""

from __future__ import annotations

from collections.abc import Iterator

from bot.cards.kit import Block, actions, press, section
from bot.decision import Card
from bot.model import Keeper, Request, Rollout, Suspension, Verb, Vigil
from bot.promises import noun, title
from bot.text import brief, code, esc, fallback


def put_back(vigil: Vigil, request: Request, rollout: Rollout, who: str, at: str) -> Card:
    """The one message about a rollback that did not stick: who, when, and what would last."""
    text = (
        f":leftwards_arrow_with_hook: The {noun(request)} of {code(vigil.called)} *did not stick*: "
        f"{brief(request.from_version, 100)} was put back by {brief(who, 150)}{at}."
    )
    lasting = "\n".join(f"• {line}" for line in _lasting(vigil, rollout))
    buttons = [*_buttons(vigil, rollout)]
    blocks: list[Block] = [section(text), section(f"*What would last*\n{lasting}"), actions(*buttons)]
    return Card(text=fallback(text), blocks=tuple(blocks))


def not_held(request: Request, rollout: Rollout, why: str) -> Card:
    """The one message about a pause that was lifted, or a release that was to go on and does not."""
    text = f":leftwards_arrow_with_hook: {esc(capital(title(request)))} *did not hold*: {brief(why, 500)}."
    pause = request.verb is Verb.PAUSE and rollout.in_flight
    again = press("Pause again", f"rollout pause {request.called}", f"pause {request.called}"[:200])
    shown = press("Show rollout", f"rollout show {request.called}", f"show {request.called}"[:200])
    buttons = actions(*([again] if pause else []), shown)
    return Card(text=fallback(text), blocks=(section(text), buttons))


def _lasting(vigil: Vigil, rollout: Rollout) -> Iterator[str]:
    keeper, to = rollout.keeper, brief(vigil.revision_version, 100)
    yield _revert(keeper, to)
    if keeper and keeper.can_be_stopped:
        parent = f" {brief(keeper.parent, 100)} may switch it on again." if keeper.parent else ""
        yield (
            f"Until then: switch {brief(str(keeper), 100)} off, roll back again, and restore it afterwards. "
            f"I keep what it was and remind you.{parent}"
        )
    elif keeper and keeper.why:
        yield f"I cannot switch {brief(str(keeper), 100)} off: {brief(keeper.why, 200)}"
    else:
        yield "Roll back again, once nothing puts it back."


def _revert(keeper: Keeper | None, to: str) -> str:
    if keeper is None or not keeper.commit:
        return f"Make the repository say {to}: revert the commit that brought the other version."
    where = f" in {code(keeper.repository)}" if keeper.repository else ""
    return f"Make Git say {to}: {code(f'git revert {keeper.commit}')} and push{where}"


def _buttons(vigil: Vigil, rollout: Rollout) -> Iterator[Block | None]:
    keeper = rollout.keeper
    if keeper and keeper.can_be_stopped:
        label = "Switch auto-sync off" if keeper.kind == "Application" else "Suspend Flux"
        yield press(label, f"rollout suspend {vigil.called}", f"suspend {vigil.called}"[:200])
    again = f"rollback {vigil.called} --to {vigil.revision}"
    yield press("Roll back again", f"rollout {again}", again[:200], "danger")
    yield press("Show rollout", f"rollout show {vigil.called}", f"show {vigil.called}"[:200])


def stopped(suspension: Suspension) -> Card:
    text = (
        f":white_check_mark: {brief(str(suspension), 150)} is switched off: it will not put its own spec back. "
        f"It was {code(suspension.setting, 300)}; a follow-up stands to restore that."
    )
    return _with(text, "Roll back again", f"rollback {suspension.called}", suspension)


def restored(suspension: Suspension) -> Card:
    text = f":white_check_mark: {brief(str(suspension), 150)} is as it was before: {code(suspension.setting, 300)}."
    return words_of(text, escaped=True)


def switched_on(suspension: Suspension, by: str) -> Card:
    text = (
        f":leftwards_arrow_with_hook: {brief(str(suspension), 150)} was *switched on again* by {brief(by, 100)}, and "
        "not by me: from now on it puts its own spec back. There is nothing left for me to restore."
    )
    again = press("Switch it off again", f"rollout suspend {suspension.called}", f"suspend {suspension.called}"[:200])
    shown = press("Show rollout", f"rollout show {suspension.called}", f"show {suspension.called}"[:200])
    return Card(text=fallback(text), blocks=(section(text), actions(again, shown)))


def not_done(suspension: Suspension, why: str, *, off: bool) -> Card:
    what = "was not switched off" if off else "was not restored"
    text = f":warning: {brief(str(suspension), 150)} {what}: {brief(why, 1000)}."
    return words_of(text, escaped=True)


def _with(text: str, label: str, line: str, suspension: Suspension) -> Card:
    restore = f"restore {suspension.called}"
    buttons = (
        press(label, f"rollout {line}", line[:200], "danger"),
        press("Restore", f"rollout {restore}", restore[:200]),
    )
    return Card(text=fallback(text), blocks=(section(text), actions(*buttons)))


def words_of(text: str, *, escaped: bool = False) -> Card:
    shown = text if escaped else f":warning: {esc(capital(text))}."
    return Card(text=fallback(shown), blocks=(section(shown),))


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
