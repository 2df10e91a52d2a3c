"""The table of n-best formats: detection, round trips, and what no format can hold."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.recognition import format_names
from rescorer.recognition.formats import (
    FORMATS,
    LATTICE_FORMATS,
    read_nbest,
    write_nbest,
    written_formats,
)
from rescorer.recognition.formats.detection import matching_formats
from rescorer.recognition.nbest import (
    ACOUSTIC,
    FIRST_LM,
    FIRST_PASS,
    GRAPH,
    RANK,
    Hypothesis,
    NBest,
)

ALL = sorted(FORMATS)
WRITTEN = [name for name in ALL if FORMATS[name].write]
READ_ONLY = sorted(set(ALL) - set(WRITTEN))
# Formats whose files hold every list with one score: SRILM's come back in another unit.
WHOLE = [name for name in WRITTEN if name != "srilm"]
FILES = [name for name in WHOLE if name not in ("kaldi", "espnet")]
DATA = os.environ.get("RESCORER_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="RESCORER_DATA does not name the folder of real data"
)


def _list(
    utterance: str, *hypotheses: tuple[str, dict[str, float]], reference: str | None = None
) -> NBest:
    return NBest(
        utterance,
        tuple(
            Hypothesis(str(n), tuple(text.split()), scores)
            for n, (text, scores) in enumerate(hypotheses, start=1)
        ),
        None if reference is None else tuple(reference.split()),
    )


# One score, no references: every format holds these.
SIMPLE = (
    _list(
        "speaker-a-2",
        ("good day", {FIRST_PASS: -0.1}),
        ("", {FIRST_PASS: -1e-300}),
        ("1.5", {FIRST_PASS: 3.25}),
    ),
    _list("été", ("größe 好", {FIRST_PASS: -1234567.875}), ("don't <unk>", {FIRST_PASS: 0.0})),
    _list("zero", ("", {FIRST_PASS: -2.0 / 3.0})),
)
WITH_REFERENCES = (
    *(replace(nbest, reference=("right", "words")) for nbest in SIMPLE[:2]),
    replace(SIMPLE[2], reference=()),
)
MANY_SCORES = tuple(
    _list(
        f"u{i}",
        *(
            (f"word{j}", {ACOUSTIC: -i - j / 7, GRAPH: 0.0, FIRST_LM: -0.5, "light_rnn.2": -j / 3})
            for j in range(1, 13)
        ),
    )
    for i in range(3)
)
# As it was re-ranked: the key still tells the recogniser's own place.
RERANKED = tuple(replace(nbest, hypotheses=nbest.hypotheses[::-1]) for nbest in MANY_SCORES)


def _same(left: tuple[NBest, ...], right: tuple[NBest, ...]) -> bool:
    """Equal, and so to the sign of zero and the order of hypotheses."""
    return repr([_plain(nbest) for nbest in left]) == repr([_plain(nbest) for nbest in right])


def _plain(nbest: NBest) -> list[object]:
    return [
        nbest.utterance,
        nbest.reference,
        [(h.key, h.words, sorted(h.scores.items())) for h in nbest.hypotheses],
    ]


def test_the_names_of_the_help_are_those_of_the_tables() -> None:
    assert tuple(FORMATS) == format_names.NBEST_FORMATS
    assert list(format_names.WRITTEN_FORMATS) == written_formats()
    assert tuple(LATTICE_FORMATS) == format_names.LATTICE_FORMATS


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_written_is_read_back_and_its_format_found(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", SIMPLE, name)
    back = read_nbest(tmp_path / "out")
    assert (back.path, back.format) == (tmp_path / "out", name)
    assert _same(back.lists, SIMPLE)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("name", FILES)
def test_compressed_files_are_read_back(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_nbest(path, SIMPLE, name)
    assert path.read_bytes()[:2] in (b"\x1f\x8b", b"\xfd7")
    assert read_nbest(path).format == name
    assert _same(read_nbest(path).lists, SIMPLE)


@pytest.mark.parametrize("name", ["jsonl", "mlm-scoring", "hyporadise", "nemo"])
def test_references_are_kept(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", WITH_REFERENCES, name)
    assert _same(read_nbest(tmp_path / "out").lists, WITH_REFERENCES)


@pytest.mark.parametrize("name", ["kaldi", "jsonl", "mlm-scoring", "hyporadise"])
def test_all_named_scores_are_kept(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", MANY_SCORES, name)
    assert _same(read_nbest(tmp_path / "out").lists, MANY_SCORES)


@pytest.mark.parametrize("name", ["jsonl", "hyporadise"])
def test_a_new_order_is_kept_where_the_format_has_one(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", RERANKED, name)
    assert _same(read_nbest(tmp_path / "out").lists, RERANKED)


@pytest.mark.parametrize("name", ["kaldi", "mlm-scoring"])
def test_numbered_formats_come_back_in_the_recognisers_order(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", RERANKED, name)
    assert _same(read_nbest(tmp_path / "out").lists, MANY_SCORES)


@pytest.mark.parametrize("name", WHOLE)
def test_numpy_scores_are_written_as_numbers(tmp_path: Path, name: str) -> None:
    for kind in (np.float64, np.float32):
        half: float = kind(-0.5)  # type: ignore[assignment]
        write_nbest(tmp_path / "out", [_list("u", ("a", {FIRST_PASS: half}))], name)
        assert read_nbest(tmp_path / "out").lists[0].hypotheses[0].scores == {FIRST_PASS: -0.5}


@pytest.mark.parametrize("name", [*WHOLE, "srilm"])
def test_one_format_matches_and_no_other(tmp_path: Path, name: str) -> None:
    write_nbest(tmp_path / "out", SIMPLE, name)
    assert [format.name for format in matching_formats(tmp_path / "out", FORMATS)] == [name]


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_format_that_is_only_read_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"format {name} is only read; expected one of kaldi"):
        write_nbest(tmp_path / "out", SIMPLE, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('\n\n  {"nbest": [{"text": "a", "score": 1}], "id": "u"}', "jsonl"),
        ('{"meta": {"a": 1}, "id": "u", "nbest": [{"text": "a", "score": 1}]}', "jsonl"),
        ('{\n\t"u":\n\t{\n\t"hyp_1":\n {"score": -1, "text": ""}}}', "mlm-scoring"),
        ('\n[\n {"input": ["a"]}]', "hyporadise"),
        ("u-1\t-3.5\ta b\n", "text"),
        ("\ufeffu-1 -3.5 a b\r\n", "text"),
    ],
)
def test_the_content_tells_the_format(tmp_path: Path, content: str, name: str) -> None:
    (tmp_path / "in").write_text(content, encoding="utf-8")
    assert read_nbest(tmp_path / "in").format == name


def test_a_given_format_is_taken_without_a_look_at_the_content(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("u-1 -3.5 a b\n")
    assert read_nbest(tmp_path / "in", "text").format == "text"
    with pytest.raises(InputError, match="JSON does not parse"):
        read_nbest(tmp_path / "in", "jsonl")


def test_binary_content_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"words\0\x80\x80")
    with pytest.raises(InputError, match="in: binary, and no lattices; expected one of kaldi"):
        read_nbest(tmp_path / "in")
    (tmp_path / "in").write_bytes("uml\xe4ut".encode("latin-1"))
    with pytest.raises(InputError, match=r"is not UTF-8.*iconv"):
        read_nbest(tmp_path / "in")


EVERY = (
    "kaldi, jsonl, text, one-best, mlm-scoring, hyporadise, espnet, nemo, nemo-tsv, wenet, "
    "wenet-json, icefall, vosk, srilm, aws, google, azure, kaldi-lattice, k2, htk"
)


def test_an_unknown_content_or_name_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("just some words\n")
    with pytest.raises(InputError, match=rf"in:1: .*{EVERY}; remedy: "):
        read_nbest(tmp_path / "in")
    for call in (
        lambda: read_nbest(tmp_path / "in", "csv"),
        lambda: write_nbest(tmp_path / "o", SIMPLE, "csv"),
    ):
        with pytest.raises(InputError, match=f"'csv'; expected {EVERY}; remedy: "):
            call()
    assert not (tmp_path / "o").exists()


def _with(**changes: object) -> list[NBest]:
    return [replace(SIMPLE[0], **changes)]  # type: ignore[arg-type]


def _hypotheses(*hypotheses: Hypothesis) -> list[NBest]:
    return [NBest("u", hypotheses)]


UNWRITABLE = {
    "no lists": ([], "empty"),
    "no hypotheses": (_with(hypotheses=()), "no hypotheses"),
    "id twice": ([SIMPLE[0], SIMPLE[0]], "there twice"),
    "id with a blank": (_with(utterance="a b"), "'a b'"),
    "empty id": (_with(utterance=""), "empty"),
    "id with NUL": (_with(utterance="a\0b"), "control"),
    "id with a lone surrogate": (_with(utterance="a\ud800"), "ud800"),
    "id with a line separator": (_with(utterance="a\u2028b"), "u2028"),
    "key twice": (_hypotheses(Hypothesis("1", ()), Hypothesis("1", ())), "there twice"),
    "key with a blank": (_hypotheses(Hypothesis("1 2", ())), "key '1 2'"),
    "other scores": (
        _hypotheses(Hypothesis("1", (), {"a": 1.0}), Hypothesis("2", (), {"b\u2028": 1.0})),
        "scores",
    ),
    "score name": (_hypotheses(Hypothesis("1", (), {"../a": 1.0})), "score name '../a'"),
    "NaN": (_hypotheses(Hypothesis("1", (), {FIRST_PASS: float("nan")})), "nan is not finite"),
    "infinity": (
        _hypotheses(Hypothesis("1", (), {FIRST_PASS: float("-inf")})),
        "-inf is not finite",
    ),
    "word with a blank": (_hypotheses(Hypothesis("1", ("a b",))), "white space"),
    "empty word": (_hypotheses(Hypothesis("1", ("a", ""))), "empty"),
    "word with a lone surrogate": (_hypotheses(Hypothesis("1", ("\udcff",))), "udcff"),
    "reference with a newline": (_with(reference=("a\nb",)), "reference of"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("case", sorted(UNWRITABLE))
def test_lists_that_no_file_can_hold_are_refused(tmp_path: Path, name: str, case: str) -> None:
    lists, found = UNWRITABLE[case]
    with pytest.raises(InputError) as caught:
        write_nbest(tmp_path / "out", lists, name)
    message = str(caught.value)
    assert found in message and str(tmp_path / "out") in message and "remedy: " in message
    assert len(message.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["kaldi", "mlm-scoring", "text"])
def test_a_key_that_is_no_number_is_refused_where_the_format_numbers(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(
        InputError, match="hypothesis key 'x1'; expected a number; remedy: write the format jsonl"
    ):
        write_nbest(tmp_path / "out", _hypotheses(Hypothesis("x1", (), {FIRST_PASS: 0.0})), name)


@needs_data
@pytest.mark.parametrize("part", ["dev", "test"])
def test_real_json_lines(tmp_path: Path, part: str) -> None:
    file = read_nbest(Path(DATA or "") / "nbest" / f"kathleen-{part}.jsonl")
    assert (file.format, len(file.lists)) == ("jsonl", 566)
    assert all(nbest.reference and nbest.score_names == (FIRST_PASS,) for nbest in file.lists)
    lists = file.lists[::10]
    without_references = tuple(replace(nbest, reference=None) for nbest in lists)
    for name in WHOLE:
        write_nbest(tmp_path / name, lists, name)
        back = read_nbest(tmp_path / name)
        has_references = name in ("jsonl", "mlm-scoring", "hyporadise", "nemo")
        kept = lists if has_references else without_references
        assert back.format == name
        assert _same(back.lists, kept)


@needs_data
def test_real_kaldi_folder(tmp_path: Path) -> None:
    folder = Path(DATA or "") / "lattices" / "kathleen-kaldi" / "archives.1"
    file = read_nbest(folder)
    assert (file.format, len(file.lists)) == ("kaldi", 240)
    assert {len(nbest.hypotheses) for nbest in file.lists} == {100}
    assert file.lists[0].score_names == (ACOUSTIC, GRAPH, FIRST_LM)
    for score, member in ((ACOUSTIC, "acwt"), (GRAPH, "lmwt.nolm"), (FIRST_LM, "lmwt.lmonly")):
        costs = {
            key: float(cost)
            for key, cost in map(str.split, (folder / member).read_text().splitlines())
        }
        assert costs == {
            f"{n.utterance}-{h.key}": -h.scores[score] for n in file.lists for h in n.hypotheses
        }
    write_nbest(tmp_path / "out", file.lists[::10], "kaldi")
    assert _same(read_nbest(tmp_path / "out").lists, file.lists[::10])


@needs_data
def test_lattices_are_no_nbest_lists() -> None:
    folder = Path(DATA or "") / "lattices" / "kathleen-kaldi"
    with pytest.raises(InputError, match=r"remedy: give .*archives.1"):
        read_nbest(folder)
    for name in ("words.txt", "pruned.txt.gz", "lat.1.gz"):
        with pytest.raises(InputError):
            read_nbest(folder / name)


@pytest.mark.parametrize("name", [None, *ALL])
@pytest.mark.parametrize("path", ["missing", "missing/file", "in/below-a-file", "x" * 300])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, path: str, name: str | None) -> None:
    (tmp_path / "in").write_text("u-1 -3.5 a b\n")
    with pytest.raises(InputError, match=r"cannot be read: .*remedy: check the path"):
        read_nbest(tmp_path / path, name)


def test_rank_is_a_score_like_any_other(tmp_path: Path) -> None:
    lists = (_list("u", ("a", {RANK: 0.0}), ("b", {RANK: -1.0})),)
    for name in ("kaldi", "jsonl", "mlm-scoring", "hyporadise"):
        write_nbest(tmp_path / name, lists, name)
        assert _same(read_nbest(tmp_path / name).lists, lists)


def test_a_compressed_file_needs_no_suffix(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(b"u-1 -3.5 a b\n"))
    assert read_nbest(tmp_path / "in").lists[0].hypotheses[0].words == ("a", "b")
