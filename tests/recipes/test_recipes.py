"""The recipes: the logic of stages, their small programs, and the lists that the repository
holds.
"""

from __future__ import annotations

import json
import os
import pty
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kenlm
import pytest

from rescorer.recognition.formats import read_nbest
from rescorer.recognition.references import read_references

RECIPES = Path(__file__).parents[2] / "recipes"
SCRIPTS = sorted(RECIPES.rglob("*.sh"))
RUNS = sorted(RECIPES.glob("*/run.sh"))
LISTS = RECIPES / "mini" / "data"
KENLM = Path(__file__).parents[2] / "build" / "kenlm" / "bin"

needs_lists = pytest.mark.skipif(
    not (LISTS / "test.jsonl").exists(), reason="recipes/mini/data holds no lists yet"
)
needs_lmplz = pytest.mark.skipif(not (KENLM / "lmplz").exists(), reason="no lmplz: make kenlm")

# Two stages of which the second reads what the first wrote; each run of a command adds a line to
# `ran`.
RECIPE = """#!/usr/bin/env bash
# A recipe of two stages.

set -euo pipefail
output=$1 text=hello
shift
options=(output text)
source {stages}
parse_options "$@"
mkdir -p "$output"
make_a() {{ echo a >>"$output/ran"; write "$output/a" echo "$text"; }}
stage 1 make-a --in "${{output%/*}}/input" --out "$output/a" -- make_a
make_b() {{ echo b >>"$output/ran"; cat "$output/a" >"$output/b"; {end}; true; }}
stage 2 make-b --in "$output/a" --out "$output/b" -- make_b
echo "arguments: ${{arguments[*]-}}"
"""


class Recipe:
    """RECIPE in a folder of its own, run from another."""

    def __init__(self, folder: Path, end: str = "true") -> None:
        self.output = folder / "an output"
        self.output.mkdir(exist_ok=True)
        self.script = folder / "run.sh"
        self.script.write_text(
            RECIPE.format(stages=RECIPES / "stages.sh", end=end), encoding="utf-8"
        )
        self.input = folder / "input"
        if not self.input.exists():
            self.input.touch()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.script), str(self.output), *arguments],
            capture_output=True,
            text=True,
            cwd=self.script.anchor,
            check=False,
        )

    def ran(self) -> str:
        """Which commands were run since the last question."""
        log = self.output / "ran"
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        log.write_text("", encoding="utf-8")
        return "".join(text.split())


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path)


def run(
    program: str, *arguments: str | Path, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RECIPES / program), *map(str, arguments)],
        input=stdin,
        text=True,
        encoding="utf-8",
        capture_output=True,
        check=False,
    )


def test_finished_stages_are_skipped(recipe: Recipe) -> None:
    first = recipe.run("one", "two")
    assert first.returncode == 0 and recipe.ran() == "ab"
    assert re.search(r"stage 2 \(make-b\)\n +done in \d+ s", first.stderr)
    assert "arguments: one two" in first.stdout
    again = recipe.run()
    assert again.returncode == 0 and recipe.ran() == ""
    assert "stage 1 (make-a): finished before, skipped" in again.stderr


def _newer(recipe: Recipe, name: str) -> None:
    later = (recipe.output / ".stages" / "2").stat().st_mtime + 10
    os.utime(recipe.output / name, (later, later))


def test_a_newer_input_runs_what_depends_on_it(recipe: Recipe) -> None:
    recipe.run()
    recipe.ran()
    _newer(recipe, "a")
    recipe.run()
    assert recipe.ran() == "b"


def test_a_missing_output_is_made_again(recipe: Recipe) -> None:
    recipe.run()
    recipe.ran()
    (recipe.output / "b").unlink()
    recipe.run()
    assert recipe.ran() == "b"


def test_a_changed_command_is_run_again(recipe: Recipe) -> None:
    recipe.run()
    recipe.ran()
    Recipe(recipe.script.parent, end="sleep 0").run()
    assert recipe.ran() == "b"


def test_a_changed_machine_setting_is_no_changed_command(recipe: Recipe) -> None:
    recipe.run("--text", "hello")
    recipe.ran()
    recipe.run("--text", "other")
    assert recipe.ran() == ""


def test_stage_and_stop_stage(recipe: Recipe) -> None:
    recipe.run("--stop-stage", "1")
    assert recipe.ran() == "a"
    recipe.run("--stage", "2")
    assert recipe.ran() == "b"


