"""The files beside the packages agree with the code: version, checks, the map in CONTRIBUTING."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rescorer.version import __version__

ROOT = Path(__file__).parent.parent
yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install '.[docs]'")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_citation_has_what_the_schema_requires() -> None:
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert {"message", "title", "authors"} <= set(citation)
    (paper,) = citation["references"]
    assert paper["year"] == 2016 and len(paper["authors"]) == 5


def test_changelog_describes_this_version() -> None:
    heads = re.findall(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert heads[heads[0] == "Unreleased"] == __version__


def test_pre_commit_runs_the_checks_of_make_test() -> None:
    recipe = re.findall(r"^test: .*\n((?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)[0]
    commands = re.findall(r"^\t\$\(BIN\)/(.+)$", recipe, re.MULTILINE)
    checks = {f".venv/bin/{command}" for command in commands if command != "pytest"}
    hooks = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    assert len(checks) == 3
    assert {hook["entry"] for hook in hooks} == checks


def test_make_docs_takes_warnings_as_errors() -> None:
    """As the fixture `site` of tests/docs does, by which `make test` builds the documentation."""
    assert re.search(r"^\t.*mkdocs build .*--strict", text_of("Makefile"), re.MULTILINE)


def test_the_map_of_the_house_leads_somewhere() -> None:
    house = text_of("CONTRIBUTING.md").split("## The map of the house")[1].split("\n## ")[0]
    paths = re.findall(r"`([\w/]+(?:/|\.py))`", house)
    assert len(paths) >= 10
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_python_packages_say_that_they_are_typed() -> None:
    for package in ("rescorer", "lexicon_tools"):
        assert (ROOT / package / "py.typed").exists()
