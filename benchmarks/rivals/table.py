"""LightRNN and its rivals on equal terms, one line each: train, measure, print the table.

    python benchmarks/rivals/table.py TRAIN… --valid VALID --test TEST --vocabulary words.tsv --output FOLDER

Each network gets the same seconds of one core (`--seconds`): words a second of its first steps are measured in turn
with those of the LSTM that all of them have, so that other work on the machine slows both, seven times over, and it
reads as many words as the middle share makes of the LSTM's best speed in what the budget has left after its preparation
(first tables, classes, companies of words), over and over where the text is short, so that its learning rate has fallen
to 0 when the budget ends. Width, layers, dropout, batch, seed and the tried learning rates
are the same for all; scoring the validation text is not counted. With `--epochs` each reads the text so often instead,
however long it takes; a single learning rate is not tried first. Every line runs in a process of its own with a limit
on its memory. A finished line is a file in FOLDER; called again, the command makes only the lines that are missing, and
a line that was cut goes on. A line that runs out of memory, diverges or has no time left says so.
`benchmarks/rivals/plots.py FOLDER` draws the curves.

PTB; WikiText-2; Wikipedia at 33,000, 200,000 and 1,000,000 words (DATA: the folder of the recipes; the texts of
Wikipedia are spoken words, as `lexicon normalise` makes them; the n-gram of all of it would want `--prune`). Needs
lmplz (`make kenlm`) and `pip install '.[benchmarks]'`:

    lexicon vocabulary DATA/text/ptb/train.txt --output ptb.tsv
    python benchmarks/rivals/table.py DATA/text/ptb/train.txt --valid DATA/text/ptb/valid.txt \\
      --test DATA/text/ptb/test.txt --vocabulary ptb.tsv --output out/ptb --seconds 150 --dropout 0.3
    lexicon vocabulary DATA/text/wikitext-2/train.txt.xz --output wt2.tsv
    python benchmarks/rivals/table.py DATA/text/wikitext-2/train.txt.xz --valid DATA/text/wikitext-2/valid.txt.xz \\
      --test DATA/text/wikitext-2/test.txt.xz --vocabulary wt2.tsv --output out/wt2 --seconds 150 --dropout 0.3
    head -n 576553 enwiki-train.txt >wiki13m.txt
    lexicon vocabulary wiki13m.txt --max-size 33000 --output 33k.tsv  # 200k.tsv alike
    python benchmarks/rivals/table.py wiki13m.txt --valid enwiki-valid.txt --test enwiki-test.txt \\
      --vocabulary 33k.tsv --output out/enwiki-33k --eval-words 10000 --seconds 150
    … --vocabulary 200k.tsv --output out/enwiki-200k --eval-words 10000 --seconds 300 --learning-rates 0.006
    lexicon gazetteer DATA/gazetteers/{places,surnames,first-names}.tsv.xz --cap places-alternates 0 --output names.tsv
    lexicon gazetteer DATA/gazetteers/english-words.txt.xz --output english.tsv
    lexicon vocabulary wiki13m.txt --list names.tsv 1 --list english.tsv 1 --max-size 1000000 --output 1m.tsv
    … --vocabulary 1m.tsv --output out/enwiki-1m --eval-words 5000 --seconds 300 --learning-rates 0.006 \\
      --intervals 2 --memory-gb 16

The text alone has fewer than a million words; the n-gram scores those that it lacks as `<unk>`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BENCHMARKS = Path(__file__).parents[1]
sys.path.insert(0, str(BENCHMARKS))  # where the package of this folder is found

from rescorer.errors import InputError  # noqa: E402
from rescorer.files import write_lines  # noqa: E402
from rescorer.rescoring.perplexity import TextScores  # noqa: E402
from rivals.line_up import CHEAP_FIRST, KNESER_NEY, Entry  # noqa: E402
from rivals.row import probes  # noqa: E402
from rivals.terms import SCORED, Folder, Terms  # noqa: E402

COLUMNS = ("model", "parameters", "file, MB", "test alone", "with the n-gram", "words read", "training, words/s",
           "as it went", "scoring, words/s", "peak, GB", "learning rate", "preparation, s")
_PROBES = 7  # of a network's words a second: single ones of one network were a fifth apart
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        entries = [Entry.parse(spec) for spec in options.rows]
        lmplz = _lmplz(options.lmplz)
        folder = Folder(options.output)
        folder.prepare(_terms(options), options.texts, options.valid, options.test)
    except (InputError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a row's process ends with this one
    _probe_in_turn(folder, entries, lmplz, options.memory_gb)
    failed = [entry.spec for entry in entries if not _make(folder, entry, lmplz, options.memory_gb)]
    lines = table(folder, entries)
    write_lines(folder.path / "table.md", lines)
    print("\n".join(lines))
    for spec in failed:
        print(f"error: {spec} is not finished: see {folder.work(spec) / 'log.txt'}; the same command goes on with it",
              file=sys.stderr)
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT")
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True, help="made of TEXT by `lexicon vocabulary`")
    parser.add_argument("--size", type=int, help="only the first so many of it, `<unk>` among them")
    parser.add_argument("--output", type=Path, required=True, help="folder of this table")
    parser.add_argument("--rows", nargs="+", default=list(CHEAP_FIRST), metavar="NAME[:FIELD=VALUE,…]",
                        help=f"lines, in this order: {' '.join(CHEAP_FIRST)}; see line_up.py for the fields")
    parser.add_argument("--train-words", type=int, help="only so many words of TEXT; make the vocabulary of the same")
    parser.add_argument("--eval-words", type=int, help="only so many words of the validation and test texts")
    parser.add_argument("--seconds", type=float, default=600.0, help="of one core, for each training")
    parser.add_argument("--epochs", type=int, help="instead of --seconds, which then are of trials alone: times that "
                        "each network reads the text")
    parser.add_argument("--trial-seconds", type=float, help="for each trial of a learning rate; a fifth of --seconds "
                        "without it. As many as --seconds: the better trial is the training")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[0.002, 0.006])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--weight-dropout", type=float, default=0.0, help="of the LSTM's recurrent weights")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--unroll", type=int, default=35)
    parser.add_argument("--precision", default="bfloat16", help="of training: float32 or bfloat16")
    parser.add_argument("--intervals", type=int, default=10, help="points of the curve of a training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--order", type=int, default=5, help="of the n-gram")
    parser.add_argument("--prune", type=int, nargs="*", default=[], help="of lmplz, such as 0 0 1 1 1")
    parser.add_argument("--memory-gb", type=float, default=12.0, help="that a line's process may take; 0: no limit")
    parser.add_argument("--lmplz", type=Path, help="that of the PATH or of build/kenlm/bin without it")
    return parser.parse_args(arguments)


def _terms(options: argparse.Namespace) -> Terms:
    given = vars(options)
    shared = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
              if name in Terms.__dataclass_fields__}
    names = tuple(path.name for path in (*options.texts, options.valid, options.test))
    trial = options.seconds / 5 if options.trial_seconds is None else options.trial_seconds
    return Terms(**{**shared, "texts": names, "vocabulary": str(options.vocabulary.resolve()), "trial_seconds": trial})


def _lmplz(given: Path | None) -> Path:
    built = BENCHMARKS.parent / "build/kenlm/bin/lmplz"
    found = given or Path(shutil.which("lmplz") or built)
    if not found.is_file():
        raise InputError("there is no lmplz", remedy="make kenlm, or say where with --lmplz", file=found)
    return found.resolve()


def _probe_in_turn(folder: Folder, entries: Sequence[Entry], lmplz: Path, memory_gb: float) -> None:
    """Measure words a second of networks whose lines are missing: a slow minute of the machine is not one's alone."""
    for turn in range(_PROBES):
        for entry in entries:
            missing = entry.name != KNESER_NEY and not folder.result(entry.spec).exists()
            if missing and probes(folder, entry) <= turn:
                _run(folder, entry, lmplz, memory_gb, "--probe")


