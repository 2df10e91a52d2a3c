"""Files of n-best lists: they are rescored block by block, and blocks change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from tiny import LISTS, draw_sentences, make_ngram

from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest
from rescorer.rescoring import list_files
from rescorer.rescoring.list_files import rescore_list_files
from rescorer.rescoring.list_input import read_lists
from rescorer.rescoring.nbest import rescore
from rescorer.rescoring.outputs import write_outcome
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings
from rescorer.rescoring.weights import TunedWeights, Weights

SIZES = (1, 7, 1 << 14)  # hypotheses of a block


def many(*, differ: bool) -> list[NBest]:
    """Forty lists with references; their scores differ and give their order, or do not differ."""
    draw = np.random.default_rng(5)
    sentences = draw_sentences(200, seed=3)
    lists = []
    for number in range(40):
        scores = -np.sort(draw.uniform(0, 9, size=5)) if differ else np.full(5, -1.0)
        words = sentences[5 * number : 5 * number + 5]
        hypotheses = tuple(
            Hypothesis(str(place), words[place - 1], {FIRST_PASS: float(scores[place - 1])})
            for place in range(1, 2 + number % 5)
        )
        lists.append(NBest(f"utt{number}", hypotheses, words[0]))
    return lists


def flow(folder: Path, files: InputFiles, **outputs: Path) -> tuple[list[str], list[str]]:
    """The words and messages of a run over files, with an n-gram model, whose scores are exact."""
    written = OutputFiles(**outputs)
    source = read_lists(files, written, RescoreSettings())
    messages: list[str] = []
    models = [make_ngram(folder)]
    outcome = rescore_list_files(source, models, written, RescoreSettings(), messages.append)
    write_outcome(outcome, written, messages.append)
    return outcome.lines(), messages


def test_lists_are_read_rescored_and_written(tmp_path: Path) -> None:
    """The flow of the command gives what `rescore` gives in Python."""
    path, out, model = tmp_path / "lists.jsonl", tmp_path / "out.jsonl", make_model()
    write_nbest(path, LISTS, "jsonl")
    files, outputs = InputFiles((path,)), OutputFiles(nbest=out)
    source = read_lists(files, outputs, RescoreSettings())
    assert source.format == "jsonl" and source.side.weights is None and not source.side.references
    messages: list[str] = []
    outcome = rescore_list_files(source, [model], outputs, RescoreSettings(), messages.append)
    expected = rescore(LISTS, model)
    assert outcome.best == {each.utterance: each.hypotheses[0].words for each in expected}
    assert outcome.report is None and outcome.tuned is None
    assert list(read_nbest(out).lists) == expected
    assert any(line.startswith("no --weights: ") for line in messages)


@pytest.mark.parametrize("differ", [True, False])
@pytest.mark.parametrize("weights", ["default", "given", "tuned"])
def test_blocks_of_any_size_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, differ: bool
) -> None:
    write_nbest(tmp_path / "lists.jsonl", many(differ=differ), "jsonl")
    given, reference = tmp_path / "w.json", tmp_path / "ref"
    part = Weights({FIRST_PASS: 1.0}, mixture={"ngram": 1.0}, word_penalty=0.25)
    TunedWeights(part, replace(part, lm_scale=0.0)).save(given)
    lists = many(differ=differ)
    lines = (" ".join((each.utterance, *(each.reference or ()))) for each in lists)
    reference.write_text("".join(f"{line}\n" for line in lines))
    files = InputFiles(
        (tmp_path / "lists.jsonl",),
        weights=given if weights == "given" else None,
        tune_reference=reference if weights == "tuned" else None,
    )
    found = []
    for size in SIZES:
        monkeypatch.setattr(list_files, "BLOCK_HYPOTHESES", size)
        out, report, page = (tmp_path / name for name in ("out.jsonl", "report.json", "page.html"))
        said = flow(tmp_path, files, nbest=out, report=report, page=page)
        found.append((said, out.read_bytes(), report.read_bytes(), page.read_bytes()))
    assert found[0] == found[1] == found[2]
    scores = read_nbest(tmp_path / "out.jsonl").lists[0].hypotheses[0].scores
    assert {"lm", "ngram"} & scores.keys() and "total" in scores
    assert (RANK in scores) == (weights == "default" and not differ)


def test_default_weights_are_chosen_by_the_first_utterances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two utterances a block and three to choose by, four decide; the others do not count."""
    lists = [each for each in many(differ=True) if len(each.hypotheses) == 4]
    monkeypatch.setattr(list_files, "BLOCK_HYPOTHESES", 8)
    monkeypatch.setattr(list_files, "FIRST_UTTERANCES", 3)
    out = tmp_path / "out.jsonl"
    found = []
    for count in (4, len(lists)):
        write_nbest(tmp_path / "lists.jsonl", lists[:count], "jsonl")
        flow(tmp_path, InputFiles((tmp_path / "lists.jsonl",)), nbest=out)
        found.append(read_nbest(out).lists[:4])
    assert len(lists) > 4 and found[0] == found[1]
    assert found[0] == tuple(rescore(lists[:4], make_ngram(tmp_path)))


@pytest.mark.parametrize("shuffled", [False, True])
def test_kaldi_lists_keep_the_order_of_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shuffled: bool
) -> None:
    write_nbest(tmp_path / "lists", many(differ=True), "kaldi")
    words = tmp_path / "lists/words_text"
    lines = words.read_text().splitlines()
    if shuffled:
        lines = [lines[place] for place in np.random.default_rng(1).permutation(len(lines))]
        words.write_text("".join(f"{line}\n" for line in lines))
    files, out = InputFiles((tmp_path / "lists",)), tmp_path / "out"
    found = []
    for size in SIZES:
        monkeypatch.setattr(list_files, "BLOCK_HYPOTHESES", size)
        flow(tmp_path, files, nbest=out)
        found.append({each.name: each.read_bytes() for each in out.iterdir()})
    assert found[0] == found[1] == found[2] and "rank.rescored" in found[0]
    assert (out / "words_text").read_text().splitlines() == lines
