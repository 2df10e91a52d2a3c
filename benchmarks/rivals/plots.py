"""The figures of one table: test perplexity against parameters, validation perplexity against training seconds.

    python benchmarks/rivals/plots.py FOLDER --name ptb

writes benchmarks/figures/ptb-parameters.svg and ptb-seconds.svg. Seconds are those of one core: what came before
the training, and words read by the words a second of the network's first steps. The same FOLDER gives the same files.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "figures"
_OURS = "lightrnn"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="--output of table.py")
    parser.add_argument("--name", help="of the figures; the folder's without it")
    parser.add_argument("--output", type=Path, default=FIGURES, help="folder of the figures")
    options = parser.parse_args(arguments)
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(options.folder.glob("*.json"))]
    rows = [row for row in contents if row.get("test_perplexity")]
    name = options.name or options.folder.name
    options.output.mkdir(parents=True, exist_ok=True)
    _by_parameters(rows, options.output / f"{name}-parameters.svg", name)
    _by_seconds(rows, options.folder, options.output / f"{name}-seconds.svg", name)


def _by_parameters(rows: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    figure, axes = _axes(title, "parameters (of the n-gram: its n-grams)", "test perplexity")
    for row in rows:
        ours = row["row"].startswith(_OURS)
        axes.scatter(row["parameters"], row["test_perplexity"], marker="D" if ours else "o", zorder=3)
        axes.annotate(_label(row, rows), (row["parameters"], row["test_perplexity"]), textcoords="offset points",
                      xytext=(6, 4), fontsize=8, fontweight="bold" if ours else "normal")
    axes.margins(x=0.2)
    _save(figure, path)


def _label(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The rival's name, with its fields where several rows have that name."""
    name = str(row["row"]).partition(":")[0]
    alike = [other for other in rows if other["row"].partition(":")[0] == name]
    return name if len(alike) == 1 else str(row["row"])


def _by_seconds(rows: Sequence[dict[str, Any]], folder: Path, path: Path, title: str) -> None:
    figure, axes = _axes(title, "preparation and training, seconds of one core", "validation perplexity")
    for row in rows:
        if "log" in row:
            with open(folder / row["log"], newline="", encoding="utf-8") as file:
                points = [point for point in csv.DictReader(file) if not point["event"]]
            seconds = _seconds(row, points)
            axes.plot(seconds, [float(point["valid_perplexity"]) for point in points], marker=".",
                      label=_label(row, rows), linewidth=2.5 if row["row"].startswith(_OURS) else 1.2)
        else:
            axes.axhline(row["valid_perplexity"] if "valid_perplexity" in row else row["test_perplexity"],
                         linestyle="--", color="grey", label=_label(row, rows))
    axes.legend(fontsize=8)
    _save(figure, path)


def _seconds(row: dict[str, Any], points: Sequence[dict[str, str]]) -> list[float]:
    """When each point of a training's log was reached."""
    return [row["preparation_seconds"] + int(point["tokens"]) / row["training_words_per_second"] for point in points]


def _axes(title: str, x: str, y: str) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure

    # Text as text, and ids that do not change from run to run.
    matplotlib.rcParams.update({"svg.hashsalt": "lightrnn", "svg.fonttype": "none"})
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y, xscale="log", yscale="log")
    axes.grid(which="both", alpha=0.3)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
