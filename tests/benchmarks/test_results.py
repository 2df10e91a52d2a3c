"""Results as data: the files fit their schema, and pages and README are what render makes of
them.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import render, results, sources
from benchmarks.results import Column, Measurement, Result
from rescorer.errors import InputError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "benchmarks/results").glob("*.json"))
REMEDY = "run `python -m benchmarks.render`"
PLAIN: dict[str, Any] = {
    "name": "toy",
    "title": "A toy",
    "question": "Does it work?",
    "command": "python -m benchmarks.toy",
    "commit": "abc1234",
    "date": "2026-11-30",
    "machine": "a processor",
    "measures": ["rescorer/a.py"],
    "settings": {"threads": 1},
    "columns": [{"key": "way", "label": "way"}, {"key": "seconds", "label": "seconds"}],
    "rows": [{"way": "quick", "seconds": 1.25}, {"way": "lost"}],
    "notes": ["It works."],
}


def toy(**changed: Any) -> Result:
    return Result.from_dict({**PLAIN, **changed}, Path("toy.json"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one source."""
    (tmp_path / "rescorer").mkdir()
    (tmp_path / "rescorer/a.py").write_text("a = 1\n")
    return tmp_path


# ---- what stands in the repository ----


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_a_result(path: Path) -> None:
    result = Result.read(path)
    assert result.measures and result.notes is not None
    told = path.read_text(encoding="utf-8")
    assert not re.search(r"/work/|/tmp/|/home/|/root/", told), "it names a path of one machine"


def test_pages_are_what_render_makes() -> None:
    made = render.make_pages(results.read_all())
    held = {path.relative_to(ROOT) for path in (ROOT / render.DOCS).glob("*.md")}
    assert held == set(made), REMEDY
    for path, text in made.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: {REMEDY}"


def test_the_readme_holds_the_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(render.BEGIN) == readme.count(render.END) == 1
    assert render.with_block(readme, results.read_all()) == readme, REMEDY
    assert "| mixture of both | 18.76 (15.36–22.13) |" in readme


