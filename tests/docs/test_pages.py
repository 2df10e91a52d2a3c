"""The commands and the Python of the documentation work, on small files under their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_examples import (
    ROOT,
    blocks,
    commands,
    known_options,
    make_files,
    run_command,
    run_python,
)
from tiny_audio import tone, write_wav

from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats import FORMATS, LATTICE_FORMATS

DOCS = ROOT / "docs"
# docs/results and docs/experiments.md show commands that take hours, on data of the reader.
RECORDS = {*(DOCS / "results").glob("*.md"), DOCS / "experiments.md"}
PAGES = sorted({*DOCS.rglob("*.md")} - RECORDS)
WITH_EXAMPLES = [
    page for page in PAGES if any(block.language in ("sh", "python") for block in blocks(page))
]
_OTHER_OPTIONS = {  # of torchrun, dask and Kaldi's scripts
    *("--max_restarts", "--protocol", "--lm-scale", "--config", "--print-config"),
    *("--help", "--help-all", "--version"),
}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_examples(
    page: Path,
    sentences: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_tuning: None,
    quick_training: None,
    english_model: LightRNN,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_files(sentences)
    for block in blocks(page):
        if block.reason or block.needs:
            continue
        if block.language == "sh":
            for words in commands(block.code):
                run_command(words)
        elif block.language == "python":
            run_python(block.code, page)


def test_examples_of_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that need a package which few have, with a tiny model of random numbers."""
    for module in ("ctranslate2", "transformers"):
        pytest.importorskip(module, reason=f"{module} is not installed: make test-adapters")
    needing = [block for block in blocks(DOCS / "how-to/audio.md") if block.needs]
    assert {block.needs for block in needing} == {"ctranslate2"}
    from tiny_whisper import make_whisper

    from rescorer.decoding.whisper import Whisper

    monkeypatch.chdir(tmp_path)
    make_whisper(tmp_path / "made")
    (tmp_path / "made/ctranslate2").rename("whisper-small.en")
    for part in ("dev", "test"):
        (tmp_path / "wav" / part).mkdir(parents=True)
        write_wav(tmp_path / "wav" / part / "u-0.wav", tone(1))
    monkeypatch.setattr(Whisper, "_speech", lambda self, samples: [(0, len(samples))])
    for block in needing:
        for words in commands(block.code):
            run_command(words)


@pytest.mark.filterwarnings("ignore")
def test_examples_of_pretrained(
    sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_tuning: None
) -> None:
    """Blocks that need transformers, with a tiny model of random numbers."""
    pytest.importorskip("transformers", reason="transformers is not installed: make test-adapters")
    needing = [block for block in blocks(DOCS / "how-to/pretrained.md") if block.needs]
    assert {block.needs for block in needing} == {"transformers"}
    from tiny_pretrained import save_pretrained

    monkeypatch.chdir(tmp_path)
    make_files(sentences)
    save_pretrained(tmp_path / "smollm2")
    for block in needing:
        for words in commands(block.code):
            run_command(words)


def test_most_examples_are_run() -> None:
    examples = [
        block for page in PAGES for block in blocks(page) if block.language in ("sh", "python")
    ]
    left_out = [block for block in examples if block.reason]
    assert len(examples) > 20 and len(left_out) <= len(examples) / 3


def test_every_block_names_its_language() -> None:
    known = {"sh", "python", "json", "text", "yaml"}
    found = {(name_of(page), block.language) for page in PAGES for block in blocks(page)}
    assert {language for _, language in found} <= known, found


def test_options_exist() -> None:
    known = {*_OTHER_OPTIONS, *known_options()}
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        found = set(re.findall(r"`(--[a-z][a-z0-9_-]+)", prose))
        unknown = {option for option in found - known if "kaldi" not in page.name}
        assert not unknown, (name_of(page), unknown)


def test_all_formats_have_a_row() -> None:
    text = (DOCS / "reference/formats.md").read_text(encoding="utf-8")
    lists, lattices = text.split("## Lattices")
    lattices = lattices.split("## References")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", lists, re.MULTILINE)) == set(FORMATS)
    assert set(re.findall(r"^\| `([\w-]+)` \|", lattices, re.MULTILINE)) == set(LATTICE_FORMATS)


def test_paths_of_the_repository_exist() -> None:
    tops = "rescorer|recipes|benchmarks|tools|examples|tests|lexicon_tools|notebooks"
    named = {
        path
        for page in (*PAGES, ROOT / "CONTRIBUTING.md")
        for path in re.findall(rf"`((?:{tops})/[\w./-]*)[` ]", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert not [path for path in sorted(named) if "NAME" not in path and not (ROOT / path).exists()]
