"""One entry of the table, in a process of its own.

    python -m benchmarks.baselines.entry FOLDER SPEC --lmplz LMPLZ [--memory-gb G] [--probe]

`--probe` measures the speed of the network's first steps relative to that of its LSTM alone.
Without it, the network reads as many words as fit the budget at that speed. If there are several
learning rates, each is tried, and the best one is used. Then the model is measured. Another call
resumes. Time is processor time of one thread, because the machine may be shared.

Shapes: N words of a text.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.baselines import kneser_ney
from benchmarks.baselines.budget import SCORED, Budget, Folder
from benchmarks.baselines.network_training import peak_bytes, train_entry
from benchmarks.baselines.plan import Plan, probe
from benchmarks.baselines.registry import KNESER_NEY, Entry
from benchmarks.baselines.transformer import score_alone
from benchmarks.baselines.units import Units, open_perplexities, units_of
from benchmarks.machine import machine
from rescorer.errors import InputError
from rescorer.files import whole_path, write_lines
from rescorer.models.language_model import UNKNOWN, LanguageModel
from rescorer.models.ngram import Ngram
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.rescoring.perplexity import score_text
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.training.corpus import Corpus

_MEMORY = 1 << 30  # bytes of the histories of one level
_SPOKEN_WORDS = 1300  # words on which the speed is measured: 64 sentences of 20 words
_SCORING_RUNS = 3  # the fastest counts
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "not enough memory",
    "could not create a memory",
)
_PROBLEMS = ("diverged", "no time left")  # the table shows these in place of an entry's figures


def measure_entry(folder: Folder, entry: Entry, lmplz: Path, say: Any = print) -> dict[str, Any]:
    """All figures of the entry in the table."""
    budget, units = folder.budget(), units_of(folder, entry)
    if entry.name == KNESER_NEY:
        model, found = _estimated(folder, entry, budget, units.vocabulary, lmplz)
    else:
        model, found = train_entry(folder, entry, budget, units, say)
    for name in SCORED:
        found.update(_score(model, folder, entry, units, name))
    return {
        **found,
        "scoring_words_per_second": _scoring_speed(model, units),
        "peak_bytes": max(peak_bytes(), found.get("peak_bytes", 0)),
        "machine": machine("cpu", "torch"),
    }


def _score(model: Any, folder: Folder, entry: Entry, units: Units, name: str) -> dict[str, Any]:
    """The perplexities of a text. The log-probabilities of its words are kept."""
    log_probs = _log_probs(model, units.text(name), units.vocabulary)
    by_word = units.by_word(log_probs, name, model)
    kinds = {"open": by_word, **({"closed": log_probs} if entry.pieces is None else {})}
    for kind, values in kinds.items():
        with whole_path(folder.log_probs(entry.spec, name, kind)) as work, open(work, "wb") as file:
            np.save(file, values)
    closed = {f"{name}_perplexity": perplexity(log_probs)} if "closed" in kinds else {}
    return {
        **closed,
        **open_perplexities(by_word, folder, name),
        f"{name}_words": len(by_word),
        f"{name}_units": len(log_probs),
        f"{name}_spelling_nats": float(log_probs.sum() - by_word.sum()),
    }


def _log_probs(model: Any, text: Corpus, vocabulary: Vocabulary) -> np.ndarray:
    """[N] log P of a text. Networks carry their state from sentence to sentence."""
    if isinstance(model, Trainable):
        return log_probs_of(model, np.asarray(text.ids, dtype=np.int64))
    sentences = list(kneser_ney.sentences(text.ids, vocabulary, UNKNOWN))
    return score_text(sentences, [model], context="sentence", memory=_MEMORY).log_probs[:, 0]


def _scoring_speed(model: Any, units: Units) -> float:
    """Words a second of processor time, on the first sentences of the test text.

    Each sentence is read alone, as hypotheses are. The full softmax is computed over as many
    histories at a time as fit the memory, as in scoring_speed.py.
    """
    text, vocabulary = units.text("test"), units.vocabulary
    wanted = _SPOKEN_WORDS * units.per_word("test")
    sentences = list(kneser_ney.sentences(text.ids[: math.ceil(4 * wanted)], vocabulary, UNKNOWN))
    ends = np.cumsum([len(sentence) + 1 for sentence in sentences])
    sentences = sentences[: int(np.searchsorted(ends, wanted)) + 1]
    times = []
    for _ in range(_SCORING_RUNS):
        began = time.process_time()
        if isinstance(model, LanguageModel):
            score_sentences(sentences, [model], _MEMORY)
        else:
            score_alone(model, sentences)
        times.append(time.process_time() - began)
    count = sum(len(sentence) + 1 for sentence in sentences)
    return count / units.per_word("test") / min(times)


# ---- the n-gram ----


def _estimated(
    folder: Folder, entry: Entry, budget: Budget, vocabulary: Vocabulary, lmplz: Path
) -> tuple[LanguageModel, dict[str, Any]]:
    text, began = folder.text("train"), _processor_seconds()
    work = folder.work(entry.spec)
    binary, ngrams = kneser_ney.estimate(
        text.ids, vocabulary, work, lmplz, budget.order, budget.prune
    )
    taken = _processor_seconds() - began
    return Ngram.load(binary), {
        "parameters": ngrams,
        "file_bytes": binary.stat().st_size,
        "words_read": len(text),
        "training_seconds": taken,
        "training_words_per_second": len(text) / taken,
    }


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# ---- the process ----


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("spec")
    parser.add_argument("--lmplz", type=Path, required=True)
    parser.add_argument("--memory-gb", type=float)
    parser.add_argument("--probe", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory_gb:
        limit = int(arguments.memory_gb * 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    folder, entry = Folder(arguments.folder), Entry.parse(arguments.spec)
    folder.work(entry.spec).mkdir(parents=True, exist_ok=True)
    try:
        if arguments.probe:
            probe(folder, entry)
            return
        found: dict[str, Any] = measure_entry(folder, entry, arguments.lmplz)
    except (MemoryError, RuntimeError, InputError) as error:
        problem = _problem(error)
        if problem is None and isinstance(error, InputError):
            raise SystemExit(f"error: {error}") from None
        if problem is None:
            raise
        found = {"problem": problem}
    if "problem" in found:
        plan = Plan.read(folder, entry)
        found["training_words_per_second"] = plan and plan.speed(folder)
    write_lines(folder.result(entry.spec), [json.dumps({"entry": entry.spec, **found}, indent=1)])
    for folder_of_trial in folder.work(entry.spec).glob("*/tensorboard"):
        shutil.rmtree(folder_of_trial)


def _problem(error: Exception) -> str | None:
    """The text that replaces the figures of a failed entry; None: the error is a bug."""
    if is_of_memory(error):
        return "out of memory"
    return next(
        (
            problem
            for problem in _PROBLEMS
            if isinstance(error, InputError) and problem in str(error)
        ),
        None,
    )


def is_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out.

    numpy, torch, oneDNN and KenLM say it in different words.
    """
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
