"""The stages for Kaldi's recipes: what they run, what they leave, and what they say."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import kenlm
import pytest
from conftest import make_model

from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats import kaldi_lattice, kaldi_nbest
from rescorer.recognition.formats.kaldi_fst import TRANSITION_IDS
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, Hypothesis, NBest
from rescorer.rescoring.lattice import best_words
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import TunedWeights, Weights

STEPS = Path(__file__).parents[2] / "recipes" / "kaldi" / "steps" / "lightrnn"
LATTICE, NBEST = STEPS / "lmrescore_lattice.sh", STEPS / "lmrescore_nbest.sh"

WORDS = ["<eps>", "the", "cat", "dog", "sat", "ran", "<s>", "</s>"]

# Two ways through one utterance: `the cat sat` and `the dog ran`; and one way through the other.
LATTICES = {
    1: "one \n0 1 1 1.5,100,1_2\n1 2 2 2.25,110,3\n1 3 3 2,115,3\n2 4 4 1,50,4_4\n3 4 5 "
    "1.25,51,5\n4 0.5,1,6\n\n",
    2: "two \n0 1 1 1,90,1\n1 2 3 2,80,2_2\n2 0,0,\n\n",
}

# Kaldi's run.pl in miniature, jobs side by side: its substitution, its rules of quoting, its log,
# its status.
RUNNER = """#!{python}
import re, subprocess, sys
arguments = sys.argv[1:]
while arguments[0].startswith("-"):
    del arguments[:2]
name, first, last = re.fullmatch(r"(\\w+)=(\\d+):(\\d+)", arguments[0]).groups()
log, words = arguments[1], arguments[2:]
quoted = [w if re.fullmatch(r"\\S+", w) else f"'{{w}}'" if '"' in w else f'"{{w}}"' for w in words]
running = []
for job in map(str, range(int(first), int(last) + 1)):
    out = open(log.replace(name, job), "w")
    command = "( " + " ".join(quoted).replace(name, job) + " )"
    running.append(subprocess.Popen(["bash", "-c", command], stdout=out, stderr=out))
sys.exit(any([process.wait() for process in running]))
"""

# The command in miniature: says how it was called, and writes what it was asked for.
STUB = """#!{python}
import gzip, json, os, pathlib, sys
options = dict(zip(sys.argv, sys.argv[1:]))
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([*sys.argv[1:], os.environ["OMP_NUM_THREADS"]]) + "\\n")
if b"bad" in (gzip.open(sys.argv[1]).read() if sys.argv[1].endswith("gz") else b""):
    sys.exit("error: " + sys.argv[1] + ": is bad; remedy: make it again")
if options.get("--device") == "tpu":
    sys.exit("Usage: rescore [OPTIONS] INPUT\\n\\nError: Invalid value for '--device': tpu")
if "--lattice-output" in options:
    gzip.open(options["--lattice-output"], "w").write(b"rescored")
if "--output" in options:
    pathlib.Path(options["--output"]).write_text("one words\\n")
"""


def write_program(path: Path, text: str) -> None:
    path.write_text(text.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)


class Recipe:
    """A Kaldi recipe's folder with two jobs decoded, and a PATH of our own."""

    def __init__(self, folder: Path, commands: Path | None = None) -> None:
        """With the commands of this folder, or else with a stub of `rescore`."""
        self.folder, self.bin, self.commands = folder, folder / "bin", commands
        self.calls_file = folder / "calls"
        for name in ("bin", "data/lang", "data/test", "exp/decode"):
            (folder / name).mkdir(parents=True)
        numbered = "".join(f"{word} {number}\n" for number, word in enumerate(WORDS))
        (folder / "data/lang/words.txt").write_text(numbered, encoding="utf-8")
        (folder / "exp/decode/num_jobs").write_text("2\n", encoding="utf-8")
        (folder / "data/test/text").write_text("one the cat sat\ntwo the dog\n", encoding="utf-8")
        for job, text in LATTICES.items():
            self.write_lattice(job, text)
        if commands is None:
            (folder / "lightrnn.pt").touch()
            write_program(self.bin / "rescore", STUB)
        write_program(self.bin / "side_by_side.pl", RUNNER)

    @property
    def decoded(self) -> Path:
        return self.folder / "exp/decode"

    @property
    def out(self) -> Path:
        return self.folder / "exp/rescored"

    def write_lattice(self, job: int, text: str) -> None:
        (self.decoded / f"lat.{job}.gz").write_bytes(gzip.compress(text.encode()))

    def run(
        self,
        script: Path,
        *options: str,
        arguments: Sequence[str] = (
            "lightrnn.pt",
            "data/lang",
            "data/test",
            "exp/decode",
            "exp/rescored",
        ),
    ) -> subprocess.CompletedProcess[str]:
        commands = [] if self.commands is None else [str(self.commands)]
        folders = [str(self.bin), *commands, os.defpath, *os.environ["PATH"].split(":")]
        environment = {**os.environ, "PATH": ":".join(folders), "CALLS": str(self.calls_file)}
        return subprocess.run(
            ["bash", str(script), *options, *arguments],
            cwd=self.folder,
            text=True,
            check=False,
            capture_output=True,
            env=environment,
            timeout=120,
        )

    def calls(self) -> list[list[str]]:
        """How the stub was called, in the order of the inputs."""
        if not self.calls_file.exists():
            return []
        return sorted(
            json.loads(line) for line in self.calls_file.read_text(encoding="utf-8").splitlines()
        )

    def read(self, job: int) -> list[list[str]]:
        """The fields of the lines of a lattice of the output."""
        text = gzip.decompress((self.out / f"lat.{job}.gz").read_bytes()).decode()
        return [line.split() for line in text.splitlines()]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path)


