"""Settings that `lightrnn train` chooses by the size of a text, beside those made by hand.

    python -m benchmarks.auto_settings ptb TRAIN VALID TEST [--hours 0.5] [--epochs 1]

trains twice on one core, with the same vocabulary: with nothing else given, and with the options of
the recipe of that name. With --hours both have the same time, and the recipe's number of epochs
follows from it; with --epochs both read the text so often; else each takes its own number. The
perplexity is that of TEST as running text; `seconds` are those of the processor, of the whole
command.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN

# The options of the recipes, and their numbers of epochs.
BY_HAND = {
    "ptb": (
        "--hidden-dim 400 --rows 3334 --columns 3 --no-tied --residual-dim 40 "
        "--no-residual-row-score --dropout 0.45 --weight-dropout 0.4 --weight-decay 0.03 "
        "--lr 0.003",
        26,
    ),
    "wikitext-2": (
        "--hidden-dim 320 --rows 4160 --columns 8 --residual-dim 64 --residual-columns 8 "
        "--no-residual-row-score --sampled-softmax-size 800 --dropout 0.4 --weight-decay 0.03 "
        "--batch-size 64 --lr 0.004",
        12,
    ),
    "mini": (
        "--columns 8 --residual-dim 64 --residual-columns 8 --hidden-dim 224 --dropout 0.3 "
        "--sampled-softmax-size 256",
        5,
    ),
    "wikipedia": ("--batch-size 64 --lr 0.006", 1),
}
COLUMNS = (
    Column("text", "text"),
    Column("words", "words", ",d"),
    Column("settings", "settings"),
    Column("hours", "hours given"),
    Column("epochs", "epochs", ".3g"),
    Column("parameters", "parameters", ",d"),
    Column("seconds", "processor, s", ",.0f"),
    Column("perplexity", "test perplexity", ".2f"),
    Column("difference", "chosen / by hand", "+.1%"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("recipe", choices=sorted(BY_HAND))
    for name in ("train", "valid", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--epochs", type=float)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "Settings chosen by the size of the text",
        "How far are the settings that `lightrnn train` chooses from those made by hand?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    options, epochs = BY_HAND[arguments.recipe]
    limits = []
    if arguments.hours:
        limits = ["--hours", f"{arguments.hours:g}"]
    if arguments.epochs:
        limits += ["--epochs", f"{arguments.epochs:g}"]
    with tempfile.TemporaryDirectory() as folder:
        chosen, by_hand = Path(folder) / "chosen.pt", Path(folder) / "by_hand.pt"
        first = trained(arguments, chosen, limits)
        words = ["--vocabulary", f"{chosen}.work/words.tsv", *shlex.split(options)]
        second = trained(arguments, by_hand, words + (limits or ["--epochs", f"{epochs}"]))
    measured.add(
        settings="chosen", difference=first["perplexity"] / second["perplexity"] - 1, **first
    )
    measured.add(settings="by hand", **second)
    measured.finish()


def trained(arguments: argparse.Namespace, output: Path, options: list[str]) -> dict[str, Any]:
    """One row, by the keys of the columns."""
    before = processor_seconds()
    command = ["train", str(arguments.train), "--valid", str(arguments.valid)]
    lightrnn(*command, "--output", str(output), "--threads", "1", *options)
    seconds = processor_seconds() - before
    printed = lightrnn("perplexity", str(arguments.test), "--lm", str(output), "--context", "text")
    model = LightRNN.load(output)
    training = model.provenance["training"]
    assert isinstance(training, dict)
    return {
        "text": arguments.recipe,
        "words": model.provenance["train_words"],
        "hours": f"{arguments.hours:g}" if arguments.hours else "",
        "epochs": training["epochs"],
        "parameters": model.parameter_count(),
        "seconds": seconds,
        "perplexity": float(printed.splitlines()[1].split()[2]),
    }


def lightrnn(*arguments: str) -> str:
    """What the command prints; its messages go to stderr."""
    program = "from rescorer.cli.lightrnn import lightrnn; lightrnn()"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def processor_seconds() -> float:
    """Of all commands that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