def _make(folder: Folder, entry: Entry, lmplz: Path, memory_gb: float) -> bool:
    """Make the line unless it is there; whether it is there now."""
    if not folder.result(entry.spec).exists():
        print(f"{entry.spec} …", file=sys.stderr, flush=True)
        _run(folder, entry, lmplz, memory_gb)
    return folder.result(entry.spec).exists()


def _run(folder: Folder, entry: Entry, lmplz: Path, memory_gb: float, *more: str) -> None:
    """Work at a line in a process of its own."""
    work = folder.work(entry.spec)
    work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "rivals.row", str(folder.path), entry.spec, "--lmplz", str(lmplz), "--memory-gb",
               str(memory_gb), *more]
    paths = os.pathsep.join([str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])])
    with open(work / "log.txt", "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log,
                                   env={**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1",
                                        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        try:
            process.wait()
        finally:
            process.terminate()
            process.wait()
    if -process.returncode in _CRASHES and b"alloc" in (work / "log.txt").read_bytes()[-2000:]:
        # Where C++ runs out of memory outside of what torch catches, the process ends.
        write_lines(folder.result(entry.spec), [json.dumps({"row": entry.spec, "problem": "out of memory"})])


def table(folder: Folder, entries: Sequence[Entry]) -> list[str]:
    """The lines of the table in Markdown, under what it was made with."""
    rows = [{**json.loads(folder.result(entry.spec).read_text(encoding="utf-8")), **mixed(folder, entry)}
            for entry in entries if folder.result(entry.spec).exists()]
    terms, test = folder.terms(), folder.text("test")
    head = [next((row["machine"] for row in rows if "machine" in row), ""),
            f"{len(folder.vocabulary()):,} words, {len(folder.text('train')):,} of text, test {len(test):,}; "
            f"width {terms.width}, layers {terms.layers}, dropout {terms.dropout:g}, of weights "
            f"{terms.weight_dropout:g}, batch {terms.streams} × {terms.unroll}, {terms.precision}, seed {terms.seed}; "
            f"{terms.budget}; state carried through the text", ""]
    rule = ["| " + " | ".join(COLUMNS) + " |", "| --- |" + " ---: |" * (len(COLUMNS) - 1)]
    return [*head, *rule, *("| " + " | ".join(_cells(row)) + " |" for row in rows)]


def mixed(folder: Folder, entry: Entry) -> dict[str, float]:
    """The linear mixture with the n-gram, its weight fitted on the validation text; empty where either is missing."""
    specs = (KNESER_NEY, entry.spec)
    if entry.name == KNESER_NEY or not all(folder.log_probs(spec, name).exists() for spec in specs for name in SCORED):
        return {}
    beside = {}
    for name in SCORED:
        log_probs = np.stack([np.load(folder.log_probs(spec, name)) for spec in specs], 1)
        beside[name] = TextScores(specs, log_probs, np.zeros(2, dtype=np.int64), len(log_probs))
    weights = beside["valid"].best_weights()
    return {"test_mixed": beside["test"].mixed(weights), "ngram_weight": float(weights[0])}


def _cells(row: dict[str, Any]) -> list[str]:
    def shown(name: str, style: str, scale: float = 1) -> str:
        value = row.get(name)
        return "" if value is None else format(value * scale, style)

    return [row["row"], shown("parameters", ",d"), shown("file_bytes", ",.1f", 1e-6),
            row.get("problem") or shown("test_perplexity", ".2f"), shown("test_mixed", ".2f"),
            shown("words_read", ",d"), shown("training_words_per_second", ",.0f"),
            shown("words_per_second_as_it_went", ",.0f"), shown("scoring_words_per_second", ",.0f"),
            shown("peak_bytes", ".1f", 1e-9), shown("learning_rate", "g"), shown("preparation_seconds", ".0f")]


if __name__ == "__main__":
    sys.exit(main())
