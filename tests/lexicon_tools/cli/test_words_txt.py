"""The command `lexicon words-txt`."""

from __future__ import annotations

from pathlib import Path

from lexicon_commands import fails, run


def test_words_txt(tmp_path: Path, text: Path) -> None:
    words, symbols = tmp_path / "words.tsv", tmp_path / "words.txt"
    assert run("vocabulary", text, "--output", words, "--case", "lower").exit_code == 0
    for kind in ("kaldi", "k2"):
        assert (
            run("words-txt", "--vocabulary", words, "--output", symbols, "--kind", kind).output
            == ""
        )
        assert symbols.read_text().startswith("<eps> 0\n!SIL 1\n<SPOKEN_NOISE> 2\n<UNK> 3\ncat 4\n")
        result = run("words-txt", "--vocabulary", words, "--check", symbols)
        assert result.exit_code == 0 and result.stdout.splitlines() == [
            "4 words are in both",
            f"{words} lacks 0 words of {symbols}",
            f"{symbols} lacks 0 words of {words}",
        ]
    symbols.write_text("<eps> 0\nTHE 1\nDOGS 2\n")
    result = run("words-txt", "--vocabulary", words, "--check", symbols)
    assert result.exit_code == 0 and result.stdout.splitlines() == [
        "1 words are in both",
        f"{words} lacks 1 words of {symbols}, the first: DOGS",
        f"{symbols} lacks 3 words of {words}, the first: cat, dog, straße",
    ]
    symbols.write_text("<eps> 0\nEIN 1\n")
    assert fails(run("words-txt", "--vocabulary", words, "--check", symbols), "none of its 1 words")