def test_figures_are_what_render_draws(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    drawn = render.draw_figures(results.read_all(), tmp_path)
    assert drawn
    for path in drawn:
        kept = (ROOT / render.FIGURES / path.name).read_text(encoding="utf-8")
        version = re.search(r"Matplotlib v([\d.]+)", kept)
        assert version, path
        if version[1] != matplotlib.__version__:
            pytest.skip(f"drawn by matplotlib {version[1]}, here is {matplotlib.__version__}")
        assert path.read_text(encoding="utf-8") == kept, f"{path.name}: {REMEDY}"


def test_links_of_the_pages_lead_somewhere() -> None:
    for page in (*(ROOT / render.DOCS).glob("*.md"), ROOT / "docs/experiments.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_result_stands_on_one_page() -> None:
    held = results.read_all()
    placed = [result.name for _, found in render.place(held) for result in found]
    assert sorted(placed) == sorted(held)
    others = dict(render.place({"unheard_of": toy(name="unheard_of"), "fuzz": toy(name="fuzz")}))
    by_page = {page.name: [result.name for result in found] for page, found in others.items()}
    assert by_page["other"] == ["unheard_of"] and by_page["robustness"] == ["fuzz"]


# ---- the schema ----


@pytest.mark.parametrize("name", sorted(PLAIN.keys() - {"notes"}))
def test_no_field_may_be_missing(name: str) -> None:
    content = {key: value for key, value in PLAIN.items() if key != name}
    with pytest.raises(InputError, match=f"no field.*{name}"):
        Result.from_dict(content, Path("toy.json"))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"command": " "}, "command"),
        ({"machine": ""}, "machine"),
        ({"date": "30 November"}, "date"),
        ({"name": "No Name"}, "name"),
        ({"rows": []}, "empty"),
        ({"rows": [{"weg": "quick"}]}, "no value"),
        ({"figure": 1}, "unknown field"),
        ({"columns": [{"key": "way", "name": "way"}]}, "column"),
    ],
)
def test_what_is_no_result(changed: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        toy(**changed)


def test_a_file_has_its_own_name(tmp_path: Path) -> None:
    toy().write(tmp_path).rename(tmp_path / "other.json")
    with pytest.raises(InputError, match="'toy'"):
        Result.read(tmp_path / "other.json")


def test_writing_and_reading(tmp_path: Path) -> None:
    columns = [{"key": "way", "label": "way"}, {"key": "seconds", "label": "s", "format": ".1f"}]
    result = toy(columns=columns, outdated="a")
    assert Result.read(result.write(tmp_path)) == result
    assert len((tmp_path / "toy.json").read_text().splitlines()) > len(result.rows)


@pytest.mark.parametrize(
    ("value", "style", "cell"),
    [
        (None, "", ""),
        ("a", ".2f", "a"),
        (12345, "", "12,345"),
        (1.23456, "", "1.235"),
        (23456.7, "", "23,457"),
        (149.0, ".2f", "149.00"),
        (0.5, ".0%", "50%"),
        (True, ".2f", "True"),
        ([4.43, 6.1], "", "[4.43, 6.1]"),
        ([4.43, 6.1], ".2f", "[4.43, 6.10]"),
    ],
)
def test_cells(value: Any, style: str, cell: str) -> None:
    assert Column("key", "label", style).shown({"key": value}) == cell


# ---- what is old ----


def test_a_changed_source_marks_the_result(root: Path) -> None:
    result = toy(sources={"rescorer/a.py": sources.digest("rescorer/a.py", root)})
    assert render.reason_due(result, root) == ""
    pages = render.make_pages({"toy": result}, root)
    assert "Due" not in "".join(pages.values())
    (root / "rescorer/a.py").write_text("a = 2\n")
    assert "earlier code" in render.reason_due(result, root)
    pages = render.make_pages({"toy": result}, root)
    assert all("earlier code" in text for text in pages.values()) and len(pages) == 2
    (root / "rescorer/a.py").unlink()
    assert result.changed_sources(root) == ["rescorer/a.py"]


def test_a_folder_is_its_files(root: Path) -> None:
    before = sources.digest("rescorer", root)
    (root / "rescorer/b.py").write_text("b = 1\n")
    assert "" != before != sources.digest("rescorer", root)


@pytest.mark.parametrize(
    ("content", "is_same"),
    [
        ('"""A list."""\n\na = [  # two numbers\n    1,\n    2,\n]\n', True),
        ("a = [1, 3]\n", False),
        ("a = [1, '2']\n", False),
        ("a = [1, 2], None\n", False),
    ],
)
def test_comments_and_line_ends_change_no_digest(content: str, is_same: bool, root: Path) -> None:
    file = root / "rescorer/a.py"
    file.write_text("a = [1, 2]\n")
    before = sources.digest("rescorer/a.py", root)
    file.write_text(content)
    assert (sources.digest("rescorer/a.py", root) == before) == is_same


def test_a_result_without_digests_gets_those_of_its_files(root: Path) -> None:
    """Where its commit is not known here, as the files are."""
    result = toy()
    assert result.changed_sources(root)
    assert not render.stamped(result, root).changed_sources(root)


def test_an_outdated_result_says_why(root: Path) -> None:
    digests = {"rescorer/a.py": sources.digest("rescorer/a.py", root)}
    pages = render.make_pages({"toy": toy(sources=digests, outdated="Old settings.")}, root)
    assert all("Old settings." in text for text in pages.values())


# ---- measuring ----


def test_a_measurement_prints_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setenv("RESCORER_DATA", "/somewhere/data")
    monkeypatch.setattr(
        "sys.argv", ["prefix", "/somewhere/data/a.txt", "/x/model.pt", "--top", "3"]
    )
    program = str(ROOT / "benchmarks/prefix_sharing.py")
    given = argparse.Namespace(text=Path("/somewhere/data/a.txt"), top=3, sizes=[1, 2], record="")
    columns = [Column("way", "way"), Column("seconds", "seconds", ".2f")]
    measured = Measurement(program, given, "Title", "What?", columns, "a machine", part="fast")
    measured.add(way="tree", seconds=1.0)
    measured.note("So it is.")
    measured.finish()
    assert "| way | seconds |\n| --- | ---: |\n| tree | 1.00 |" in capsys.readouterr().out
    result = results.read_all(tmp_path)["prefix_sharing_fast"]
    assert result.command == "python -m benchmarks.prefix_sharing DATA/a.txt model.pt --top 3"
    assert result.settings == {"text": "DATA/a.txt", "top": 3, "sizes": [1, 2]}
    assert "rescorer/models/lightrnn/scoring.py" in result.measures and not result.changed_sources()
    assert result.notes == ("So it is.",) and result.rows == ({"way": "tree", "seconds": 1.0},)


def test_without_record_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    given = results.make_parser("").parse_args([])
    program = str(ROOT / "benchmarks/prefix_sharing.py")
    measured = Measurement(program, given, "Title", "What?", [Column("a", "a")], "a machine")
    measured.add(a=1)
    measured.finish()
    assert not list(tmp_path.iterdir())


def test_no_benchmark_edits_the_path() -> None:
    for path in (ROOT / "benchmarks").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "sys.path" not in source and "from machine import" not in source, path


def test_rows_may_hold_more_than_is_shown(tmp_path: Path) -> None:
    result = toy(rows=[{"way": "quick", "seconds": 1.0, "curve": [[1, 2]]}])
    assert json.loads(result.write(tmp_path).read_text())["rows"][0]["curve"] == [[1, 2]]
