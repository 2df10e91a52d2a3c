"""Time and result of `--tune`, against an earlier version, on the same lists and lattices.

    python -m benchmarks.tuning_speed --data DATA [--lattices 16] [--repeats 2] [--against eb049bc]

DATA is the folder of real data. The versions run in turn, each in a process of its own, on one
thread. The least processor time of the repeats counts. Lists are scored once before, by the present
code. The times of lattices include reading, expansion and scoring. The language model is the
English model of the package, except for synthetic lists.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

ROOT = Path(__file__).parents[1]
_SYNTHETIC_LISTS, _SYNTHETIC_SIZE = 32, 2000


def of_version(name: str, present: str, former: str) -> Any:
    """What a version calls so, in the present module or in the earlier one."""
    try:
        module = importlib.import_module(f"rescorer.{present}")
    except ModuleNotFoundError:
        module = importlib.import_module(f"rescorer.{former}")
    return getattr(module, name)


def path_scores() -> Any:
    return of_version("PathScores", "rescoring.prefix_tree", "rescoring.history_tree")


def synthetic(models: int) -> tuple[Any, np.ndarray]:
    """Lists of 2,000 random hypotheses of 12 words.

    They are the reference with up to 8 words replaced, or with one word left out.
    """
    from rescorer.rescoring.weights import ScoredLists
    from rescorer.rescoring.word_kinds import WordKinds

    draw = np.random.default_rng(0)
    words, count = 3000, _SYNTHETIC_LISTS * _SYNTHETIC_SIZE
    log_probs = draw.normal(-7, 2, (words, models))
    said = np.repeat(draw.integers(0, words, (_SYNTHETIC_LISTS, 12)), _SYNTHETIC_SIZE, 0)
    log_probs[np.unique(said)] += 0.7
    changed = draw.random((count, 12)) < draw.uniform(0, 0.7, (count, 1))
    heard = np.where(changed, draw.integers(0, words, (count, 12)), said)
    lengths = 12 - (draw.random(count) < 0.3)
    kept = np.arange(12) < lengths[:, None]
    errors = (changed & kept).sum(1) + 12 - lengths
    paths = csr_matrix(
        (np.ones(kept.sum()), (np.repeat(np.arange(count), lengths), heard[kept])), (count, words)
    )
    none = np.zeros((words, models))
    raw = -0.4 * errors + draw.normal(0, 3, count)
    return ScoredLists(
        ("first_pass",),
        tuple(f"model{k}" for k in range(models)),
        raw[:, None],
        lengths,
        np.arange(0, count, _SYNTHETIC_SIZE),
        path_scores()(log_probs, WordKinds(none, none > 0, none > 0), paths),
    ), errors


def save_scored(path: Path, lists_file: Path) -> None:
    """Score a file of lists with the English model; returns arrays that both versions can read."""
    from rescorer.models.loading import load
    from rescorer.models.open_vocabulary import open_vocabulary
    from rescorer.recognition.formats import read_nbest
    from rescorer.rescoring.nbest import hypothesis_errors, score_lists

    lists = read_nbest(lists_file).lists
    scored = score_lists(lists, open_vocabulary([load()]))
    errors = hypothesis_errors(lists, {each.utterance: each.reference or () for each in lists})
    paths, kinds = scored.paths.paths, scored.paths.kinds
    np.savez(
        path,
        raw=scored.raw,
        lengths=scored.lengths,
        begins=scored.begins,
        errors=errors,
        log_probs=scored.paths.log_probs,
        log_spellings=kinds.log_spellings,
        unknown=kinds.unknown,
        new=kinds.new,
        data=paths.data,
        indices=paths.indices,
        indptr=paths.indptr,
        shape=paths.shape,
    )


def read_scored(path: Path) -> tuple[Any, np.ndarray]:
    from rescorer.rescoring.weights import ScoredLists
    from rescorer.rescoring.word_kinds import WordKinds

    found = np.load(path)
    paths = csr_matrix(
        (found["data"], found["indices"], found["indptr"]), shape=tuple(found["shape"])
    )
    kinds = WordKinds(found["log_spellings"], found["unknown"], found["new"])
    return ScoredLists(
        ("first_pass",),
        ("lightrnn",),
        found["raw"],
        found["lengths"],
        found["begins"],
        path_scores()(found["log_probs"], kinds, paths),
    ), found["errors"]


def tune_scored(scored: Any, wrong: np.ndarray) -> tuple[float, Any]:
    """Seconds of both searches of --tune and the weights, by the version on the path."""
    from rescorer.rescoring import nbest

    nbest.hypothesis_errors = lambda *_: wrong  # those are known
    began = time.process_time()
    tuned = nbest.tune_lists([], {}, scored)
    return time.process_time() - began, tuned.weights


def errors_of(scored: Any, wrong: np.ndarray, weights: Any) -> int:
    return int(wrong[scored.best(scored.totals(weights))].sum())


def measure_lists(
    dev: tuple[Any, np.ndarray], test: tuple[Any, np.ndarray] | None
) -> dict[str, Any]:
    seconds, weights = tune_scored(*dev)
    return {
        "seconds": seconds,
        "dev": errors_of(*dev, weights),
        "test": errors_of(*test, weights) if test else None,
        "hypotheses": len(dev[0].raw),
    }


def measure_lattices(data: Path, count: int) -> dict[str, Any]:
    """Tuned on some of the development utterances, measured on as many of the test utterances."""
    from rescorer.models.loading import load
    from rescorer.models.open_vocabulary import open_vocabulary
    from rescorer.recognition.formats import read_lattices
    from rescorer.recognition.references import read_references
    from rescorer.rescoring.lattice import rescore_lattices

    errors = of_version("errors", "reports.error_rate", "rescoring.error_rate")
    tune_lattices = of_version("tune_lattices", "rescoring.lattice_tuning", "rescoring.lattice")
    folder, models = data / "lattices", open_vocabulary([load()])
    every = list(
        read_lattices(
            folder / "kathleen-kaldi" / "pruned.1.gz", folder / "kathleen-kaldi" / "words.txt"
        )
    )
    references = [read_references(folder / f"kathleen-refs.{half}.txt") for half in ("dev", "test")]
    dev, test = ([each for each in every if each.utterance in part][:count] for part in references)
    said = {**references[0], **references[1]}
    began = time.process_time()
    tuned = tune_lattices(dev, references[0], models)
    if hasattr(tuned, "curves"):  # older versions give the weights alone
        tuned = tuned.weights
    seconds = time.process_time() - began
    wrong = [
        sum(
            errors(said[each.lattice.utterance], each.best())
            for each in rescore_lattices(half, models, tuned)
        )
        for half in (dev, test)
    ]
    return {"seconds": seconds, "dev": wrong[0], "test": wrong[1], "hypotheses": None}


def measure(case: str, data: Path, work: Path, lattices: int) -> dict[str, Any]:
    """One case, by the version on the path."""
    if case == "kathleen lattices":
        return measure_lattices(data, lattices)
    if case == "kathleen lists":
        return measure_lists(read_scored(work / "dev.npz"), read_scored(work / "test.npz"))
    return measure_lists(synthetic(2 if "two models" in case else 1), None)


CASES = ("kathleen lists", "2000-best, one model", "2000-best, two models", "kathleen lattices")


def run_version(code: Path, case: str, arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """One case in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(code),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--data",
        str(arguments.data),
        "--lattices",
        str(arguments.lattices),
        "--case",
        case,
        "--work",
        str(work),
    ]
    output = subprocess.run(
        command, env=environment, cwd=work, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert Path(found.pop("code")).is_relative_to(code), "the other version was measured"
    return found


def compare(case: str, old: Path, arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Both versions in turn."""
    runs: dict[str, list[dict[str, Any]]] = {"before": [], "after": []}
    for _ in range(arguments.repeats):
        for name, code in (("before", old), ("after", ROOT)):
            runs[name].append(run_version(code, case, arguments, work))
    row: dict[str, Any] = {"case": case, "hypotheses": runs["after"][0]["hypotheses"]}
    for name, found in runs.items():
        row[f"seconds_{name}"] = round(min(each["seconds"] for each in found), 2)
        row |= {f"{half}_errors_{name}": found[0][half] for half in ("dev", "test")}
    row["ratio"] = round(row["seconds_after"] / row["seconds_before"], 3)
    print(json.dumps(row), flush=True)
    return row


def git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, stdout=subprocess.PIPE
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lattices", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--against", default="eb049bc")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.data = arguments.data.resolve()
    if arguments.case:
        import rescorer

        found = measure(arguments.case, arguments.data, arguments.work, arguments.lattices)
        print(json.dumps({**found, "code": rescorer.__file__}))
        return
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        old = work / "old"
        with tarfile.open(fileobj=BytesIO(git("archive", arguments.against))) as archive:
            archive.extractall(old, filter="data")
        for half in ("dev", "test"):
            save_scored(work / f"{half}.npz", arguments.data / "nbest" / f"kathleen-{half}.jsonl")
        rows = [compare(case, old, arguments, work) for case in CASES]
    write(rows, arguments)


def write(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    # Imported here: the process of the other version has no such modules.
    from benchmarks.machine import machine
    from benchmarks.results import record

    columns = {
        "case": "input",
        "hypotheses": "hypotheses",
        "seconds_before": "seconds before",
        "seconds_after": "seconds",
        "ratio": "ratio",
        "dev_errors_before": "dev errors before",
        "dev_errors_after": "dev errors",
        "test_errors_before": "test errors before",
        "test_errors_after": "test errors",
    }
    path = record(
        name="tuning_speed",
        title="Time of --tune",
        question="How long does the search for weights take, and are the weights as good, against "
        "the code before?",
        command=f"python -m benchmarks.tuning_speed --data DATA --lattices {arguments.lattices} "
        f"--repeats {arguments.repeats} --against {arguments.against}",
        machine=machine("cpu", "scipy", "torch"),
        measures=[
            "rescorer/rescoring/tuning.py",
            "rescorer/rescoring/weights.py",
            "rescorer/rescoring/nbest.py",
            "rescorer/rescoring/lattice.py",
        ],
        settings={
            "against": arguments.against,
            "lattices": arguments.lattices,
            "repeats": arguments.repeats,
            "synthetic_lists": _SYNTHETIC_LISTS,
            "synthetic_size": _SYNTHETIC_SIZE,
            "threads": 1,
        },
        columns=columns,
        rows=rows,
        notes=[
            "Processor seconds of one thread, the least of the repeats; both versions ran in turn "
            "on the same machine, beside other work.",
            "Lists: both searches of --tune, first pass and with the models; the lists were "
            "scored before. Lattices: all of tune_lattices, expansion and scoring included.",
            "Errors are those of the default seed, on the development lists and, where there are "
            "some, on test.",
        ],
    )
    print(path)


if __name__ == "__main__":
    main()
