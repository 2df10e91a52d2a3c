"""Compares KenLM models with probabilities by hand, and with KenLM's totals and query program."""

from __future__ import annotations

import gzip
import lzma
import math
import os
import random
import struct
import subprocess
from collections.abc import Callable, Sequence
from multiprocessing import Process
from pathlib import Path

import kenlm  # type: ignore[import-not-found]
import pytest
import torch

from rescorer.errors import InputError
from rescorer.models.kenlm_binary import check_kenlm_binary
from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN, LanguageModel
from rescorer.models.ngram import Ngram

PROGRAMS = Path(os.environ.get("KENLM_BIN", Path(__file__).parents[2] / "build/kenlm/bin"))
needs_programs = pytest.mark.skipif(
    not (PROGRAMS / "query").exists(),
    reason="KenLM's programs are not built: tools/build_kenlm.sh, or set KENLM_BIN",
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
BINARIES = [
    ["probing"],
    ["trie"],
    ["-q", "4", "-b", "4", "trie"],
    ["-a", "22", "trie"],
    ["-q", "8", "-b", "5", "-a", "3", "trie"],
    ["-v", "probing"],
]
SENTENCES = ["cat sat", "cat", "sat sat cat", "cat cat sat", "dog sat", "cat dog cat sat", ""]
TEXT = (
    "the cat sat on the mat\nthe dog sat on the cat\n"
    "a dog and a cat saw the mat\nthe mat saw nothing\n"
) * 3


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
    command = [PROGRAMS / "lmplz", "-o", "3", "-S", "100M", "-T", tmp_path, "--discount_fallback"]
    path.write_text(run(command, TEXT))
    return path


def scores(model: Ngram, sentence: str) -> list[float]:
    """Natural log-probabilities of the words and `</s>`, by one `advance` a word."""
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
        ("dog cat", [-0.5 - 2.0, -0.75, -0.25 - 1.0]),  # no context after an unknown word
        ("", [-0.5 - 1.0]),
    ],
)
def test_by_hand(arpa: Path, sentence: str, log10: list[float]) -> None:
    assert scores(Ngram.load(arpa), sentence) == pytest.approx(
        [math.log(10) * x for x in log10], rel=1e-6
    )


def test_words(arpa: Path) -> None:
    model = Ngram.load(arpa)
    words = ["cat", "dog", "sat", UNKNOWN, SENTENCE_END, "Cat", "cat"]
    ids = model.encode(words)
    assert ids.dtype == torch.int64
    assert ids[1] == ids[3] == ids[5] != ids[0] == ids[6]
    assert torch.equal(ids, model.encode(words)), "ids do not change"
    assert model.knows([*words, SENTENCE_START]).tolist() == [
        True,
        False,
        True,
        False,
        True,
        False,
        True,
        True,
    ]
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
    assert found == pytest.approx(
        [math.log(10) * log10 for log10, _, _ in reference.full_scores(sentence)], rel=1e-6
    )
    assert sum(found) == pytest.approx(math.log(10) * reference.score(sentence), rel=1e-6)


@needs_programs
def test_query_program_agrees(trained: Path) -> None:
    sentences = [*SENTENCES, *TEXT.splitlines()[:4]]
    lines = run(
        [PROGRAMS / "query", "-v", "sentence", trained], "\n".join(sentences) + "\n"
    ).splitlines()
    totals = [float(line.split()[1]) for line in lines if line.startswith("Total:")]
    model = Ngram.load(trained)
    # query prints six digits.
    assert [sum(scores(model, s)) / math.log(10) for s in sentences] == pytest.approx(
        totals, rel=1e-5
    )


@needs_programs
@pytest.mark.parametrize(
    "history", [[], ["the"], ["the", "cat"], ["mat", "nothing"], ["unheard", "of"]]
)
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
        (b"mmap lm http://kheafield.com/code format version 5\n\0", "cut short"),
        (b"mmap lm http://kheafield.com/code format version 4\n\0" + bytes(200), "version 4"),
    ],
)
def test_bad_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
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


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("-0.75\tcat", "-inf\tcat", 10, "the log probability -inf"),
        ("-0.75\tcat", "nan\tcat", 10, "the log probability nan"),
        ("-0.75\tcat", "0.5\tcat", 10, "Positive log probability"),
        ("-0.75\tcat", "oops\tcat", 10, "Could not parse"),
        ("cat\t-0.25\n", "cat\t-inf\n", 10, "Bad backoff"),
        ("-0.3125\tcat sat", "-0.3125\tcat s\xe4t", 15, "byte 0xe4 is not UTF-8"),
        ("-0.5\tsat", "-0.5\ts\xe4t", 11, "byte 0xe4 is not UTF-8"),
        ("\\2-grams:", "\\2grams:", 13, "2-grams"),
        ("ngram 2=4", "ngram 2=40000000000000", None, "40,000,000,000,007 n-grams in the header"),
    ],
)
def test_a_fault_in_an_arpa_file_has_its_line(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    old: str,
    new: str,
    line: int | None,
    message: str,
) -> None:
    assert old in ARPA
    path = tmp_path / "bad.arpa"
    path.write_bytes(ARPA.replace(old, new).encode("latin-1"))
    with pytest.raises(InputError) as caught:
        Ngram.load(path)
    place = path if line is None else f"{path}:{line}"
    assert str(caught.value).startswith(f"{place}: ") and message in str(caught.value)
    assert (
        "remedy" in str(caught.value)
        and "\n" not in str(caught.value)
        and capfd.readouterr().err == ""
    )


