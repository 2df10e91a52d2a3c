"""What a user can cause in any command of `lexicon`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lexicon_commands import fails, run


def test_places_that_fail(tmp_path: Path, text: Path) -> None:
    for arguments in (
        (tmp_path / "none", "--output", tmp_path / "words.tsv"),
        (text, "--output", "/dev/full"),
    ):
        for command in ("vocabulary", "normalise"):
            result = run(command, *arguments)
            assert (
                result.exit_code == 2
                and "remedy" in result.stderr
                and result.stderr.count("\n") == 1
            )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("count", "none"), "none: cannot be read"),
        (("count", "bad"), "bad:1: byte 0xff is not UTF-8"),
        (("gazetteer", "none.tsv"), "none.tsv: cannot be read"),
        (("gazetteer", "bad"), "bad:1: byte 0xff"),
        (("gazetteer", "good", "--cap", "bad", "1"), "--cap bad: no such list"),
        (("vocabulary",), "no words"),
        (("vocabulary", "--counts", "good"), "good:1: 'the'"),
        (("vocabulary", "--list", "bad", "1"), "bad:1: byte 0xff"),
        (("pieces", "good", "--bpe-model", "bad"), "bad: no model of sentencepiece"),
        (
            ("vocabulary", "good", "--list", "names.tsv", "1", "--max-size", "3"),
            "the lists hold 6 words",
        ),
        (("words-txt", "--vocabulary", "good"), "good:1: "),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: Path,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").write_bytes(b"\xff\n")
    Path("good").write_text("the\n")
    before = sorted(tmp_path.iterdir())
    assert fails(run(*arguments, "--output", "out"), expected)
    assert sorted(tmp_path.iterdir()) == before


def test_one_thing_to_do(tmp_path: Path) -> None:
    assert fails(run("words-txt", "--vocabulary", tmp_path / "words.tsv"), "nothing to do")
    assert fails(run("oov", tmp_path / "none", "--vocabulary", tmp_path / "none"), "cannot be read")
