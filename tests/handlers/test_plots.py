"""Plots, as far as a program can judge them: size, gaps, marks, and text that stays text."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from matplotlib.image import imread

from bot.signals import SIGNALS, Chart, Line, Mark, MarkKind, Panel
from handlers import providers
from handlers.plots import CANARY, HEIGHT, WIDTH, draw
from tests.values import NOON

END = NOON + timedelta(minutes=10)
FIVE = timedelta(seconds=5)


def points(*without: range) -> tuple[tuple[datetime, float], ...]:
    return tuple((NOON + n * FIVE, 20.0) for n in range(120) if not any(n in dark for dark in without))


def chart(*lines: Line, marks: tuple[Mark, ...] = (), title: str = "pause 5m") -> Chart:
    panel = Panel(signal=SIGNALS["errors"], lines=lines)
    return Chart(
        service="checkout", environment="production", title=title, at=NOON, start=NOON, end=END, step=FIVE,
        marks=marks, panels=(panel,),
    )  # fmt: skip


def picture(drawn: Chart) -> np.ndarray:
    return imread(io.BytesIO(draw(drawn)), format="png")[:, :, :3]


def inked(drawn: Chart, colour: str) -> set[int]:
    """The columns in which there is this colour, the legend aside."""
    wanted = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    near = np.abs(picture(drawn)[HEIGHT // 5 :] - wanted).max(axis=2) < 0.02
    return set(np.flatnonzero(near.any(axis=0)).tolist())


def test_it_has_the_size_that_slack_shows() -> None:
    assert picture(chart(Line(canary=True, points=points()))).shape == (HEIGHT, WIDTH, 3)


def test_the_same_chart_is_the_same_picture() -> None:
    one = chart(Line(canary=True, points=points()))
    assert draw(one) == draw(one)


def test_a_gap_in_the_figures_is_a_gap_in_the_line() -> None:
    """Neither a line across it, nor a fall to zero."""
    whole = inked(chart(Line(canary=True, points=points())), CANARY)
    gap = inked(chart(Line(canary=True, points=points(range(50, 80)))), CANARY)
    missing = sorted(whole - gap)
    assert 200 < len(missing) < 300  # thirty of 120 points, of about 1,080 columns
    assert missing == list(range(missing[0], missing[-1] + 1))


def test_a_point_alone_is_seen() -> None:
    assert inked(chart(Line(canary=True, points=((NOON + timedelta(minutes=5), 3.0),))), CANARY)


def test_names_from_outside_are_no_mathematics() -> None:
    marks = (Mark(at=NOON + timedelta(minutes=2), kind=MarkKind.STEP, text=r"plugin $\frac{1}{$ " * 9),)
    assert draw(chart(marks=marks, title=r"$\bad{ v42"))


def test_many_marks_and_none_are_drawn() -> None:
    marks = tuple(Mark(at=NOON + n * FIVE, kind=kind, text="x" * 90) for n in range(100) for kind in MarkKind)
    assert draw(chart(marks=marks))
    assert draw(replace(chart(), panels=tuple(Panel(signal=signal) for signal in SIGNALS.values())))


def test_only_a_bot_that_plots_loads_what_draws() -> None:
    loaded = "import sys, handlers.app; sys.exit('matplotlib' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded]).returncode == 0
    assert providers.load("plots", providers.DRAWING) is draw
