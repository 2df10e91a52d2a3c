"""The README's commands and its Python work, on small files under the names that it uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_examples import (
    COMMANDS,
    ROOT,
    blocks,
    commands,
    known_options,
    make_files,
    run_command,
    run_python,
)

from rescorer.models.lightrnn import LightRNN

PAGE = ROOT / "README.md"
README = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def here(
    sentences: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_tuning: None,
    quick_training: None,
    english_model: LightRNN,
) -> Path:
    """A folder with everything that the README names."""
    monkeypatch.chdir(tmp_path)
    make_files(sentences)
    return tmp_path


@pytest.mark.slow
def test_commands(here: Path) -> None:
    seen = set()
    for block in blocks(PAGE):
        for words in commands(block.code) if block.language == "sh" else ():
            run_command(words)
            seen.add(words[0])
    assert seen >= {*COMMANDS, "make", "pip"}


def test_python(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (block for block in blocks(PAGE) if block.language == "python")
    run_python(block.code, PAGE)
    assert capsys.readouterr().out.startswith("('behold', 'the', ")


def test_every_block_is_run() -> None:
    assert {block.language for block in blocks(PAGE)} == {"sh", "python"}
    assert not any(block.reason for block in blocks(PAGE))


def test_is_short() -> None:
    assert len(README.split()) <= 800


def test_paths_and_links_lead_somewhere() -> None:
    paths = re.findall(r"`((?:recipes|benchmarks|tools)/[^ `]*)", README)
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert len(paths) > 5 and len(links) > 5
    assert not [path for path in (*paths, *links) if not (ROOT / path).exists()]


def test_options_exist() -> None:
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"--[a-z][a-z0-9_-]+", prose)) <= set(known_options())


def test_the_example_of_the_package_is_that_of_the_readme() -> None:
    import rescorer

    for name in ("rescorer.load(", "rescorer.rescore("):
        assert name in str(rescorer.__doc__) and name in README