def test_an_input_that_is_not_there_is_named(recipe: Recipe) -> None:
    result = recipe.run("--stage", "2")
    assert result.returncode == 2
    assert "stage 2 (make-b) reads" in result.stderr and "run the stages before it" in result.stderr
    recipe.input.unlink()  # no stage makes this one
    result = recipe.run()
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert (
        f"stage 1 (make-a) reads {recipe.input}, which is not there; remedy: give it there"
        in result.stderr
    )


def test_a_failing_stage_stops_the_recipe_and_is_not_finished(tmp_path: Path) -> None:
    broken = Recipe(tmp_path, end="false")
    result = broken.run()
    assert result.returncode == 1 and broken.ran() == "ab"
    assert result.stderr.splitlines()[-1].startswith("error: stage 2 (make-b) failed; its log: ")
    # it wrote its output, and failed then
    assert (broken.output / "b").exists() and "arguments" not in result.stdout
    broken.run()
    assert broken.ran() == "b"


def test_a_failing_stage_is_seen_when_it_had_succeeded_before(recipe: Recipe) -> None:
    recipe.run()
    _newer(recipe, "a")
    broken = Recipe(recipe.script.parent, end="false")
    assert broken.run().returncode == 1
    recipe.ran()
    Recipe(recipe.script.parent).run()
    assert recipe.ran() == "b"


def test_programs_write_to_logs_and_results_to_the_screen(tmp_path: Path) -> None:
    recipe = Recipe(tmp_path, end="echo chatter >&2; echo result")
    result = recipe.run()
    assert result.stdout.splitlines()[0] == "result" and "chatter" not in result.stderr
    log = recipe.output / "logs" / "2-make-b.log"
    assert log.read_text(encoding="utf-8") == "chatter\n"


def test_a_failing_program_names_its_log_and_shows_its_last_lines(tmp_path: Path) -> None:
    recipe = Recipe(tmp_path, end='seq 9 >&2; echo "no memory" >&2; false')
    lines = recipe.run().stderr.splitlines()
    log = recipe.output / "logs" / "2-make-b.log"
    assert lines[-1].endswith(str(log).removeprefix("/")) and lines[-2] == "no memory"
    assert log.exists() and "3" not in lines


def test_a_terminal_shows_the_progress_in_the_log(tmp_path: Path) -> None:
    recipe = Recipe(tmp_path, end='echo "tuning: 40 %, 00:06 left" >&2; sleep 2')
    master, terminal = pty.openpty()
    command = ["bash", str(recipe.script), str(recipe.output)]
    subprocess.run(command, stderr=terminal, stdout=subprocess.DEVNULL, check=True)
    os.close(terminal)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert "0:01  [####      ] tuning: 40 %, 00:06 left" in shown


SYSTEMS = """
set -euo pipefail
output=$1 options=(output)
source {recipes}/stages.sh
source {recipes}/systems.sh
ngram=ngram.binary lightrnn=lightrnn.pt
rescore() {{ if [[ $* == *--lm* ]]; then echo "mixed up" >&2; return 3; fi; }}
stage 6 tune --out "$output/weights.json" -- tune_systems dev.jsonl dev.jsonl "$output"
"""


def test_systems_side_by_side_have_logs_of_their_own(tmp_path: Path) -> None:
    script = SYSTEMS.format(recipes=RECIPES)
    result = subprocess.run(
        ["bash", "-c", script, "recipe", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    for name in ("lightrnn", "mixture"):
        log = tmp_path / "logs" / f"6-tune.{name}.log"
        assert log.read_text(encoding="utf-8") == "mixed up\n"
        assert f"{name} failed; its log: {log}" in result.stderr
    assert "ngram failed" not in result.stderr and "stage 6 (tune) failed" in result.stderr


@needs_lmplz
def test_the_demo_ends_with_one_table_and_where_to_look(tmp_path: Path) -> None:
    for name in ("wer", "perplexity"):
        (tmp_path / f"{name}.txt").write_text(f"the {name} table\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{KENLM}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", str(RECIPES / "mini" / "run.sh"), "--stage", "99", "--output", str(tmp_path)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == "" and result.stdout.count("the wer table") == 1
    pages = re.findall(r"docs/\S+\.md", result.stdout)
    assert len(pages) > 2 and all((RECIPES.parent / page).exists() for page in pages)


def test_a_stage_must_write_what_it_says(tmp_path: Path) -> None:
    broken = Recipe(tmp_path, end='rm "$output/b"')
    result = broken.run()
    assert result.returncode == 2 and "stage 2 (make-b) did not write" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--txt", "x"], ["--text"], ["--stage", "one"], ["--output_", "x"]]
)
def test_a_wrong_option_is_one_line(recipe: Recipe, arguments: list[str]) -> None:
    result = recipe.run(*arguments)
    assert result.returncode == 2 and recipe.ran() == ""
    assert result.stderr.startswith("error: ") and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(RECIPES)))
