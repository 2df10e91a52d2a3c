"""An exported file gives torch's scores with numpy and onnxruntime alone."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from tiny import draw_sentences

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx

from rescorer.models import onnx_scorer
from rescorer.models.lightrnn.onnx_export import as_onnx
from rescorer.models.onnx_scorer import OnnxScorer, OnnxState

EXAMPLE = Path(__file__).parents[2] / "examples" / "score_onnx.py"
# A small machine has none of them: an import of one fails.
BARE = (
    "import sys, runpy; "
    "sys.modules.update(dict.fromkeys(['torch', 'onnx', 'scipy', 'click', 'kenlm'])); "
    "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture(scope="module")
def model() -> LightRNN:
    """11 words on 5 × 4 cells; the second row has none."""
    cells = np.array([0, 1, 2, 3, 8, 9, 11, 12, 14, 18, 19])
    return make_model(table=WordTable(5, 4, cells), num_layers=2)


@pytest.fixture(scope="module")
def content(model: LightRNN) -> bytes:
    return as_onnx(model)


@pytest.fixture(scope="module")
def scorer(content: bytes) -> OnnxScorer:
    return OnnxScorer(content)


def run_bare(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BARE, EXAMPLE, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=EXAMPLE.parent.parent,
        env={"PYTHONPATH": ":".join([".", *sys.path])},
    )


def test_words_are_numbered_by_their_cells(scorer: OnnxScorer, model: LightRNN) -> None:
    words = list(model.vocabulary.words)
    assert scorer.encode(words).tolist() == model.table.cells.tolist()
    assert scorer.encode(["strange", "<s>"]).tolist() == scorer.encode(["<unk>", "</s>"]).tolist()


def test_a_sentence_scores_as_by_the_protocol_of_models(
    scorer: OnnxScorer, model: LightRNN
) -> None:
    for sentence in (*draw_sentences(10), ("the",) * 70):
        assert scorer.logprob(sentence) == pytest.approx(model.logprob(sentence), abs=1e-4)


def test_many_sentences_score_as_each_alone(scorer: OnnxScorer) -> None:
    sentences = draw_sentences(50)
    found = scorer.log_probs(sentences)
    assert [len(each) for each in found] == [len(sentence) + 1 for sentence in sentences]
    assert [each.sum() for each in found] == pytest.approx(
        [scorer.logprob(sentence) for sentence in sentences], abs=1e-5
    )


def test_probabilities_sum_to_one_and_free_cells_have_none(
    scorer: OnnxScorer, model: LightRNN
) -> None:
    state = scorer.advance(scorer.encode(["the", "cat"])[:, None], scorer.start(1))[1]
    # a row without a word has no columns
    cells = np.delete(np.arange(20), slice(4, 8))
    every = OnnxState(*(np.repeat(part, len(cells), 1) for part in state))
    probabilities = np.exp(scorer.advance(cells[None], every)[0][0])
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert set(cells[probabilities > 0]) == set(model.table.cells.tolist())


def test_the_state_carries_what_was_read(scorer: OnnxScorer) -> None:
    cells = scorer.encode(
        ["the", "cat", "sat", "on", "a", "mat", "the", "dog", "ran", "on"]
    ).reshape(5, 2)
    whole, end = scorer.advance(cells, scorer.start(2))
    first, between = scorer.advance(cells[:2], scorer.start(2))
    second, carried = scorer.advance(cells[2:], between)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-6)
    np.testing.assert_allclose(np.stack(carried), np.stack(end), atol=1e-6)
    assert not np.allclose(scorer.advance(cells[2:], scorer.start(2))[0], second, atol=1e-3)


def test_case_is_that_of_the_vocabulary() -> None:
    vocabulary = Vocabulary(("the", "</s>", "<unk>", "ünder"), np.arange(4), "lower")
    scorer = OnnxScorer(
        as_onnx(LightRNN(LightRNNSettings(hidden_dim=4), vocabulary, WordTable.shaped(4)).eval())
    )
    assert scorer.vocabulary.case == "lower" and scorer.encode(["THE", "Ünder"]).tolist() == [0, 3]


def test_the_example_scores_without_torch(content: bytes, model: LightRNN, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    lines = ["the cat sat", "a strange dog", ""]
    (tmp_path / "sentences.txt").write_text("\n".join(lines) + "\n")
    result = run_bare(tmp_path / "model.onnx", tmp_path / "sentences.txt")
    assert result.stderr == ""
    printed = [line.partition(" ")[::2] for line in result.stdout.splitlines()]
    assert [words for _, words in printed] == lines
    assert [float(score) for score, _ in printed] == pytest.approx(
        [model.logprob(line.split()) for line in lines], abs=2e-4
    )


def test_the_example_says_what_it_cannot_read(tmp_path: Path) -> None:
    result = run_bare(tmp_path / "none.onnx", tmp_path / "sentences.txt")
    assert result.returncode == 2 and result.stdout == ""
    assert (
        result.stderr
        == f"error: {tmp_path / 'none.onnx'}: cannot be read: No such file or directory; "
        "remedy: check the path\n"
    )


def stranger() -> bytes:
    """An ONNX file of another program."""
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:]
    )
    return bytes(
        onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )


def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    newer = onnx.load_from_string(content)
    next(entry for entry in newer.metadata_props if entry.key == "version").value = "9"
    cases = {
        "no ONNX": (b"words\n", "not an ONNX file"),
        "cut": (content[: len(content) // 2], "not an ONNX file"),
        "empty": (b"", "not an ONNX file"),
        "stranger": (stranger(), "no exported LightRNN"),
        "newer": (newer.SerializeToString(), "version '9'"),
    }
    for name, (written, found) in cases.items():
        (tmp_path / name).write_bytes(written)
        with pytest.raises(InputError, match=f"{name}: .*{found}.*lightrnn export"):
            OnnxScorer.load(tmp_path / name)


def test_onnxruntime_that_is_missing_is_named(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime"):
        OnnxScorer.load(tmp_path / "model.onnx")


def test_long_sentences_are_read_in_parts(
    scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = draw_sentences(9, longest=20)
    whole = scorer.log_probs(sentences)
    monkeypatch.setattr(onnx_scorer, "_WORDS", 3)
    monkeypatch.setattr(onnx_scorer, "_SENTENCES", 2)
    for one, other in zip(whole, scorer.log_probs(sentences), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def changed(content: bytes, change: Callable[[onnx.GraphProto], None]) -> bytes:
    model = onnx.load_from_string(content)
    change(model.graph)
    return bytes(model.SerializeToString())


def _fill(name: str, number: bytes) -> Callable[[onnx.GraphProto], None]:
    def fill(graph: onnx.GraphProto) -> None:
        tensor = next(each for each in graph.initializer if name in each.name)
        tensor.raw_data = number * (len(tensor.raw_data) // len(number))

    return fill


def _five_words(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_fill("column_out.bias", b"\0\0\xc0\x7f"), "is not log-probabilities"),
        (_fill("packed_words", b"B"), "not an ONNX file"),
        (_five_words, "cannot run the network"),
    ],
)
def test_networks_that_cannot_be_run_are_refused(
    content: bytes,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[onnx.GraphProto], None],
    found: str,
) -> None:
    (tmp_path / "bad.onnx").write_bytes(changed(content, change))
    with pytest.raises(InputError, match=f"bad.onnx: .*{found}.*lightrnn export") as caught:
        OnnxScorer.load(tmp_path / "bad.onnx")
    assert str(caught.value).count("remedy") == 1
    assert capfd.readouterr() == ("", "")


def test_what_fails_later_is_an_input_error(scorer: OnnxScorer) -> None:
    wide = OnnxState(*np.zeros((2, 2, 1, 99), dtype=np.float32))
    with pytest.raises(InputError, match="onnxruntime cannot run the network"):
        scorer.advance(scorer.encode(["the"])[:, None], wide)
    with pytest.raises(InputError, match="onnxruntime cannot run the network"):
        scorer.advance(np.array([[10**9]]), scorer.start(1))


def test_damaged_files_give_a_message_or_scores(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Among them names that are not UTF-8, after which onnxruntime could print a banner."""
    chance, loaded = random.Random(1), 0
    for number in range(300):
        data = bytearray(content)
        names = (
            [place for place in range(len(data) - 5) if data[place : place + 5] == b"model"]
            if number < 30
            else []
        )
        at = chance.choice(names) if names else chance.randrange(len(data))
        if number % 3 == 2:
            del data[at : at + chance.choice((1, 40))]
        else:
            data[at] = chance.randrange(128, 256)
        (tmp_path / "bad.onnx").write_bytes(data)
        try:
            assert np.isfinite(OnnxScorer.load(tmp_path / "bad.onnx").logprob(["the", "strange"]))
            loaded += 1
        except InputError as error:
            assert "\n" not in str(error) and "remedy" in str(error)
    assert loaded > 20
    assert capfd.readouterr() == ("", "")


def test_a_small_file_of_many_words(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_scorer, "_MAX_VOCABULARY", 40)  # the vocabulary of the file is larger
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(InputError, match="a vocabulary of more than 40 bytes"):
        OnnxScorer.load(tmp_path / "model.onnx")
