"""NeMo's beams without ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest

MANIFEST = '{"audio_filepath": "a.wav", "text": "he"}\n{"audio_filepath": "b.wav"}\n'
NAMED = "preds_out_width2_alpha1.0_beta0.0.tsv"


def _folder(path: Path, name: str, beams: str, manifest: str = MANIFEST) -> Path:
    (path / "manifest.json").write_text(manifest)
    (path / name).write_text(beams)
    return path / name


def test_blocks_are_joined_with_the_manifest(tmp_path: Path) -> None:
    file = read_nbest(_folder(tmp_path, "beams.tsv", "he\t-1\nshe\t-2e0\nx y\ttensor(-3)\n\t-4\n"))
    assert (file.format, file.remarks) == (
        "nemo-tsv",
        (f"{tmp_path / 'beams.tsv'}: read as 2 blocks of 2 lines, in the manifest's order",),
    )
    assert [(n.utterance, n.reference, [h.words for h in n.hypotheses]) for n in file.lists] == [
        ("a", ("he",), [("he",), ("she",)]),
        ("b", None, [("x", "y"), ()]),
    ]
    assert not read_nbest(_folder(tmp_path, NAMED, "he\t-1\nx\t-2\ny\t-3\nz\t-4\n")).remarks


@pytest.mark.parametrize(
    ("name", "beams", "parts"),
    [
        # three beams of the first utterance or two of the second are not there
        ("beams.tsv", "he\t-1\nshe\t-2\nx\t-3\n", ["3 lines for the 2 utterances of", "one size"]),
        (NAMED, "he\t-1\nshe\t-2\nx\t-3\n", ["3 lines", "blocks of 2 of one size"]),
        # even in number, but narrower than the name says
        (NAMED, "he\t-1\nx\t-3\n", ["2 lines for the 2 utterances", "extract_nbest=True"]),
        ("beams.tsv", "he\t-1\nx\tnan\n", [":2: ", "not finite"]),
        ("beams.tsv", "he\t-1\n", ["1 lines for the 2 utterances"]),
    ],
)
def test_blocks_of_unequal_size_are_refused(
    tmp_path: Path, name: str, beams: str, parts: list[str]
) -> None:
    path = _folder(tmp_path, name, beams)
    refusal(lambda: read_nbest(path), str(path), *parts)


def test_the_manifest_is_the_only_one_beside_or_is_given(tmp_path: Path) -> None:
    path = _folder(tmp_path, "beams.tsv", "he\t-1\nx\t-2\n")
    (tmp_path / "other.json").write_text(MANIFEST)
    refusal(lambda: read_nbest(path), "2 manifests lie beside", "--manifest")
    assert len(read_nbest(path, manifest=tmp_path / "other.json").lists) == 2
    (tmp_path / "other.json").unlink()
    (tmp_path / "manifest.json").unlink()
    refusal(lambda: read_nbest(path), "0 manifests lie beside", "--manifest")


def test_a_line_that_could_be_text_is_refused_by_name(tmp_path: Path) -> None:
    path = _folder(tmp_path, "beams.tsv", "u-1\t-1\nu-2\t-2\n")
    refusal(lambda: read_nbest(path), "could be text or nemo-tsv", "--format nemo-tsv")
    assert [each.utterance for each in read_nbest(path, "nemo-tsv").lists] == ["a", "b"]
    assert [each.utterance for each in read_nbest(path, "text").lists] == ["u"]


def test_no_other_format_takes_a_manifest(tmp_path: Path) -> None:
    path = _folder(tmp_path, "lists", "u-1 -1 he\n")
    manifest = tmp_path / "manifest.json"
    refusal(lambda: read_nbest(path, manifest=manifest), "--manifest with the format text")
