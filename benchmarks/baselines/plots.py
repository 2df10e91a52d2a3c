"""Figures of a table of baselines: test perplexity by parameters, and learning curves.

Seconds are those of one core: the preparation, then the words read divided by the speed of the
network's first steps. The same rows give the same files.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_OURS = "lightrnn"


def curve(row: Mapping[str, Any], log: Path) -> list[tuple[float, float]]:
    """(seconds, validation perplexity) of each interval of a training, from its log.csv.

    Of the open text, a word.
    """
    with open(log, newline="", encoding="utf-8") as file:
        points = [point for point in csv.DictReader(file) if not point["event"]]
    return [
        (
            row["preparation_seconds"] + int(point["tokens"]) / row["units_per_second"],
            _a_word(float(point["valid_perplexity"]), row),
        )
        for point in points
    ]


def _a_word(unit_perplexity: float, row: Mapping[str, Any]) -> float:
    """The validation perplexity of the open text, from that of the units which a network reads."""
    nats = math.log(unit_perplexity) * row["valid_units"] + row["valid_spelling_nats"]
    return math.exp(nats / row["valid_words"])


def _perplexity(row: Mapping[str, Any], name: str) -> float | None:
    """Of the open text, where it was measured."""
    found: float | None = row.get(f"{name}_open_perplexity", row.get(f"{name}_perplexity"))
    return found


def draw_by_parameters(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    figure, axes = _axes(title, "parameters (of the n-gram: its n-grams)", "test perplexity")
    for row in (row for row in rows if _perplexity(row, "test")):
        ours = row["entry"].startswith(_OURS)
        point = (row["parameters"], _perplexity(row, "test"))
        axes.scatter(*point, marker="D" if ours else "o", zorder=3)
        axes.annotate(
            label(row, rows),
            point,
            textcoords="offset points",
            xytext=(6, 4),
            fontsize=8,
            fontweight="bold" if ours else "normal",
        )
    axes.margins(x=0.2)
    _save(figure, path)


def draw_by_seconds(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """The curves of the rows that have one; the n-gram is a horizontal line."""
    figure, axes = _axes(
        title, "preparation and training, seconds of one core", "validation perplexity"
    )
    for row in rows:
        if row.get("curve"):
            axes.plot(
                *zip(*row["curve"], strict=True),
                marker=".",
                label=label(row, rows),
                linewidth=2.5 if row["entry"].startswith(_OURS) else 1.2,
            )
        elif level := _perplexity(row, "valid"):
            axes.axhline(level, linestyle="--", color="grey", label=label(row, rows))
    axes.legend(fontsize=8)
    _save(figure, path)


def label(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The baseline's name, with its fields if several rows have that name."""
    name = str(row["entry"]).partition(":")[0]
    same = [other for other in rows if other["entry"].partition(":")[0] == name]
    return name if len(same) == 1 else str(row["entry"])


def _axes(title: str, x: str, y: str) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text, and ids do not change from run to run.
    matplotlib.rcParams.update({"svg.hashsalt": "lightrnn", "svg.fonttype": "none"})
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y, xscale="log", yscale="log")
    axes.grid(which="both", alpha=0.3)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