@pytest.fixture
def kaldi(recipe: Recipe) -> Recipe:
    """With what Kaldi's path.sh would bring."""
    shutil.copy(recipe.bin / "side_by_side.pl", recipe.bin / "run.pl")
    return recipe


def option(call: Sequence[str], name: str) -> str:
    return call[call.index(name) + 1]


@pytest.mark.parametrize(
    "options", [[], ["--cmd", "side_by_side.pl"], ["--cmd", "side_by_side.pl --mem 4G"]]
)
def test_each_lattice_is_rescored_by_a_job(recipe: Recipe, options: list[str]) -> None:
    result = recipe.run(LATTICE, *options)
    assert result.returncode == 0, result.stderr
    assert ("run.pl is not on the PATH" in result.stdout) == (not options)
    assert "not scored: there is no local/score.sh" in result.stdout
    assert sorted(path.name for path in recipe.out.iterdir()) == [
        "best.1.txt",
        "best.2.txt",
        "lat.1.gz",
        "lat.2.gz",
        "log",
        "num_jobs",
        "weights.json",
    ]
    assert (recipe.out / "num_jobs").read_text(encoding="utf-8") == "2\n"
    for job, call in enumerate(recipe.calls(), start=1):
        assert call[0] == f"exp/decode/lat.{job}.gz" and call[-1] == "1"  # the last: threads
        assert (
            option(call, "--symbols") == "data/lang/words.txt"
            and option(call, "--lm") == "lightrnn.pt"
        )
        assert option(call, "--lattice-output") == f"exp/rescored/lat.{job}.gz"
        assert (recipe.out / "log" / f"rescore.{job}.log").exists()
    assert len(recipe.calls()) == 2


def test_options_reach_the_command(kaldi: Recipe) -> None:
    (kaldi.folder / "n.arpa").touch()
    result = kaldi.run(
        LATTICE,
        "--max-ngram-order",
        "3",
        "--beam",
        "9",
        "--max-histories",
        "7",
        "--device",
        "cuda",
        "--memory",
        "99",
        "--threads",
        "2",
        "--ngram",
        "n.arpa",
        "--skip-bad",
        "true",
        "--nj",
        "2",
    )
    assert result.returncode == 0, result.stderr
    call = kaldi.calls()[0]
    given = {
        "--order": "3",
        "--beam": "9",
        "--max-histories": "7",
        "--device": "cuda",
        "--memory": "99",
        "--ngram": "n.arpa",
    }
    assert {name: option(call, name) for name in given} == given
    assert "--skip-bad" in call and call[-1] == "2"