def test_bash_accepts_the_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck on this machine")
def test_shellcheck_accepts_the_scripts() -> None:
    subprocess.run(["shellcheck", "-x", "-P", str(RECIPES.parent), *map(str, SCRIPTS)], check=True)


@pytest.mark.parametrize("script", RUNS, ids=lambda path: path.parent.name)
def test_help_says_how_to_call_it(script: Path, tmp_path: Path) -> None:
    assert os.access(script, os.X_OK)
    result = subprocess.run(
        [str(script), "--help"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert f"recipes/{script.parent.name}/run.sh" in result.stdout and "#" not in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "script", [path for path in RUNS if path.parent.name != "mini"], ids=lambda p: p.parent.name
)
def test_recipes_ask_for_their_folder(script: Path) -> None:
    result = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "one argument is expected, the folder" in result.stderr


@pytest.mark.parametrize(
    "file", [*SCRIPTS, *RECIPES.rglob("*.py")], ids=lambda path: str(path.relative_to(RECIPES))
)
def test_recipes_import_nothing_of_ours_and_name_no_machine(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(from|import) +(rescorer|lexicon_tools)", text, re.MULTILINE)
    assert not re.search(r"/(home|tmp|work|root)/", text)


ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-2\t<unk>\t0
0\t<s>\t-0.3
-0.30103\t_u_\t-0.2
-0.5\t</s>\t0

\\2-grams:
-0.1\t<s> _u_
-0.2\t_u_ </s>

\\end\\
"""


def test_arpa_unk_renames_the_placeholder() -> None:
    result = run("arpa_unk.py", "_u_", stdin=ARPA)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[1] == "ngram 1=3" and "_u_" not in result.stdout
    assert [line for line in lines if "<unk>" in line] == [
        "-0.2924298\t<unk>\t-0.2",
        "-0.1\t<s> <unk>",
        "-0.2\t<unk> </s>",  # log10(0.5 + 0.01)
    ]


@needs_lmplz
def test_arpa_unk_leaves_probabilities_that_sum_to_one(tmp_path: Path) -> None:
    draw = random.Random(3)
    text = "".join(
        " ".join(draw.choices(["a", "b", "c", "_u_"], [4, 3, 2, 2], k=6)) + "\n" for _ in range(300)
    )
    arpa = subprocess.run(
        [str(KENLM / "lmplz"), "-o", "3", "--discount_fallback", "-S", "64M", "-T", f"{tmp_path}/"],
        input=text,
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    path = tmp_path / "renamed.arpa"
    path.write_text(run("arpa_unk.py", "_u_", stdin=arpa).stdout, encoding="utf-8")
    model = kenlm.Model(str(path))
    before = tmp_path / "before.arpa"
    before.write_text(arpa, encoding="utf-8")
    for sentence in ("a b _u_ c", "_u_ _u_ a", "c"):
        expected = kenlm.Model(str(before)).score(sentence)
        assert model.score(sentence.replace("_u_", "<unk>")) == pytest.approx(expected, abs=0.05)
    for history in ([], ["a"], ["<unk>", "b"]):
        state = kenlm.State()
        model.BeginSentenceWrite(state)
        for word in history:
            longer = kenlm.State()
            model.BaseScore(state, word, longer)
            state = longer
        total = sum(
            10 ** model.BaseScore(state, word, kenlm.State())
            for word in ("a", "b", "c", "<unk>", "</s>")
        )
        assert total == pytest.approx(1, abs=0.01)


def _rate(errors: int) -> dict[str, float]:
    return {"errors": errors, "words": 50, "low": 2.0 * errors - 1, "high": 2.0 * errors + 1}


def _report(rescored: int, oracle: int = 5, listed: bool = True) -> dict[str, object]:
    rows = {
        "first pass": 25,
        "first pass, tuned word penalty": 20,
        "oracle": oracle,
        "rescored": rescored,
    }
    return {
        "rows": {name: _rate(errors) for name, errors in rows.items()},
        "listed": {name: [_rate(errors), _rate(0)] for name, errors in rows.items()}
        if listed
        else {},
        "improvement": 0.99,
        "worse": False,
    }


@pytest.mark.parametrize("listed", [True, False])
def test_wer_table(tmp_path: Path, listed: bool) -> None:
    for name, errors in (("n", 15), ("m", 10)):
        (tmp_path / f"{name}.json").write_text(
            json.dumps(_report(errors, listed=listed)), encoding="utf-8"
        )
    result = run(
        "wer_table.py",
        tmp_path / "wer.json",
        f"KenLM={tmp_path}/n.json",
        f"mixture={tmp_path}/m.json",
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "wer.json").read_text(encoding="utf-8"))["rows"]
    assert list(rows) == [
        "first pass",
        "first pass, tuned word penalty",
        "KenLM",
        "mixture",
        "oracle",
    ]
    assert ("50 names" in result.stdout) is listed
    assert (
        rows["mixture"]["wer"] == 20
        and rows["mixture"]["words"] == 50
        and rows["mixture"]["low"] == 19
    )
    assert ("listed" in rows["oracle"]) is listed
    assert "-50.0 %" in next(
        line for line in result.stdout.splitlines() if line.startswith("mixture")
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "n.json", "wer.json"]


def test_wer_table_refuses_reports_of_other_lists(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text(json.dumps(_report(15)), encoding="utf-8")
    (tmp_path / "m.json").write_text(json.dumps(_report(10, oracle=4)), encoding="utf-8")
    result = run(
        "wer_table.py",
        tmp_path / "wer.json",
        f"KenLM={tmp_path}/n.json",
        f"mixture={tmp_path}/m.json",
    )
    assert (
        result.returncode == 1
        and "other lists" in result.stderr
        and not (tmp_path / "wer.json").exists()
    )


def test_examples_show_names_put_right(tmp_path: Path) -> None:
    lists = [
        {
            "id": "one",
            "ref": "and saul went",
            "nbest": [{"text": "and", "score": -1}, {"text": "and soul went", "score": -4}],
        },
        {"id": "two", "ref": "the end", "nbest": [{"text": "the end", "score": -1}]},
    ]
    weights = {"first_pass": {"scales": {"first_pass": 1.0}, "word_penalty": -2.0}}
    files = {
        "test.jsonl": "".join(json.dumps(line) + "\n" for line in lists),
        "weights.json": json.dumps(weights),
        "result.txt": "one and saul went\ntwo the end\n",
        "names.txt": "saul\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = run("mini/examples.py", *(tmp_path / name for name in files))
    assert result.returncode == 0, result.stderr
    assert "one: saul" in result.stdout and "two" not in result.stdout
    assert "before    and soul went" in result.stdout and "after     and saul went" in result.stdout


def test_mix_takes_shares_and_always_the_same_order(tmp_path: Path) -> None:
    (tmp_path / "novels.txt").write_text("a b c\nheading\nd e f\n", encoding="utf-8")
    (tmp_path / "wiki.txt").write_text(
        "".join(f"line number {n}\n" for n in range(7)), encoding="utf-8"
    )
    texts = [f"{tmp_path / 'novels.txt'}:2", f"{tmp_path / 'wiki.txt'}:1/3"]
    for name in ("one.txt", "two.txt"):
        result = run("english/mix.py", tmp_path / name, *texts)
        assert result.returncode == 0, result.stderr
    lines = (tmp_path / "one.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == ["a b c"] * 2 + ["d e f"] * 2 + [f"line number {n}" for n in (0, 3, 6)]
    assert (tmp_path / "one.txt").read_bytes() == (tmp_path / "two.txt").read_bytes()
    assert run("english/mix.py", tmp_path / "three.txt", "novels.txt").returncode == 1


@needs_lists
def test_the_lists_of_mini_can_be_used() -> None:
    ids: dict[str, set[str]] = {}
    spoken: dict[str, set[tuple[str, ...]]] = {}
    for part, size in (("dev", 200), ("test", 300)):
        path = LISTS / f"{part}.jsonl"
        file, references = read_nbest(path), read_references(path)
        assert file.format == "jsonl" and len(file.lists) == size
        ids[part], spoken[part] = (
            {nbest.utterance for nbest in file.lists},
            set(references.values()),
        )
        assert ids[part] == references.keys()
        for nbest in file.lists:
            scores = [hypothesis.scores["first_pass"] for hypothesis in nbest.hypotheses]
            texts = {hypothesis.words for hypothesis in nbest.hypotheses}
            assert nbest.reference == references[nbest.utterance]
            assert 8 <= len(references[nbest.utterance]) <= 30
            assert len(texts) == len(scores) <= 100 and scores == sorted(scores, reverse=True)
    assert not ids["dev"] & ids["test"] and not spoken["dev"] & spoken["test"]
    assert sum(path.stat().st_size for path in LISTS.iterdir()) < 4 << 20
