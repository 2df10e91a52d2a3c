"""What the benchmarks and the recipe of new words are built from: their lists, their drawing of
names.
"""

from __future__ import annotations

import lzma
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model, make_vocabulary

from benchmarks import new_words, results, row_purity
from rescorer.models.spelling import Spelling
from rescorer.models.word_table import WordTable

ROOT = Path(__file__).parents[2]
SCOWL = (
    "walk walks walked walking walk's include includes included including carry carries carried "
    "carrying agree "
    "agrees agreed agreeing pass passes passed passing house house's York Lincoln lincoln take "
    "takes"
)
TOWNS = [
    "York\tGB\t200000\t",
    "Lincoln\tGB\t100000\t",
    "New York\tUS\t8000000\t",
    "Smith\tUS\t20000\t",
    "Hamlet\tGB\t12\t",
]


@pytest.fixture
def gazetteers(tmp_path: Path) -> Path:
    folder = tmp_path / "gazetteers"
    folder.mkdir()
    files = {
        "english-words.txt": SCOWL.split(),
        "places.tsv": ["name\tcountry\tpopulation\talternate_names", *TOWNS],
        "surnames.tsv": ["surname\tcount", "Smith\t2000000", "Kwan\t6000"],
        "first-names.tsv": ["first_name\tcount", "Anna\t9000"],
    }
    for name, lines in files.items():
        with lzma.open(folder / f"{name}.xz", "wt", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    return folder


def test_regular_verbs_are_no_nouns() -> None:
    assert row_purity.regular_verbs(set(SCOWL.split())) == {"include", "carry", "agree", "pass"}


def test_lists_are_cleaned_of_common_words(gazetteers: Path) -> None:
    lists = row_purity.make_lists(gazetteers)
    assert lists["places"] == {"york"} and lists["surnames"] == {"kwan"}
    assert {"includes", "carries", "agrees", "passes", "takes"} <= lists["verbs -s"]
    assert "walks" not in lists["verbs -s"]
    assert (
        "carried" in lists["past -ed"]
        and "taken" in lists["participles"]
        and "ninety" in lists["numbers"]
    )


def test_shares_of_trained_and_random_tables() -> None:
    vocabulary = make_vocabulary()
    words = list(vocabulary.words[2:6])
    model = make_model(table=WordTable.shaped(len(vocabulary), len(vocabulary), 4))
    together = WordTable(len(vocabulary), 4, np.arange(len(vocabulary)))
    ids = vocabulary.encode(words)
    cells = together.cells.copy()
    others = np.setdiff1d(np.arange(len(vocabulary)), ids)
    cells[ids], cells[others] = np.arange(4), 4 + 4 * np.arange(len(others))
    table = WordTable(len(vocabulary), 4, cells)
    assert row_purity.shares(model, [table], words, 2) == (1.0, 1.0)
    model.set_table(table)
    ten, one = row_purity.shares(model, [table.shuffled(seed) for seed in range(20)], words, 2)
    assert 0.25 <= one < 1 and one <= ten <= 1


def test_names_and_other_words_are_measured_apart(tmp_path: Path) -> None:
    known = make_vocabulary().words
    model = make_model(table=WordTable.shaped(len(known), 5, 5))
    text, examples = tmp_path / "text.txt", tmp_path / "examples.1.txt"
    text.write_text(f"{known[2]} emu {known[3]}\n{known[4]}\n", encoding="utf-8")
    examples.write_text(f"{known[2]} emu\n{known[3]} yak\n", encoding="utf-8")
    names = new_words.Names(["emu", "yak"], np.array([30.0, 4.0]))
    # One piece: any character, so that each letter costs the same.
    spelling = Spelling({"\u2581": np.log(0.999)}, 0.0)
    held = new_words.HeldOut([text], names, model, spelling)
    assert held.tokens == [known[2], "emu", known[3], "</s>", known[4], "</s>"]
    assert held.is_name.tolist() == [False, True, False, False, False, False]
    rows = held.rows_of_base()
    for counts in (names.pseudo_counts("1"), names.pseudo_counts("counts")):
        for new in (
            new_words.added(model, names.words, counts, examples),
            new_words.in_random_cells(model, names, counts, 1),
        ):
            assert (
                new.vocabulary.words[-2:] == ("emu", "yak")
                and len(set(new.table.cells)) == len(known) + 2
            )
            rows.append(held.row("added", new, "1", 0.5))
    unknown, spelled, *put_back = rows
    assert unknown["others_perplexity"] == spelled["others_perplexity"]
    assert unknown["names_perplexity"] < spelled["names_perplexity"]
    assert len(put_back) == 4 and all(row["seconds"] == 0.5 for row in put_back)


def test_the_recipe_of_names_finds_its_benchmark(tmp_path: Path) -> None:
    """Wherever it is called from."""
    recipe = (ROOT / "recipes/names/run.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    (call,) = re.findall(r"env PYTHONPATH=\S+ +python3 -m benchmarks\.\w+", recipe)
    command = ["bash", "-c", f"set -eu; unset PYTHONPATH; stages_root={ROOT}; {call} --help"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert run.returncode == 0 and "--without" in run.stdout, run.stderr


def test_names_are_measured_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    known = make_vocabulary().words
    make_model(table=WordTable.shaped(len(known), 5, 5)).save("without.pt")
    Path("names.tsv").write_text("emu\t30\nyak\t4\n", encoding="utf-8")
    Path("text.txt").write_text(f"{known[2]} emu {known[3]}\n", encoding="utf-8")
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "new_words",
            "text.txt",
            "--without",
            "without.pt",
            "--names",
            "names.tsv",
            "--priors",
            "counts",
            "--record",
            "toy",
        ],
    )
    new_words.main()
    assert "| `<unk>` and the piece model |" in capsys.readouterr().out
    toy = results.read_all(tmp_path / "results")["toy"]
    assert [row.get("prior") for row in toy.rows] == [None, None, "counts", "counts"]
    assert toy.command.endswith(
        "benchmarks.new_words text.txt --without without.pt --names names.tsv --priors counts "
        "--record toy"
    )


NAMES = [f"qu{chr(97 + first)}{chr(97 + second)}" for first in range(26) for second in range(26)]


@pytest.fixture
def chosen(tmp_path: Path, gazetteers: Path) -> Path:
    """What choose.py makes of a random text."""
    with lzma.open(gazetteers / "surnames.tsv.xz", "wt", encoding="utf-8") as file:
        file.writelines(f"{name}\t10\n" for name in ["surname", *NAMES])
    draw = random.Random(1)
    for part, lines in (("train", 3000), ("valid", 40), ("test", 40)):
        sentences = (
            " ".join(draw.choice([*NAMES, *["walk"] * 1500]) for _ in range(8))
            for _ in range(lines)
        )
        (tmp_path / f"enwiki-{part}.txt").write_text(
            "".join(f"{line}\n" for line in sentences), encoding="utf-8"
        )
    output = tmp_path / "out"
    output.mkdir()
    texts = [str(tmp_path / f"enwiki-{part}.txt") for part in ("train", "valid", "test")]
    subprocess.run(
        [
            sys.executable,
            str(ROOT / "recipes/names/choose.py"),
            *texts,
            "--gazetteers",
            str(gazetteers),
            "--output",
            str(output),
        ],
        check=True,
        capture_output=True,
    )
    return output


def test_chosen_names_are_in_no_text_of_the_model_without_them(chosen: Path) -> None:
    names = set((chosen / "names.txt").read_text(encoding="utf-8").split())
    every = (chosen / "with.txt").read_text(encoding="utf-8").splitlines()
    counts = Counter(word for line in every for word in line.split())
    assert names and names <= set(NAMES)
    assert [line for line in every if not names.intersection(line.split())] == (
        chosen / "without.txt"
    ).read_text(encoding="utf-8").splitlines()
    table = dict(
        line.split("\t") for line in (chosen / "names.tsv").read_text(encoding="utf-8").splitlines()
    )
    assert table == {name: str(max(1, counts[name])) for name in names}
    spoken = (chosen / "spoken.tsv").read_text(encoding="utf-8").splitlines()
    assert spoken and all(names.intersection(line.split()) for line in spoken)
    ordinary = dict(
        line.split("\t")
        for line in (chosen / "ordinary.tsv").read_text(encoding="utf-8").splitlines()
    )
    assert ordinary and not any(names.intersection(line.split()) for line in ordinary.values())
    valid = (chosen.parent / "enwiki-valid.txt").read_text(encoding="utf-8").splitlines()
    assert ordinary == {
        f"ordinary-{number:05d}": line
        for number, line in enumerate(valid)
        if not names.intersection(line.split())
    }


def test_examples_hold_one_name_each(chosen: Path) -> None:
    names = set((chosen / "names.txt").read_text(encoding="utf-8").split())
    files = {
        number: (chosen / f"examples.{number}.txt").read_text(encoding="utf-8").splitlines()
        for number in (1, 5, 20)
    }
    for number, lines in files.items():
        found = [names.intersection(line.split()) for line in lines]
        assert all(len(each) == 1 for each in found)
        assert max(Counter(name for each in found for name in each).values()) <= number
    assert len(files[1]) == len(names) and set(files[1]) <= set(files[5]) <= set(files[20])


def test_exported_files_are_measured(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    sentences: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from benchmarks import export

    make_model(hidden_dim=128).save(tmp_path / "tiny.pt")
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "export.py",
            str(sentences),
            str(tmp_path / "tiny.pt"),
            "--sizes",
            "4",
            "--lines",
            "20",
            "--hidden-dim",
            "8",
        ],
    )
    export.main()
    rows = [
        line.strip("| ").split(" | ")
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("| ")
    ]
    assert [row[0] for row in rows if row[0].isdigit()] == ["11", "4", "11"]
    pt, float32, int8 = map(float, rows[2][3:6])
    assert pt > 0 and float32 > 2 * int8 > 0 and len(rows[2]) == len(rows[0])