@pytest.mark.parametrize(
    "arguments, models",
    [
        (["lightrnn.pt", "data/lang"], ["--lm", "lightrnn.pt"]),
        (["data/lang", "lightrnn.pt"], ["--lm", "lightrnn.pt"]),
        (["data/lang", "exp/lm"], ["--lm", "exp/lm/lightrnn.pt"]),
        (["data/lang"], []),
    ],
)
@pytest.mark.parametrize("ngram", [False, True])
def test_the_order_of_arguments_is_ours_or_kaldis(
    kaldi: Recipe, arguments: list[str], models: list[str], ngram: bool
) -> None:
    (kaldi.folder / "exp/lm").mkdir()
    (kaldi.folder / "exp/lm/lightrnn.pt").touch()
    (kaldi.folder / "n.arpa").touch()
    folders = ["data/test", "exp/decode", "exp/rescored"]
    result = kaldi.run(
        LATTICE, *(["--ngram", "n.arpa"] if ngram else []), arguments=[*arguments, *folders]
    )
    assert result.returncode == 0, result.stderr
    call = kaldi.calls()[0]
    assert option(call, "--symbols") == "data/lang/words.txt"
    assert [each for each in call if each == "--lm" or each.endswith(".pt")] == models
    mixture = TunedWeights.load(kaldi.folder / option(call, "--weights")).weights.mixture
    names = [*(["lightrnn"] if models else []), *(["ngram"] if ngram else [])] or [
        "lightrnn-english"
    ]
    assert set(mixture) == set(names)


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
def test_a_folder_without_a_model_is_refused(kaldi: Recipe, script: Path) -> None:
    for first in ("data/lang", "exp"):
        result = kaldi.run(
            script, arguments=[first, "exp", "data/test", "exp/decode", "exp/rescored"]
        )
        assert (
            result.returncode == 1
            and f"{first} is a folder; expected a model file, lightrnn.pt" in result.stderr
        )
    assert kaldi.calls() == []


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
def test_a_wrong_data_folder_is_found_before_the_work(kaldi: Recipe, script: Path) -> None:
    text = kaldi.folder / "data/test/text"
    text.write_text("three the cat\n", encoding="utf-8")
    result = kaldi.run(script)
    assert result.returncode == 1
    assert (
        "utterance one of exp/decode/lat.1.gz is not in data/test/text; remedy: " in result.stderr
    )
    text.unlink()
    result = kaldi.run(script)
    assert (
        result.returncode == 1
        and "expected data/test/text to exist" in result.stderr
        and kaldi.calls() == []
    )
    (kaldi.folder / "data/test/utt2spk").write_text("one a\n", encoding="utf-8")
    assert kaldi.run(LATTICE).returncode == 0


def test_a_usage_error_of_the_command_is_shown(kaldi: Recipe) -> None:
    result = kaldi.run(LATTICE, "--device", "tpu")
    assert result.returncode == 1 and "Error: Invalid value for '--device': tpu" in result.stderr


def test_kaldis_name_of_the_beam(kaldi: Recipe) -> None:
    assert kaldi.run(LATTICE, "--lattice-prune-beam", "5").returncode == 0
    assert option(kaldi.calls()[0], "--beam") == "5"
    both = kaldi.run(LATTICE, "--lattice-prune-beam", "5", "--beam", "4")
    assert both.returncode == 1 and "--beam and --lattice-prune-beam say the same" in both.stderr


def test_lattices_are_compact_unless_told(kaldi: Recipe) -> None:
    assert kaldi.run(LATTICE).returncode == 0 and "--compact" in kaldi.calls()[0]
    kaldi.calls_file.unlink()
    assert (
        kaldi.run(LATTICE, "--compact", "false").returncode == 0
        and "--compact" not in kaldi.calls()[0]
    )


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
def test_weights_and_the_old_model_go_together(kaldi: Recipe, script: Path) -> None:
    (kaldi.folder / "n.arpa").touch()
    for scales, options, message in (
        ('"acoustic": 0.1, "graph": 1, "first_lm": 0.5', [], "was tuned with --old-lm-model"),
        (
            '"acoustic": 0.1, "graph": 1',
            ["--old-ngram", "n.arpa"],
            "was tuned without --old-lm-model",
        ),
    ):
        (kaldi.folder / "w.json").write_text(
            f'{{"weights": {{"scales": {{{scales}}}}}}}', encoding="utf-8"
        )
        result = kaldi.run(script, "--weights", "w.json", *options)
        assert result.returncode == 1 and message in result.stderr and kaldi.calls() == []


@pytest.mark.parametrize(
    "options, acoustic, share",
    [
        ([], 0.1, 0.5),
        (["--weight", "0.75"], 0.1, 0.75),
        (["--inv-acwt", "8"], 0.125, 0.5),
        (["--acwt", "1.0", "--weight", "1"], 1.0, 1.0),
        (["--weight", "0"], 0.1, 0.0),
    ],
)
def test_weight_and_acwt_become_a_weights_file(
    kaldi: Recipe, options: list[str], acoustic: float, share: float
) -> None:
    assert kaldi.run(LATTICE, *options).returncode == 0
    weights = TunedWeights.load(kaldi.folder / option(kaldi.calls()[0], "--weights"))
    assert (
        weights.weights.scales == {ACOUSTIC: acoustic, GRAPH: 1 - share}
        and weights.weights.lm_scale == share
    )
    assert weights.weights.mixture == {"lightrnn": 1}
    assert (
        weights.first_pass.scales == {ACOUSTIC: acoustic, GRAPH: 1}
        and weights.first_pass.lm_scale == 0
    )


