"""The command `lexicon oov`."""

from __future__ import annotations

from pathlib import Path

from lexicon_commands import run


def test_oov(tmp_path: Path, text: Path, names: Path) -> None:
    assert (
        run("vocabulary", text, "--output", tmp_path / "words.tsv", "--case", "lower").exit_code
        == 0
    )
    (tmp_path / "test").write_text("the cat of Lima\nLima city\n")
    result = run("oov", tmp_path / "test", "--vocabulary", tmp_path / "words.tsv", "--lists", names)
    assert result.exit_code == 0 and [line.split() for line in result.stdout.splitlines()] == [
        ["text", "words", "unknown", "%", "distinct", "unknown", "%"],
        ["all", "6", "4", "66.67", "5", "3", "60.00"],
        ["places", "2", "2", "100.00", "1", "1", "100.00"],
        ["places-alternates", "1", "1", "100.00", "1", "1", "100.00"],
        ["surnames", "3", "2", "66.67", "2", "1", "50.00"],
        ["in", "no", "list", "2", "1", "50.00", "2", "1", "50.00"],
        ["2", "lima", "places", "surnames"],
        ["1", "city", "places-alternates"],
        ["1", "of"],
    ]
    (tmp_path / "lists.jsonl").write_text(
        '{"id": "u", "nbest": [{"text": "the dog", "score": -1}], "ref": "fog"}\n'
    )
    result = run("oov", tmp_path / "lists.jsonl", "--vocabulary", tmp_path / "words.tsv")
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["hypotheses", "words", "unknown"],
        ["all", "2", "0"],
        ["references", "words", "unknown"],
        ["all", "1", "1"],
        ["1", "fog"],
    ]
