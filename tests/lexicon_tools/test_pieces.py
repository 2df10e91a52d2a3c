"""Texts and n-best lists of pieces become words and come back, beside sentencepiece itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny import nbest
from tiny_pieces import TEXT, needs_sentencepiece, train_pieces

from lexicon_tools.cli import lexicon
from rescorer.recognition.formats import read_nbest, write_nbest

pytestmark = needs_sentencepiece
LINES = ["the new worker", "", "<unk> over the  bridge", "naïve cafés"]


def run(source: Path, *arguments: str, output: str = "out") -> Result:
    folder = source.parent
    return CliRunner().invoke(
        lexicon,
        [
            "pieces",
            str(source),
            "--bpe-model",
            str(folder / "bpe.model"),
            *arguments,
            "--output",
            str(folder / output),
        ],
    )


@pytest.mark.parametrize("ids", [(), ("--ids",)])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"treat_whitespace_as_suffix": True, "vocab_size": 80},
        {"add_dummy_prefix": False},
        {"unk_id": 0},
        {"byte_fallback": True, "vocab_size": 340},
        {"split_by_whitespace": False, "vocab_size": 120},
    ],
)
def test_there_and_back(tmp_path: Path, settings: dict[str, object], ids: tuple[str, ...]) -> None:
    train_pieces(tmp_path, **settings)
    (tmp_path / "text").write_text("\n".join([*TEXT, *LINES]) + "\n", encoding="utf-8")
    assert run(tmp_path / "text", "--to", "pieces", *ids, output="pieces").exit_code == 0
    result = run(tmp_path / "pieces", *ids)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out").read_text() == "\n".join(
        " ".join(line.split()) for line in [*TEXT, *LINES]
    ) + "\n"


def test_what_it_writes(tmp_path: Path) -> None:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(train_pieces(tmp_path)))
    (tmp_path / "text").write_text("u-1 the worker\nu-2\nu-3 the 語\n", encoding="utf-8")
    result = run(tmp_path / "text", "--to", "pieces", "--keys")
    assert result.stderr.startswith("1 unknown pieces, for characters that ")
    the = model.encode("the", out_type=str)
    assert (tmp_path / "out").read_text().splitlines() == [
        " ".join(["u-1", *model.encode("the worker", out_type=str)]),
        "u-2",
        " ".join(["u-3", *the, "▁", "<unk>"]),
    ]
    # A blank, piece 0, says nothing.
    (tmp_path / "text").write_text(" ".join(["<blk>", *the]) + "\n")
    assert run(tmp_path / "text").exit_code == 0
    assert (tmp_path / "out").read_text() == "the\n"


@pytest.mark.parametrize("format", ["jsonl", "kaldi", "text"])
def test_lists(tmp_path: Path, format: str) -> None:
    train_pieces(tmp_path)
    lists = [
        nbest("a", ("the new worker", -1.0), ("", -2.0)),
        nbest("b", ("over the bridge", -3.0)),
    ]
    write_nbest(tmp_path / "words", lists, format)
    assert run(tmp_path / "words", "--to", "pieces", output="pieces").exit_code == 0
    assert read_nbest(tmp_path / "pieces").lists[0].hypotheses[0].words[0].startswith("▁")
    assert run(tmp_path / "pieces").exit_code == 0
    assert read_nbest(tmp_path / "out").lists == read_nbest(tmp_path / "words").lists
    assert read_nbest(tmp_path / "out").format == format


@pytest.mark.parametrize(
    ("line", "arguments", "expected"),
    [
        ("▁ t ▁qu¤ck", (), "text:2: '▁qu¤ck' is no piece of "),
        ("12 5", (), "text:2: '12' is no piece of .*--ids"),
        ("5 60000", ("--ids",), "text:2: '60000' is no id of a piece of .*expected 0 to "),
        ("5 -1", ("--ids",), "text:2: '-1' is no id"),
        ("▁the", ("--ids",), "text:2: '▁the' is no id .*leave --ids out"),
        (
            "e ▁ t",
            (),
            "text:2: the first piece 'e' begins no word; expected one that begins with '▁'; "
            "remedy: ",
        ),
        ('{"id": "u"}', (), "text:2: "),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, arguments: tuple[str, ...], expected: str) -> None:
    train_pieces(tmp_path)
    (tmp_path / "text").write_text(f"\n{line}\n", encoding="utf-8")
    (tmp_path / "out").write_text("old")
    result = run(tmp_path / "text", *arguments)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert re.search(expected, result.stderr), result.stderr
    assert (tmp_path / "out").read_text() == "old" and len(list(tmp_path.iterdir())) == 3


def test_bad_lists(tmp_path: Path) -> None:
    train_pieces(tmp_path)
    write_nbest(tmp_path / "lists", [nbest("a", ("▁ t", -1.0), ("e", -2.0))], "jsonl")
    assert (
        "utterance 'a', hypothesis '2': the first piece 'e' begins no word"
        in run(tmp_path / "lists").stderr
    )
    (tmp_path / "lattice").write_bytes(
        b"VERSION=1.0\nUTTERANCE=u\nN=2 L=1\nI=0\nI=1\nJ=0 S=0 E=1 W=a\n"
    )
    assert "remedy: give them to `rescore --bpe-model`" in run(tmp_path / "lattice").stderr