def test_tuned_weights_are_used_as_they_are(kaldi: Recipe) -> None:
    text = json.dumps(
        {"weights": {"scales": {"acoustic": 0.1}}, "first_pass": {"scales": {"acoustic": 0.1}}},
        indent=2,
    )
    (kaldi.folder / "w.json").write_text(text, encoding="utf-8")
    assert kaldi.run(LATTICE, "--weights", "w.json").returncode == 0
    assert option(kaldi.calls()[0], "--weights") == "w.json"
    result = kaldi.run(LATTICE, "--weights", "w.json", "--weight", "0.5")
    assert result.returncode == 1 and "give one or the other" in result.stderr


def test_a_failing_job_fails_the_stage_and_says_why(kaldi: Recipe) -> None:
    kaldi.write_lattice(2, "bad")
    for options in ([], ["--cmd", "side_by_side.pl"]):
        result = kaldi.run(LATTICE, *options)
        assert result.returncode == 1 and not (kaldi.out / "num_jobs").exists()
        assert "rescoring failed: " in result.stderr and "rescore.2.log" in result.stderr
        assert "lat.2.gz: is bad; remedy: make it again" in result.stderr
    kaldi.write_lattice(2, LATTICES[2])
    assert kaldi.run(LATTICE).returncode == 0


def test_scoring_is_the_recipes_own(kaldi: Recipe) -> None:
    (kaldi.folder / "local").mkdir()
    write_program(kaldi.folder / "local/score.sh", '#!/bin/sh\necho "$@" >scored\n')
    scored = kaldi.folder / "scored"
    assert kaldi.run(LATTICE, "--skip-scoring", "true").returncode == 0 and not scored.exists()
    kaldi.calls_file.unlink()
    result = kaldi.run(LATTICE, "--stage", "2", "--scoring-opts", "--min-lmwt 8")
    assert result.returncode == 0 and kaldi.calls() == []
    assert (
        scored.read_text(encoding="utf-8")
        == "--min-lmwt 8 --cmd run.pl data/test data/lang exp/rescored\n"
    )
    write_program(kaldi.folder / "local/score.sh", "#!/bin/sh\nexit 3\n")
    result = kaldi.run(LATTICE, "--stage", "2")
    assert (
        result.returncode == 1
        and "scoring failed; --skip-scoring true leaves it out" in result.stderr
    )
    (kaldi.folder / "local/score.sh").chmod(0o644)
    assert "not scored" in kaldi.run(LATTICE, "--stage", "2").stdout


def test_scoring_with_times_needs_the_acoustic_model_beside(kaldi: Recipe) -> None:
    (kaldi.folder / "local").mkdir()
    write_program(kaldi.folder / "local/score.sh", "#!/bin/sh\n")
    (kaldi.folder / "exp/final.mdl").touch()
    assert "final.mdl" not in kaldi.run(LATTICE).stdout
    elsewhere = ("lightrnn.pt", "data/lang", "data/test", "exp/decode", "other/rescored")
    assert (
        "other/rescored/../final.mdl is not there" in kaldi.run(LATTICE, arguments=elsewhere).stdout
    )


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
@pytest.mark.parametrize("with_kaldi", [True, False])
def test_usage(kaldi: Recipe, script: Path, with_kaldi: bool) -> None:
    if with_kaldi:  # its parser in miniature: the variable must be there, `--` begins an option
        (kaldi.folder / "utils").mkdir()
        (kaldi.folder / "utils/parse_options.sh").write_text(
            'while [[ $1 == --* ]]; do n=${1#--} n=${n//-/_}\n[ -z "${!n+x}" ] && echo "$0: '
            'invalid option $1" >&2 && '
            'exit 1; eval $n=\\"$2\\"; shift 2; done; true\n',
            encoding="utf-8",
        )
        assert (
            kaldi.run(LATTICE, "--max-ngram-order", "2", "--cmd", "run.pl --mem 1G").returncode == 0
        )
        assert option(kaldi.calls()[0], "--order") == "2"
        kaldi.calls_file.unlink()
    few = kaldi.run(script, arguments=["lightrnn.pt", "data/lang"])
    assert (
        few.returncode == 1
        and f"Usage: {script} [options] [<lightrnn.pt>] <lang-dir>" in few.stderr
    )
    wrong = kaldi.run(script, "--no-such", "1")
    assert wrong.returncode == 1 and "invalid option --no-such" in wrong.stderr
    assert kaldi.calls() == []


