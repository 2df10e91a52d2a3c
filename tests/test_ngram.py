"""KenLM models against hand-made probabilities, KenLM's own totals, and its query program."""

from __future__ import annotations

import gzip
import math
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import kenlm  # type: ignore[import-not-found]
import pytest
import torch

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN, LanguageModel
from rescorer.models.ngram import Ngram

PROGRAMS = Path(os.environ.get("KENLM_BIN", Path(__file__).parent.parent / "build/kenlm/bin"))
needs_programs = pytest.mark.skipif(
    not (PROGRAMS / "query").exists(), reason="KenLM's programs are not built: tools/build_kenlm.sh, or set KENLM_BIN"
)

# P and backoffs by hand; log10 figures are exact in the file, so the tests know each answer.
ARPA = """\
\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-2.0\t<unk>\t0
0\t<s>\t-0.5
-1.0\t</s>\t0
-0.75\tcat\t-0.25
-0.5\tsat\t-0.125

\\2-grams:
-0.25\t<s> cat\t-0.375
-0.3125\tcat sat\t-0.0625
-0.4375\tsat </s>\t0
-0.875\tcat cat\t0

\\3-grams:
-0.03125\t<s> cat sat
-0.15625\tcat sat </s>

\\end\\
"""
SENTENCES = ["cat sat", "cat", "sat sat cat", "cat cat sat", "dog sat", "cat dog cat sat", ""]
TEXT = "the cat sat on the mat\nthe dog sat on the cat\na dog and a cat saw the mat\nthe mat saw nothing\n" * 3


def run(command: Sequence[str | Path], text: str = "") -> str:
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.arpa"
    path.write_text(ARPA)
    return path


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    path = tmp_path / "trained.arpa"
    path.write_text(run([PROGRAMS / "lmplz", "-o", "3", "-S", "100M", "-T", tmp_path, "--discount_fallback"], TEXT))
    return path


def scores(model: Ngram, sentence: str) -> list[float]:
    """Natural log-probabilities of the words and `</s>`, one advance a word."""
    state, found = model.start(), []
    for word in model.encode([*sentence.split(), SENTENCE_END]):
        log_probs, state = model.advance(state, torch.tensor([0]), word[None])
        found.append(log_probs.item())
    return found


def test_protocol(arpa: Path) -> None:
    model = Ngram.load(arpa)
    assert isinstance(model, LanguageModel)
    assert (model.name, model.order) == ("ngram", 3)
    assert Ngram.load(arpa, name="first pass").name == "first pass"


@pytest.mark.parametrize(
    ("sentence", "log10"),
    [
        ("cat sat", [-0.25, -0.03125, -0.15625]),
        ("sat", [-0.5 - 0.5, -0.4375]),  # backoff of <s>; then a bigram found
        ("cat cat", [-0.25, -0.375 - 0.875, -0.25 - 1.0]),
        ("dog cat", [-0.5 - 2.0, -0.75, -0.25 - 1.0]),  # nothing is known after an unknown word
        ("", [-0.5 - 1.0]),
    ],
)
def test_by_hand(arpa: Path, sentence: str, log10: list[float]) -> None:
    assert scores(Ngram.load(arpa), sentence) == pytest.approx([math.log(10) * x for x in log10], rel=1e-6)


def test_words(arpa: Path) -> None:
    model = Ngram.load(arpa)
    words = ["cat", "dog", "sat", UNKNOWN, SENTENCE_END, "Cat", "cat"]
    ids = model.encode(words)
    assert ids.dtype == torch.int64
    assert ids[1] == ids[3] == ids[5] != ids[0] == ids[6]
    assert torch.equal(ids, model.encode(words)), "ids do not change"
    assert model.knows([*words, SENTENCE_START]).tolist() == [True, False, True, False, True, False, True, True]
    assert model.encode([]).shape == model.knows([]).shape == (0,)


def test_batched_equals_one_at_a_time(arpa: Path) -> None:
    """A tree of histories: every word after every history, twice, in one call a level."""
    model = Ngram.load(arpa)
    words = ["cat", "sat", "dog"]
    ids, state, histories = model.encode(words), model.start(), [""]
    for _ in range(3):
        parents = torch.arange(len(histories)).repeat_interleave(len(words))
        level = ids.repeat(len(histories))
        scored = model.score(state, parents, level)
        advanced, state = model.advance(state, parents, level)
        histories = [f"{history} {word}" for history in histories for word in words]
        assert torch.equal(scored, advanced)
        assert advanced.dtype == torch.float32
        assert advanced.tolist() == [scores(model, history)[-2] for history in histories]
    parents = torch.tensor([5, 0, 5])  # any order, repeated
    log_probs = model.score(state, parents, model.encode([SENTENCE_END] * 3))
    assert log_probs.tolist() == [scores(model, histories[parent])[-1] for parent in parents]