def test_words_named_inf_and_nan_are_words(tmp_path: Path) -> None:
    path = tmp_path / "good.arpa"
    path.write_text(ARPA.replace("cat", "inf").replace("sat", "nan"))
    assert Ngram.load(path).knows(["inf", "nan"]).all()


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress])
def test_damaged_compression(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    path, whole = tmp_path / "bad.arpa.gz", packed(ARPA.encode() + b"\n" * 100)
    chance = random.Random(3)
    refused = 0
    for number in range(150):
        data = bytearray(whole)
        if number < len(whole):
            del data[len(data) - number :]
        data[chance.randrange(max(1, len(data))) : 1] = bytes([chance.randrange(256)])
        for _ in range(number % 3):
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            Ngram.load(path)
        except InputError as error:
            refused += 1
            assert "remedy" in str(error) and "\n" not in str(error)
    assert refused > 100


@needs_programs
@pytest.mark.parametrize("kind", BINARIES, ids=" ".join)
def test_damaged_binaries_give_a_message_or_scores(
    tmp_path: Path, trained: Path, kind: list[str]
) -> None:
    """In a child process, because KenLM would crash it or search without end."""
    run([PROGRAMS / "build_binary", *kind, trained, tmp_path / "good"])
    child = Process(target=_use_damaged, args=(tmp_path, 150))
    child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0


def _use_damaged(folder: Path, times: int) -> None:
    whole, chance, refused = (folder / "good").read_bytes(), random.Random(1), 0
    for _ in range(times):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            at = chance.randrange(min(len(data), chance.choice((200, 1000, len(data)))))
            way = chance.randrange(4)
            if way == 0:
                data[at] = chance.randrange(256)
            elif way == 1:
                data[at : at + 8] = chance.choice((b"\xff" * 8, b"\x7f" * 8, b"\1" + bytes(7)))
            elif way == 2:
                del data[at : at + chance.choice((1, 8, 400))]
            else:
                data[at : at + 100] = chance.randbytes(100)
        (folder / "bad").write_bytes(data)
        try:
            model = Ngram.load(folder / "bad")
            for sentence in TEXT.splitlines()[:4]:
                assert all(map(math.isfinite, scores(model, sentence)))
        except InputError as error:
            refused += 1
            assert "remedy" in str(error) and "\n" not in str(error)
    assert refused > times / 3


@needs_programs
@pytest.mark.parametrize("kind", BINARIES, ids=" ".join)
def test_whole_binaries_are_taken(tmp_path: Path, trained: Path, kind: list[str]) -> None:
    """With and without `<unk>`, of several orders."""
    (tmp_path / "hand.arpa").write_text(ARPA)
    (tmp_path / "closed.arpa").write_text(
        ARPA.replace("-2.0\t<unk>\t0\n", "").replace("ngram 1=5", "ngram 1=4")
    )
    for arpa in (trained, tmp_path / "hand.arpa", tmp_path / "closed.arpa"):
        run([PROGRAMS / "build_binary", *kind, arpa, tmp_path / "binary"])
        check_kenlm_binary(tmp_path / "binary")


@needs_programs
def test_numbers_that_are_not_finite_in_a_binary(tmp_path: Path, arpa: Path) -> None:
    run([PROGRAMS / "build_binary", "trie", arpa, tmp_path / "binary"])
    whole = (tmp_path / "binary").read_bytes()
    backoff = struct.pack("<f", -0.25)
    assert whole.count(backoff) == 1
    (tmp_path / "binary").write_bytes(whole.replace(backoff, struct.pack("<f", -math.inf)))
    with pytest.raises(InputError, match="a probability that is not finite"):
        Ngram.load(tmp_path / "binary")


def test_a_search_without_an_end_is_refused(tmp_path: Path, arpa: Path) -> None:
    """A hash table without an empty bucket."""
    run([PROGRAMS / "build_binary", "probing", arpa, tmp_path / "binary"])
    data = bytearray((tmp_path / "binary").read_bytes())
    begin = 88 + 20 + 3 * 8 + 4 + 8  # header, sizes, alignment, header of the table
    for bucket in range(begin, begin + 12 * 7, 12):
        data[bucket : bucket + 8] = data[bucket : bucket + 8].replace(bytes(8), b"\1" * 8)
    (tmp_path / "binary").write_bytes(data)
    with pytest.raises(InputError, match="without an empty bucket"):
        Ngram.load(tmp_path / "binary")