def test_the_help_names_every_option(recipe: Recipe) -> None:
    for script in (LATTICE, NBEST):
        result = recipe.run(script, "--help")
        assert result.returncode == 0 and "--skip-scoring" in result.stderr
        lines = script.read_text(encoding="utf-8").split("help_message=")[0].splitlines()
        names = [
            line.split("=")[0].replace("_", "-")
            for line in lines
            if line[:1].isalpha() and "=" in line
        ]
        hidden = {"max-ngram-order", "max-histories"} if script == NBEST else set()
        assert (
            len(names) > 10
            and [n for n in names if f"--{n} " not in result.stderr and n not in hidden] == []
        )


@pytest.mark.parametrize(
    "options, message",
    [
        (["--skip-scoring", "yes"], "--skip-scoring yes: expected true or false"),
        (["--stage"], "--stage without a value"),
        (["--cmd", ""], "--cmd is empty"),
        (["--cmd", "queue.pl --mem 1G"], "--cmd: no program queue.pl; remedy: "),
        (["--stage", "two"], "--stage two: expected a whole number"),
        (["--nj", "3"], "--nj 3, but exp/decode has 2 lattice files"),
        (["--weight", "1.5"], "--weight 1.5: expected a share, 0 to 1"),
        (["--weight", "half"], "--weight half: expected a number"),
        (
            ["--acwt", "0.1", "--inv-acwt", "10"],
            "--acwt and --inv-acwt say the same: give one of them",
        ),
        (["--inv-acwt", "0"], "--inv-acwt 0: expected a number above 0"),
        (["--weights", "no.json"], "expected no.json to exist"),
        (["--ngram", "no.arpa"], "expected no.arpa to exist"),
    ],
)
def test_wrong_options(kaldi: Recipe, options: list[str], message: str) -> None:
    result = (
        kaldi.run(LATTICE, *options) if options[1:] else kaldi.run(LATTICE, *options, arguments=[])
    )
    assert (
        result.returncode == 1 and message in result.stderr and len(result.stderr.splitlines()) == 1
    )
    assert kaldi.calls() == [] and not kaldi.out.exists()


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
@pytest.mark.parametrize(
    "gone", ["lightrnn.pt", "data/lang/words.txt", "exp/decode/num_jobs", "exp/decode/lat.2.gz"]
)
def test_a_missing_file_is_named(kaldi: Recipe, script: Path, gone: str) -> None:
    (kaldi.folder / gone).unlink()
    result = kaldi.run(script)
    assert (
        result.returncode == 1
        and f"expected {gone} to exist" in result.stderr
        and kaldi.calls() == []
    )


def test_num_jobs_must_say_how_many_lattices_there_are(kaldi: Recipe) -> None:
    kaldi.write_lattice(3, LATTICES[1])
    assert "exp/decode has lat.3.gz, but its num_jobs says 2" in kaldi.run(LATTICE).stderr
    (kaldi.decoded / "num_jobs").write_text("many\n", encoding="utf-8")
    assert "num_jobs holds no number" in kaldi.run(LATTICE).stderr


def test_no_lattice_of_another_run_is_lost_or_scored(kaldi: Recipe) -> None:
    same = kaldi.run(
        LATTICE, arguments=["lightrnn.pt", "data/lang", "data/test", "exp/decode", "exp/decode/"]
    )
    assert same.returncode == 1 and "is the input too" in same.stderr
    kaldi.out.mkdir()
    (kaldi.out / "lat.3.gz").touch()
    assert "exp/rescored has lat.3.gz of another run" in kaldi.run(LATTICE).stderr