def test_score_leaves_the_state(arpa: Path) -> None:
    model = Ngram.load(arpa)
    state = model.start()
    first = [model.score(state, torch.tensor([0]), model.encode(["cat"])).item() for _ in range(2)]
    assert first[0] == first[1]
    none = torch.zeros(0, dtype=torch.int64)
    assert model.advance(state, none, none)[0].shape == (0,)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_kenlm_module_agrees(arpa: Path, sentence: str) -> None:
    found, reference = scores(Ngram.load(arpa), sentence), kenlm.Model(str(arpa))
    assert found == pytest.approx([math.log(10) * log10 for log10, _, _ in reference.full_scores(sentence)], rel=1e-6)
    assert sum(found) == pytest.approx(math.log(10) * reference.score(sentence), rel=1e-6)


@needs_programs
def test_query_program_agrees(trained: Path) -> None:
    sentences = [*SENTENCES, *TEXT.splitlines()[:4]]
    lines = run([PROGRAMS / "query", "-v", "sentence", trained], "\n".join(sentences) + "\n").splitlines()
    totals = [float(line.split()[1]) for line in lines if line.startswith("Total:")]
    model = Ngram.load(trained)
    # query prints six digits.
    assert [sum(scores(model, s)) / math.log(10) for s in sentences] == pytest.approx(totals, rel=1e-5)


@needs_programs
@pytest.mark.parametrize("history", [[], ["the"], ["the", "cat"], ["mat", "nothing"], ["unheard", "of"]])
def test_sums_to_one(trained: Path, history: list[str]) -> None:
    model = Ngram.load(trained)
    vocabulary = model.encode(sorted({*TEXT.split(), SENTENCE_END, UNKNOWN}))
    state, zero = model.start(), torch.tensor([0])
    for word in model.encode(history):
        _, state = model.advance(state, zero, word[None])
    log_probs = model.score(state, zero.expand(len(vocabulary)), vocabulary)
    assert log_probs.double().exp().sum().item() == pytest.approx(1, abs=1e-5)


@needs_programs
@pytest.mark.parametrize("kind", ["probing", "trie"])
def test_binaries(trained: Path, kind: str) -> None:
    binary = trained.with_suffix(f".{kind}")
    run([PROGRAMS / "build_binary", kind, trained, binary])
    from_arpa, from_binary = Ngram.load(trained), Ngram.load(binary)
    for sentence in TEXT.splitlines()[:4]:
        assert scores(from_binary, sentence) == pytest.approx(scores(from_arpa, sentence), rel=1e-5)
    cut = trained.with_suffix(".cut")
    cut.write_bytes(binary.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cut.*remedy"):
        Ngram.load(cut)


def test_gzip_and_comments(arpa: Path, tmp_path: Path) -> None:
    packed = tmp_path / "tiny.arpa.gz"
    packed.write_bytes(gzip.compress(("# made by hand\n" + ARPA).encode()))
    assert scores(Ngram.load(packed), "cat sat") == scores(Ngram.load(arpa), "cat sat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"the cat sat\n", "not a KenLM model"),
        (gzip.compress(b"the cat sat\n"), "not a KenLM model"),
        (gzip.compress(ARPA.encode())[:20], "empty or damaged|cannot load"),
        (ARPA.encode()[:200], "cannot load"),
        (ARPA.replace("-0.25\t<s> cat", "oops\t<s> cat").encode(), "cannot load"),
        (b"mmap lm http://kheafield.com/code format version 5\n\0", "cannot load"),
    ],
)
def test_bad_files(tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    path = tmp_path / "bad.arpa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Ngram.load(path)
    assert str(path) in str(caught.value)
    assert "remedy" in str(caught.value)
    print(caught.value)
    assert capfd.readouterr().err == ""


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Ngram.load(tmp_path / "none.arpa")
    with pytest.raises(InputError, match="cannot be read"):
        Ngram.load(tmp_path)
