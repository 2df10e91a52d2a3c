"""Figures of a table of baselines: test perplexity by parameters, and learning curves.

Seconds are those of one core: the preparation, then the words read divided by the speed of the
network's first steps. The same rows give the same files.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_OURS = "lightrnn"


def curve(row: Mapping[str, Any], log: Path) -> list[tuple[float, float]]:
    """(seconds, validation perplexity) of each interval of a training, from its log.csv."""
    with open(log, newline="", encoding="utf-8") as file:
        points = [point for point in csv.DictReader(file) if not point["event"]]
    speed = row["training_words_per_second"]
    return [
        (
            row["preparation_seconds"] + int(point["tokens"]) / speed,
            float(point["valid_perplexity"]),
        )
        for point in points
    ]


def draw_by_parameters(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    figure, axes = _axes(title, "parameters (of the n-gram: its n-grams)", "test perplexity")
    for row in (row for row in rows if row.get("test_perplexity")):
        ours = row["entry"].startswith(_OURS)
        point = (row["parameters"], row["test_perplexity"])
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
        elif row.get("valid_perplexity"):
            axes.axhline(
                row["valid_perplexity"], linestyle="--", color="grey", label=label(row, rows)
            )
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