def test_paths_with_spaces(kaldi: Recipe) -> None:
    """All but the output folder's: Kaldi's run.pl does not quote the names of logs."""
    for name in ("my lang", "my decode"):
        shutil.copytree(
            kaldi.folder / ("data/lang" if "lang" in name else "exp/decode"), kaldi.folder / name
        )
    (kaldi.folder / "my model.pt").touch()
    arguments = ["my model.pt", "my lang", "data/test", "my decode", "exp/rescored"]
    result = kaldi.run(LATTICE, arguments=arguments)
    assert result.returncode == 0, result.stderr
    assert option(kaldi.calls()[0], "--symbols") == "my lang/words.txt"
    (kaldi.bin / "run.pl").unlink()
    result = kaldi.run(LATTICE, arguments=[*arguments[:-1], "my output"])
    assert result.returncode == 0 and (kaldi.folder / "my output/lat.2.gz").exists()


def test_job_in_a_path_would_be_replaced(kaldi: Recipe) -> None:
    result = kaldi.run(
        LATTICE, arguments=["JOB.pt", "data/lang", "data/test", "exp/decode", "exp/rescored"]
    )
    assert result.returncode == 1 and "a path holds JOB" in result.stderr


def test_the_folder_works_through_a_link_and_path_sh_is_read(kaldi: Recipe) -> None:
    hidden = kaldi.folder / "elsewhere"
    hidden.mkdir()
    shutil.move(kaldi.bin / "rescore", hidden / "rescore")
    (kaldi.folder / "path.sh").write_text(f"PATH={hidden}:$PATH\n", encoding="utf-8")
    (kaldi.folder / "steps").mkdir()
    (kaldi.folder / "steps/lightrnn").symlink_to(STEPS)
    result = kaldi.run(Path("steps/lightrnn/lmrescore_lattice.sh"))
    assert result.returncode == 0 and len(kaldi.calls()) == 2, result.stderr


# The real command.

FIRST = [
    NBest(
        "one",
        (
            Hypothesis("1", ("the", "cat", "sat"), {ACOUSTIC: -261.0, GRAPH: -5.25}),
            Hypothesis("2", ("the", "dog", "ran"), {ACOUSTIC: -267.0, GRAPH: -5.25}),
        ),
    ),
    NBest(
        "two-1",
        (
            Hypothesis("1", ("the", "dog"), {ACOUSTIC: -170.0, GRAPH: -3.0}),
            Hypothesis("2", (), {ACOUSTIC: -270.0, GRAPH: -1.0}),
        ),
    ),
]
ALIGNMENTS = {"one-1": "1 2 3 4 4 6", "one-2": "1 3", "two-1-1": "1 2 2", "two-1-2": "5 5"}
ARPA = """\\data\\
ngram 1=7
ngram 2=1

\\1-grams:
-2\t<unk>\t0
0\t<s>\t-0.1
-0.5\t</s>
-0.6\tthe\t-0.2
-0.7\tcat
-0.8\tdog
-0.9\tsat

\\2-grams:
-0.3\tthe cat

\\end\\
"""


@pytest.fixture
def real(tmp_path: Path, commands: Path) -> Recipe:
    """With the real command and a real model."""
    recipe = Recipe(tmp_path, commands)
    make_model().save(tmp_path / "lightrnn.pt")
    (tmp_path / "n.arpa").write_text(ARPA, encoding="utf-8")
    return recipe


@pytest.fixture
def found(real: Recipe) -> Recipe:
    """The same with one job, whose N best are found already: --stage 2."""
    (real.decoded / "lat.2.gz").unlink()
    (real.decoded / "num_jobs").write_text("1\n", encoding="utf-8")
    (real.out / "lists").mkdir(parents=True)
    kaldi_nbest.write(real.out / "lists/first-1", FIRST, alignments=ALIGNMENTS)
    return real


def costs(file: Path) -> dict[str, float]:
    return {
        key: float(cost)
        for key, cost in map(str.split, file.read_text(encoding="utf-8").splitlines())
    }


def model_costs(model: LightRNN, lists: Sequence[NBest]) -> dict[str, float]:
    hypotheses = [
        (f"{nbest.utterance}-{h.key}", h.words) for nbest in lists for h in nbest.hypotheses
    ]
    scores = score_sentences([words for _, words in hypotheses], [model], 1 << 24)
    sums = scores.paths @ scores.log_probs[:, 0]
    return {key: -float(cost) for (key, _), cost in zip(hypotheses, sums, strict=True)}


