"""Draws a chart as PNG for Slack: one panel for each signal, both sides, and what happened when."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from bot.signals import Chart, Line, MarkKind, Panel
from bot.text import clip, one_line

WIDTH, HEIGHT, DPI = 1200, 700, 100  # pixels, as Slack shows it without a click
# Okabe and Ito's colours, which everybody can tell apart; dashes and names say the same without colour.
STABLE, CANARY, INK, LIMIT = "#0072B2", "#D55E00", "#333333", "#CC79A7"
MARKS = {
    MarkKind.BEGIN: ("#333333", "-"),
    MarkKind.STEP: ("#8C8C8C", "-"),
    MarkKind.PAUSE: ("#8C8C8C", ":"),
    MarkKind.ACT: ("#CC79A7", "--"),
    MarkKind.ABORT: ("#CC3311", "-"),
    MarkKind.ALERT: ("#CC3311", ":"),
    MarkKind.FINISH: ("#009E73", "-"),
}
LABELLED, TOGETHER = 24, 3  # characters of a label, and labels of one place
APART = 0.015  # of the width: what is closer together happened together
ROWS, LETTER = 4, 0.0063  # of labels; a letter's part of the width, a little more than most need
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)  # seconds
DRAWING = threading.Lock()  # matplotlib's caches are not made for threads


def draw(chart: Chart) -> bytes:
    """The same chart always gives the same picture."""
    with DRAWING:
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        _compose(figure, chart)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


def _compose(figure: Figure, chart: Chart) -> None:
    rows = figure.subplots(len(chart.panels), 1, sharex=True, squeeze=False)
    all_axes: list[Axes] = [row[0] for row in rows]
    figure.subplots_adjust(left=0.075, right=0.975, top=0.79, bottom=0.085, hspace=0.28)
    for axes, panel in zip(all_axes, chart.panels, strict=True):
        _panel(axes, panel, chart)
    _label_marks(all_axes[0], chart)
    _time_axis(all_axes[-1], chart)
    title = clip(one_line(f"{chart.service}: {chart.title}"), 90)
    figure.text(0.075, 0.955, _literal(title), fontsize=15, fontweight="bold", color=INK, va="center")
    figure.legend(
        handles=_legend(chart), loc="center right", bbox_to_anchor=(0.98, 0.955), ncols=2, frameon=False, fontsize=11
    )


def _literal(text: str) -> str:
    """Without what matplotlib takes for mathematics."""
    return text.replace("$", r"\$")


def _legend(chart: Chart) -> list[Line2D]:
    if not chart.sides:
        limited = any(panel.limit is not None for panel in chart.panels)
        return [Line2D([], [], color=LIMIT, linewidth=1.5, linestyle="--", label="limit")] if limited else []
    return [
        Line2D([], [], color=STABLE, linewidth=2, linestyle="--", label="stable"),
        Line2D([], [], color=CANARY, linewidth=2.4, label="new"),
    ]


def _panel(axes: Axes, panel: Panel, chart: Chart) -> None:
    for line in panel.lines:
        _line(axes, line, chart)
    for mark in chart.marks:
        colour, dashes = MARKS[mark.kind]
        axes.axvline(_x(mark.at), color=colour, linestyle=dashes, linewidth=1.2, zorder=1)
    if panel.limit is not None:
        axes.axhline(panel.limit, color=LIMIT, linestyle="--", linewidth=1.5, zorder=1)
    unit = f" ({panel.signal.unit})" if panel.signal.unit else ""
    axes.set_title(_literal(f"{panel.signal.title}{unit}"), loc="left", fontsize=11, color=INK, pad=5)
    axes.set_ylim(*_span(panel))
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=10, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not panel.lines:
        axes.text(0.5, 0.5, "nothing was measured", transform=axes.transAxes, ha="center", va="center", color=INK)


def _span(panel: Panel) -> tuple[float, float]:
    """From nothing to somewhat above the highest value: a cut axis would make little look like much."""
    values = [value for line in panel.lines for _, value in line.points]
    values += [panel.limit] if panel.limit is not None else []
    lowest, highest = min(values, default=0.0), max(values, default=0.0)
    return min(0.0, lowest * 1.15), highest * 1.15 if highest > 0 else 1.0 if lowest >= 0 else 0.0


def _line(axes: Axes, line: Line, chart: Chart) -> None:
    """What was not measured is a gap. A point alone between two gaps is shown as a point."""
    times = np.array([_x(at) for at, _ in line.points])
    values = np.array([value for _, value in line.points])
    gap = chart.gap.total_seconds() / 86_400
    breaks = np.flatnonzero(np.diff(times) > gap) + 1
    colour, width, dashes, level = (CANARY, 2.4, "-", 3) if line.canary else (STABLE, 2.0, "--", 2)
    for part, heights in zip(np.split(times, breaks), np.split(values, breaks), strict=True):
        (drawn,) = axes.plot(part, heights, color=colour, linewidth=width, linestyle=dashes, zorder=level)
        if len(part) == 1:
            drawn.set_marker("o")


def _label_marks(axes: Axes, chart: Chart) -> None:
    """Above the uppermost panel, each on the lowest row where it covers no other."""
    ends = [-1.0] * ROWS
    for place, text in _named(chart):
        width = len(text) * LETTER
        at = min(place, 1.0 - width)  # what would leave the picture is moved back into it
        row = next((row for row, end in enumerate(ends) if end <= at), ROWS - 1)
        ends[row] = at + width + LETTER
        axes.annotate(
            _literal(text), (at, 1.0), xycoords="axes fraction", xytext=(0, 20 + 15 * row),
            textcoords="offset points", fontsize=9.5, color=INK, annotation_clip=False,
        )  # fmt: skip


def _named(chart: Chart) -> list[tuple[float, str]]:
    """Places across the width, from 0 to 1, and what happened there; what happened together is said together."""
    width = (chart.end - chart.start).total_seconds()
    groups: list[tuple[float, list[str]]] = []
    for mark in chart.marks:
        place = (mark.at - chart.start).total_seconds() / width
        text = clip(one_line(mark.text), LABELLED)
        if groups and place - groups[-1][0] < APART:
            groups[-1][1].append(text)
        else:
            groups.append((place, [text]))
    return [(place, " · ".join(texts[:TOGETHER])) for place, texts in groups]


def _time_axis(axes: Axes, chart: Chart) -> None:
    axes.set_xlim(_x(chart.start), _x(chart.end))
    tick = _tick(chart.end - chart.start)
    axes.xaxis.set_major_locator(MultipleLocator(tick / timedelta(days=1)))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S" if tick < timedelta(minutes=1) else "%H:%M", tz=UTC))
    axes.set_xlabel(f"time in UTC, {chart.end.astimezone(UTC):%d %B %Y}", fontsize=10, color=INK)


def _tick(span: timedelta) -> timedelta:
    """The shortest round time that divides the span into ten parts at most."""
    fitting = (timedelta(seconds=seconds) for seconds in TICKS if span <= timedelta(seconds=seconds) * 10)
    return next(fitting, timedelta(days=1))


def _x(at: datetime) -> float:
    return float(date2num(at))
