"""The command `nbest convert`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rescorer.cli.nbest import nbest
from rescorer.recognition.formats import read_nbest, written_formats


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nbest, ["convert", *arguments])


@pytest.mark.parametrize("name", written_formats())
def test_lists_are_written_in_another_format(name: str) -> None:
    Path("lists").write_text("u-1 -1.5 he can see\nu-2 -2 he can sea\n")
    result = run("lists", "out", "--to", name)
    assert result.exit_code == 0, (result.stderr, result.exception)
    (found,) = read_nbest("out").lists
    (given,) = read_nbest("lists").lists
    assert read_nbest("out").format == name and found.utterance == "u"
    for one, other in zip(found.hypotheses, given.hypotheses, strict=True):
        assert one.words == other.words and one.scores == pytest.approx(other.scores)


def test_what_cannot_be_read_leaves_no_output() -> None:
    Path("lists").write_text("u-1 -1.5 he can see\nu-2 x he can sea\n")
    result = run("lists", "out.jsonl")
    assert result.exit_code == 2 and result.stderr.startswith("error: lists:2: 'x' is not a number")
    assert not Path("out.jsonl").exists()


def test_a_format_that_is_only_read_is_no_output() -> None:
    Path("lists").write_text("u-1 -1.5 he can see\n")
    result = run("lists", "out", "--to", "vosk")
    assert result.exit_code == 2 and "error: out: the format vosk is only read" in result.stderr
    assert not Path("out").exists()


def test_one_hypothesis_is_read_where_its_format_is_named() -> None:
    Path("text").write_text("u he can see\n")
    refused = run("text", "out.jsonl")
    assert refused.exit_code == 2 and "--format one-best" in refused.stderr
    assert run("text", "out.jsonl", "--format", "one-best").exit_code == 0
    assert Path("out.jsonl").read_text() == (
        '{"id": "u", "nbest": [{"text": "he can see", "scores": {"rank": 0.0}}]}\n'
    )


def test_beams_get_their_ids_from_the_manifest() -> None:
    Path("beams.tsv").write_text("he can\t-1\nhe\t-2\nyes\t-1\n\t-3\n")
    Path("elsewhere").mkdir()
    lines = ('{"audio_filepath": "a.wav", "text": "he can"}', '{"audio_filepath": "b.wav"}')
    Path("elsewhere/manifest.json").write_text("\n".join(lines) + "\n")
    refused = run("beams.tsv", "out.jsonl")
    assert refused.exit_code == 2 and "0 manifests lie beside" in refused.stderr
    told = run("beams.tsv", "out.jsonl", "--manifest", "elsewhere/manifest.json")
    assert told.exit_code == 0 and "2 blocks of 2 lines" in told.stderr
    assert [each.utterance for each in read_nbest("out.jsonl").lists] == ["a", "b"]