@pytest.mark.parametrize("split", [False, True])
def test_the_scores_of_the_n_best(found: Recipe, split: bool) -> None:
    options = ["--stage", "2", "--weight", "0.25", *(["--old-ngram", "n.arpa"] if split else [])]
    for _ in range(2 if split else 1):  # stages may be run again
        result = found.run(NBEST, *options)
        assert result.returncode == 0, result.stderr
    archives = found.out / "archives.1"
    names = ["acwt", "ali.gz", "lmwt.interp.0.25", "lmwt.nn", "lmwt.withlm", "words_text"]
    names += ["lmwt.lmonly", "lmwt.nolm"] if split else []
    assert sorted(path.name for path in archives.iterdir()) == sorted(names)
    scores = {
        name: costs(archives / name) for name in names if name not in ("words_text", "ali.gz")
    }
    new = model_costs(make_model(), FIRST)
    assert scores["lmwt.nn"] == pytest.approx(new, abs=1e-3)
    withlm = {"one-1": 5.25, "one-2": 5.25, "two-1-1": 3.0, "two-1-2": 1.0}
    assert scores["lmwt.withlm"] == withlm
    old = dict(withlm)
    if split:
        ngram = kenlm.Model(str(found.folder / "n.arpa"))
        old = {
            f"{nbest.utterance}-{h.key}": -ngram.score(" ".join(h.words)) * 2.302585
            for nbest in FIRST
            for h in nbest.hypotheses
        }
        assert scores["lmwt.lmonly"] == pytest.approx(old, abs=1e-3)
        assert scores["lmwt.nolm"] == pytest.approx(
            {key: withlm[key] - old[key] for key in old}, abs=1e-3
        )
    graph = {key: withlm[key] - old[key] + 0.25 * new[key] + 0.75 * old[key] for key in new}
    assert scores["lmwt.interp.0.25"] == pytest.approx(graph, abs=1e-3)
    totals = {key: graph[key] + 0.1 * scores["acwt"][key] for key in graph}
    best = dict(
        line.split(maxsplit=1)
        for line in (found.out / "best.1.txt").read_text(encoding="utf-8").splitlines()
    )
    assert best["one"] == ("the cat sat" if totals["one-1"] < totals["one-2"] else "the dog ran")
    check_lattice(found.read(1), graph)


def check_lattice(lines: list[list[str]], graph: dict[str, float]) -> None:
    """Two utterances, each a path a hypothesis, with its costs."""
    ends = [number for number, line in enumerate(lines) if not line]
    assert len(ends) == 2 and lines[0] == ["one"] and lines[ends[0] + 1] == ["two-1"]
    arcs = lines[1 : ends[0]]
    assert [line[:3] for line in arcs if len(line) == 4] == [
        ["0", "1", "0"],
        ["1", "2", "1"],
        ["2", "3", "2"],
        ["3", "4", "4"],
        ["0", "5", "0"],
        ["5", "6", "1"],
        ["6", "7", "3"],
        ["7", "8", "5"],
    ]
    inside = [line[-1] for line in arcs if line[0] not in ("0", "4", "8")]
    assert inside == ["0,0,1", "0,0,2", "0,0,3", "0,0,1", "0,0,3", "0,0,"]
    assert [line for line in arcs if len(line) == 2] == [["4", "0,0,4_4_6"], ["8", "0,0,"]]
    cost, acoustic, alignment = arcs[0][3].split(",")
    assert (
        float(cost) == pytest.approx(graph["one-1"], abs=1e-3)
        and float(acoustic) == 261.0
        and alignment == ""
    )
    # the hypothesis without words
    assert lines[-3][:3] == ["0", "4", "0"] and lines[-2] == ["4", "0,0,5_5"]


def test_a_word_without_a_number_is_named(kaldi: Recipe) -> None:
    for job in (1, 2):
        archives = kaldi.out / f"archives.{job}"
        archives.mkdir(parents=True)
        (archives / "words_text").write_text(
            f"one-1 the {'cat' if job == 1 else 'cow'}\n", encoding="utf-8"
        )
        for name in ("acwt", "lmwt.interp.0.5"):
            (archives / name).write_text("one-1 2.5\n", encoding="utf-8")
        (archives / "ali.gz").write_bytes(gzip.compress(b"one-1 1 2\n"))
    result = kaldi.run(NBEST, "--stage", "5")
    assert result.returncode == 1 and "word cow of one-1 is not in words.txt" in result.stderr
    assert (kaldi.out / "lat.1.gz").exists() and not (kaldi.out / "lat.2.gz").exists()
    assert not (kaldi.out / "num_jobs").exists()


def test_some_hypotheses_are_wanted(kaldi: Recipe) -> None:
    assert "--N 0: expected a whole number above 0" in kaldi.run(NBEST, "--N", "0").stderr


