"""LightRNN and the baselines with the same budget, one entry each: train, measure, print the table.

    python -m benchmarks.baselines.table TRAIN… --valid VALID --test TEST \\
      --vocabulary words.tsv --output FOLDER

Each network gets the same seconds of one core (`--seconds`). The speed of its first steps is
measured several times (`--probes`), in turn with that of the LSTM that all networks share, because
other work on the machine slows both. The median of these shares times the LSTM's best speed gives
the number of words that the network reads in its budget, after its preparation (table
initialisation, word classes, embeddings, pieces). A short text is repeated. The learning rate falls
to 0 at the end of the budget. Validations are not counted. With `--epochs`, each network reads the
text that often instead, in any time.

Width, layers, dropout, batch, seed and the learning rates that are tried are the same for all
networks. A single learning rate is not tried first. Each entry is a process of its own with a
memory limit. A finished entry is a file in FOLDER: another call runs only the entries that are
missing, and resumes one that was interrupted. The table says of an entry if it ran out of memory,
diverged or had no time left. `--record` keeps the table and the curves for `benchmarks.render`.

The recorded tables are those of Penn Treebank, WikiText-2, and Wikipedia with 33,000, 200,000 and
1,000,000 words. DATA is the folder of the recipes. The texts of Wikipedia are output of `lexicon
normalise`. The commands need lmplz (`make kenlm`) and `pip install '.[benchmarks]'`:

    TABLE="python -m benchmarks.baselines.table"
    lexicon vocabulary DATA/text/ptb/train.txt --output ptb.tsv
    $TABLE DATA/text/ptb/train.txt --valid DATA/text/ptb/valid.txt \\
      --test DATA/text/ptb/test.txt --vocabulary ptb.tsv --output out/ptb --seconds 150 \\
      --dropout 0.3

    lexicon vocabulary DATA/text/wikitext-2/train.txt.xz --output wt2.tsv
    $TABLE DATA/text/wikitext-2/train.txt.xz --valid DATA/text/wikitext-2/valid.txt.xz \\
      --test DATA/text/wikitext-2/test.txt.xz --vocabulary wt2.tsv --output out/wt2 --seconds 150 \\
      --dropout 0.3

    head -n 576553 enwiki-train.txt >wiki13m.txt
    WIKIPEDIA="$TABLE wiki13m.txt --valid enwiki-valid.txt --test enwiki-test.txt"
    lexicon vocabulary wiki13m.txt --max-size 33000 --output 33k.tsv
    $WIKIPEDIA --vocabulary 33k.tsv --output out/enwiki-33k --eval-words 10000 --seconds 150
    lexicon vocabulary wiki13m.txt --max-size 200000 --output 200k.tsv
    $WIKIPEDIA --vocabulary 200k.tsv --output out/enwiki-200k --eval-words 10000 --seconds 300 \\
      --lrs 0.006
    lexicon gazetteer DATA/gazetteers/{places,surnames,first-names}.tsv.xz \\
      --cap places-alternates 0 --output names.tsv
    lexicon gazetteer DATA/gazetteers/english-words.txt.xz --output english.tsv
    lexicon vocabulary wiki13m.txt --list names.tsv 1 --list english.tsv 1 --max-size 1000000 \\
      --output 1m.tsv
    $WIKIPEDIA --vocabulary 1m.tsv --output out/enwiki-1m --eval-words 5000 --seconds 300 \\
      --lrs 0.006 --intervals 2 --memory-gb 16

    $WIKIPEDIA --vocabulary 200k.tsv --output out/enwiki-200k-pieces --eval-words 10000 \\
      --seconds 300 --intervals 4 --lrs 0.006 --precision float32 --entries lightrnn kneser-ney \\
      full-tied:pieces={500,2000,8000} full-tied:pieces=2000,hidden_dim=512 \\
      transformer:pieces={500,2000},num_layers=4,lr=0.002 \\
      transformer:pieces=2000,hidden_dim=384,num_layers=6,heads=6,lr=0.002

The text alone has fewer than a million words. The n-gram scores words that it lacks as `<unk>`.
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

from benchmarks.baselines.budget import KINDS, SCORED, Budget, Folder
from benchmarks.baselines.plan import probes
from benchmarks.baselines.plots import curve
from benchmarks.baselines.registry import CHEAP_FIRST, KNESER_NEY, Entry
from benchmarks.baselines.units import in_known_sentences
from benchmarks.results import Column, Measurement, make_parser
from benchmarks.sources import ROOT
from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.rescoring.perplexity import TextScores

COLUMNS = (
    Column("entry", "model"),
    Column("parameters", "parameters", ",d"),
    Column("file_mb", "file, MB", ",.1f"),
    Column("test_perplexity", "test perplexity", ".2f"),
    Column("test_mixed", "with the 5-gram", ".2f"),
    Column("test_open_perplexity", "open text, test perplexity a word", ".2f"),
    Column("test_known_perplexity", "of its sentences of known words", ".2f"),
    Column("test_open_mixed", "open text, with the 5-gram", ".2f"),
    Column("words_read", "words read", ",d"),
    Column("training_words_per_second", "training, words/s", ",.0f"),
    Column("words_per_second_as_it_went", "words/s of the whole training", ",.0f"),
    Column("scoring_words_per_second", "scoring, words/s", ",.0f"),
    Column("peak_gb", "peak memory, GB", ".1f"),
    Column("lr", "learning rate", "g"),
    Column("preparation_seconds", "preparation, s", ".0f"),
    Column("problem", "problem"),
)
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        entries = [Entry.parse(spec) for spec in options.entries]
        lmplz = _lmplz(options.lmplz)
        folder = Folder(options.output)
        folder.prepare(_budget(options), options.texts, options.valid, options.test)
    except (InputError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # The process of an entry ends with this one.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _probe_in_turn(folder, entries, lmplz, options)
        failed = [
            entry.spec for entry in entries if not _make(folder, entry, lmplz, options.memory_gb)
        ]
        show(folder, entries, options)
        for spec in failed:
            log = folder.work(spec) / "log.txt"
            print(
                f"error: {spec} is not finished: see {log}; the same command resumes it",
                file=sys.stderr,
            )
        return 1 if failed else 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT")
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument(
        "--vocabulary", type=Path, required=True, help="made of TEXT by `lexicon vocabulary`"
    )
    parser.add_argument("--size", type=int, help="only the first so many of it, `<unk>` among them")
    parser.add_argument("--output", type=Path, required=True, help="folder of this table")
    parser.add_argument(
        "--entries",
        nargs="+",
        default=list(CHEAP_FIRST),
        metavar="NAME[:FIELD=VALUE,…]",
        help=f"in this order: {' '.join(CHEAP_FIRST)}; see registry.py for the fields",
    )
    parser.add_argument(
        "--train-words",
        type=int,
        help="only so many words of TEXT; make the vocabulary of the same",
    )
    parser.add_argument(
        "--eval-words", type=int, help="only so many words of the validation and test texts"
    )
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="of one core, for each training"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="instead of --seconds, which then are of trials alone: times that "
        "each network reads the text",
    )
    parser.add_argument(
        "--trial-seconds",
        type=float,
        help="for each trial of a learning rate; a fifth of --seconds "
        "without it. As many as --seconds: the better trial is the training",
    )
    parser.add_argument("--lrs", type=float, nargs="+", default=[0.002, 0.006])
    parser.add_argument(
        "--probes",
        type=int,
        default=7,
        help="measurements of each network's speed; single ones differ by up to a fifth",
    )
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--num-layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument(
        "--weight-dropout", type=float, default=0.0, help="of the LSTM's recurrent weights"
    )
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--bptt", type=int, default=35)
    parser.add_argument("--precision", default="bfloat16", help="of training: float32 or bfloat16")
    parser.add_argument(
        "--intervals", type=int, default=10, help="points of the curve of a training"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--order", type=int, default=5, help="of the n-gram")
    parser.add_argument(
        "--prune", type=int, nargs="*", default=[], help="of lmplz, such as 0 0 1 1 1"
    )
    parser.add_argument(
        "--memory-gb",
        type=float,
        default=12.0,
        help="that an entry's process may take; 0: no limit",
    )
    parser.add_argument(
        "--lmplz", type=Path, help="that of the PATH or of build/kenlm/bin without it"
    )
    return parser.parse_args(arguments)


def _budget(options: argparse.Namespace) -> Budget:
    given = vars(options)
    shared = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if name in Budget.__dataclass_fields__
    }
    names = tuple(path.name for path in (*options.texts, options.valid, options.test))
    trial = options.seconds / 5 if options.trial_seconds is None else options.trial_seconds
    return Budget(
        **{
            **shared,
            "texts": names,
            "vocabulary": str(options.vocabulary.resolve()),
            "trial_seconds": trial,
        }
    )


def _lmplz(given: Path | None) -> Path:
    built = ROOT / "build/kenlm/bin/lmplz"
    found = given or Path(shutil.which("lmplz") or built)
    if not found.is_file():
        raise InputError(
            "there is no lmplz", remedy="make kenlm, or say where with --lmplz", file=found
        )
    return found.resolve()


def _probe_in_turn(
    folder: Folder, entries: Sequence[Entry], lmplz: Path, options: argparse.Namespace
) -> None:
    """Measure the speed of networks without a result, in turn: a slow minute affects all."""
    for turn in range(options.probes):
        for entry in entries:
            missing = entry.name != KNESER_NEY and not folder.result(entry.spec).exists()
            if missing and probes(folder, entry) <= turn:
                _run(folder, entry, lmplz, options.memory_gb, "--probe")


def _make(folder: Folder, entry: Entry, lmplz: Path, memory_gb: float) -> bool:
    """Run the entry unless it has a result; returns whether it has one now."""
    if not folder.result(entry.spec).exists():
        print(f"{entry.spec} …", file=sys.stderr, flush=True)
        _run(folder, entry, lmplz, memory_gb)
    return folder.result(entry.spec).exists()


def _run(folder: Folder, entry: Entry, lmplz: Path, memory_gb: float, *more: str) -> None:
    """Run an entry in a process of its own."""
    work = folder.work(entry.spec)
    work.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "benchmarks.baselines.entry",
        str(folder.path.resolve()),
        entry.spec,
        "--lmplz",
        str(lmplz),
        "--memory-gb",
        str(memory_gb),
        *more,
    ]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with open(work / "log.txt", "ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **one_thread},
        )
        try:
            process.wait()
        finally:
            process.terminate()
            process.wait()
    if -process.returncode in _CRASHES and b"alloc" in (work / "log.txt").read_bytes()[-2000:]:
        # A C++ exception that torch does not catch ends the process.
        write_lines(
            folder.result(entry.spec),
            [json.dumps({"entry": entry.spec, "problem": "out of memory"})],
        )


def show(folder: Folder, entries: Sequence[Entry], options: argparse.Namespace) -> None:
    """Print the table of the finished entries, and record it if `--record` asks for that."""
    rows = [_row(folder, entry) for entry in entries if folder.result(entry.spec).exists()]
    budget = folder.budget()
    machine = next((row["machine"] for row in rows if "machine" in row), "")
    title, question = _heading(entries, f"{len(folder.vocabulary()):,}", budget.duration)
    measured = Measurement(
        __file__,
        options,
        title,
        question,
        [column for column in COLUMNS if any(row.get(column.key) is not None for row in rows)],
        machine,
    )
    for row in rows:
        measured.add(
            **{key: value for key, value in row.items() if key not in ("machine", "log", "trials")}
        )
    for note in _notes(folder, rows):
        measured.note(note)
    measured.finish()


def _heading(entries: Sequence[Entry], words: str, duration: str) -> tuple[str, str]:
    """The title and the question of the table."""
    if any(entry.pieces for entry in entries):
        return (
            f"Words and pieces, {words} words, {duration}",
            "Which model predicts open text best with the same budget: one of words, whose unknown "
            "words are spelled out, or one of pieces?",
        )
    return (
        f"Output layers of one LSTM, {words} words",
        "Which output layer predicts text best with the same budget, with how many parameters, "
        "and how fast?",
    )


def _notes(folder: Folder, rows: Sequence[dict[str, Any]]) -> list[str]:
    budget = folder.budget()
    read = (
        f"{len(folder.vocabulary()):,} words, {len(folder.text('train')):,} of text, "
        f"test {len(folder.text('test')):,}; hidden_dim {budget.hidden_dim}, "
        f"num_layers {budget.num_layers}, "
        f"dropout {budget.dropout:g}, of weights {budget.weight_dropout:g}, "
        f"batch {budget.batch_size} × {budget.bptt}, {budget.precision}, seed {budget.seed}; "
        f"{budget.duration}; state carried through the text, by the Transformer its memory."
    )
    ids, vocabulary = folder.text("test").ids, folder.vocabulary()
    known = int(in_known_sentences(ids, vocabulary).sum())
    opened = (
        "Open text: exp of the mean of −log P over all words and `</s>`, each word in its "
        "spelling. A model of words spells unknown words by the spelling model, which is learnt "
        "from the vocabulary in no counted time. A model of pieces reads the most probable "
        "segmentation; a character that is in no piece costs its share of such characters. "
        f"{int((ids == vocabulary.unknown_id).sum())} of {len(ids):,} test words are unknown; "
        f"{known:,} words are in sentences of known words."
    )
    return [read, opened] if any("test_open_perplexity" in row for row in rows) else [read]


def _row(folder: Folder, entry: Entry) -> dict[str, Any]:
    """The row of a finished entry, with its curve."""
    found = json.loads(folder.result(entry.spec).read_text(encoding="utf-8"))
    row = {**found, **mixed(folder, entry)}
    for key, bytes_key, scale in (("file_mb", "file_bytes", 1e-6), ("peak_gb", "peak_bytes", 1e-9)):
        if bytes_key in row:
            row[key] = row.pop(bytes_key) * scale
    if "log" in row:
        row["curve"] = curve(row, folder.path / row["log"])
    return row


def mixed(folder: Folder, entry: Entry) -> dict[str, float]:
    """The linear mixture with the n-gram, with a weight fitted on the validation text.

    It is empty if the scores of either are missing.
    """
    closed, opened = (_mixture(folder, entry, kind) for kind in KINDS)
    found = {"test_mixed": closed} if closed else {}
    return {**found, "test_open_mixed": opened} if opened else found


def _mixture(folder: Folder, entry: Entry, kind: str) -> float | None:
    specs = (KNESER_NEY, entry.spec)
    if entry.name == KNESER_NEY or not all(
        folder.log_probs(spec, name, kind).exists() for spec in specs for name in SCORED
    ):
        return None
    beside = {}
    for name in SCORED:
        log_probs = np.stack([np.load(folder.log_probs(spec, name, kind)) for spec in specs], 1)
        beside[name] = TextScores(specs, log_probs, np.zeros(2, dtype=np.int64), len(log_probs))
    return beside["test"].mixed(beside["valid"].best_weights())


if __name__ == "__main__":
    sys.exit(main())