def best_lines(recipe: Recipe) -> list[str]:
    return [
        line
        for job in (1, 2)
        for line in (recipe.out / f"best.{job}.txt").read_text("utf-8").splitlines()
    ]


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
def test_the_whole_stage(real: Recipe, script: Path) -> None:
    result = real.run(script, "--weight", "0.5", "--cmd", "side_by_side.pl")
    assert result.returncode == 0, result.stderr
    best = best_lines(real)
    assert best in (["one the cat sat", "two the dog"], ["one the dog ran", "two the dog"])
    ids = {
        "one the cat sat": [1, 2, 3, 4, 4, 6],
        "one the dog ran": [1, 3, 5, 6],
        "two the dog": [1, 2, 2],
    }
    for number, job in enumerate((1, 2)):
        (lattice,) = kaldi_lattice.read(
            real.out / f"lat.{job}.gz", real.folder / "data/lang/words.txt", ErrorCollector()
        )
        path = Trellis.of([lattice]).best_paths(
            0.1 * lattice.scores[ACOUSTIC] + lattice.scores[GRAPH]
        )[0]
        column = lattice.arc_fields[TRANSITION_IDS].packed().take(path)
        assert column.values().tolist() == ids[best[number]]
    if script == NBEST:
        words = (real.out / "archives.1/words_text").read_text(encoding="utf-8").splitlines()
        assert words == ["one-1 the cat sat", "one-2 the dog ran"]
    as_scored = Weights({ACOUSTIC: 0.1, GRAPH: 1.0}, lm_scale=0.0)  # LMWT 10
    read = [
        lattice
        for job in (1, 2)
        for lattice in kaldi_lattice.read(
            real.out / f"lat.{job}.gz", real.folder / "data/lang/words.txt", ErrorCollector()
        )
    ]
    assert [
        " ".join([lattice.utterance, *best_words(lattice, as_scored)]) for lattice in read
    ] == best


def test_tuned_weights_in_the_n_best(found: Recipe) -> None:
    first_pass = Weights({ACOUSTIC: 0.1, GRAPH: 1.0}, lm_scale=0.0)
    TunedWeights(
        Weights({ACOUSTIC: 0.1, GRAPH: 0.25}, 2.0, -0.5, mixture={"lightrnn": 1.0}), first_pass
    ).save(found.folder / "w.json")
    result = found.run(NBEST, "--stage", "2", "--weights", "w.json")
    assert result.returncode == 0, result.stderr
    assert not (found.out / "weights.json").exists()
    archives = found.out / "archives.1"
    new, withlm = costs(archives / "lmwt.nn"), costs(archives / "lmwt.withlm")
    words = {"one-1": 3, "one-2": 3, "two-1-1": 2, "two-1-2": 0}
    expected = {key: 0.25 * withlm[key] + 2 * new[key] - 0.5 * words[key] for key in new}
    assert costs(archives / "lmwt.interp.tuned") == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("script", [LATTICE, NBEST], ids=lambda path: path.name)
def test_weights_tuned_with_the_old_model(real: Recipe, script: Path) -> None:
    """Of the graph costs, the old model's part has a scale of its own."""
    first_pass = Weights({ACOUSTIC: 0.1, GRAPH: 1.0, FIRST_LM: 1.0}, lm_scale=0.0)
    scales = {ACOUSTIC: 0.1, GRAPH: 0.8, FIRST_LM: 0.3}
    TunedWeights(Weights(scales, 0.7, mixture={"lightrnn": 1.0}), first_pass).save(
        real.folder / "w.json"
    )
    result = real.run(script, "--weights", "w.json", "--old-ngram", "n.arpa")
    assert result.returncode == 0, result.stderr
    ngram, model = kenlm.Model(str(real.folder / "n.arpa")), make_model()
    for (line, graph), job in zip(
        [(best_lines(real)[0], 5.25), (best_lines(real)[1], 3.0)], (1, 2), strict=True
    ):
        words = line.split()[1:]
        old, new = -ngram.score(" ".join(words)) * 2.302585, -model.logprob(words)
        (lattice,) = kaldi_lattice.read(
            real.out / f"lat.{job}.gz", real.folder / "data/lang/words.txt", ErrorCollector()
        )
        path = Trellis.of([lattice]).best_paths(
            0.1 * lattice.scores[ACOUSTIC] + lattice.scores[GRAPH]
        )[0]
        expected = 0.8 * (graph - old) + 0.3 * old + 0.7 * new
        assert -lattice.scores[GRAPH][path].sum() == pytest.approx(expected, abs=1e-3)
