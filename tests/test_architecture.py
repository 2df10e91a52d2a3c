"""Imports flow one way: cli → rescoring, training → recognition, models; and what is heavy is
imported late.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("rescorer", "lexicon_tools")

# Floors of the house, from the ground: a module may import its own floor's package and the floors
# below.
BASE = (
    "chunks",
    "errors",
    "extras",
    "files",
    "inputs",
    "packed",
    "parallel",
    "settings",
    "torch_zip",
    "version",
    "work_folders",
)
FLOORS: dict[str, tuple[str, ...]] = {
    "chunks": (),
    "errors": (),
    "extras": ("errors",),
    "settings": ("errors",),
    "version": (),
    "torch_zip": (),
    "progress": (),
    "work_folders": ("work_folders",),
    "inputs": ("errors", "inputs"),
    "packed": ("errors", "packed"),
    "parallel": ("errors", "parallel"),
    "files": ("errors", "files", "inputs", "packed", "work_folders"),
    "command": (*BASE, "command"),
    "command_line": (*BASE, "command", "command_line"),
    "models": (*BASE, "models"),
    "recognition": (*BASE, "recognition"),
    "adapters": (*BASE, "recognition", "adapters"),
    "decoding": (*BASE, "progress", "recognition", "adapters", "decoding"),
    "pronunciation": (*BASE, "progress", "pronunciation"),
    "reports": (*BASE, "models", "recognition", "reports"),
    "training": (*BASE, "progress", "models", "recognition", "training"),
    "rescoring": (
        *BASE,
        "progress",
        "models",
        "pronunciation",
        "recognition",
        "reports",
        "rescoring",
    ),
    "cli": (
        *BASE,
        "progress",
        "models",
        "pronunciation",
        "recognition",
        "reports",
        "training",
        "rescoring",
        "adapters",
        "decoding",
        "command",
        "command_line",
        "cli",
    ),
    # the Python API: what `import rescorer` offers
    "__init__": (
        *BASE,
        "models",
        "pronunciation",
        "recognition",
        "reports",
        "training",
        "rescoring",
    ),
}
OWNERS = {
    "kenlm": ("rescorer/models/ngram.py",),
    "k2": ("rescorer/recognition/formats/k2/tensors.py",),
    "sentencepiece": (
        "rescorer/recognition/word_pieces.py",
        "rescorer/models/spelling.py",
        "benchmarks/baselines/pieces.py",
    ),
}


def imports(source: str, path: str) -> Iterator[str]:
    """Dotted names that a file imports anywhere in it; a name imported from a package counts with
    it.
    """
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def faults(source: str, path: str) -> list[str]:
    """What is wrong with the imports of a file of this path from the root."""
    folder, *rest = path.split("/")
    found = (
        [f"{path}: no such modules here: put things where they belong"]
        if rest[-1:] == ["utils.py"]
        else []
    )
    for name in imports(source, path):
        top, _, inner = name.partition(".")
        if top in OWNERS and path not in OWNERS[top]:
            found.append(f"{path}: imports {name}: only {OWNERS[top][0]} may")
        if folder == "recipes" and top in OURS:
            found.append(f"{path}: imports {name}: recipes call commands")
        if folder == "rescorer" and top == "lexicon_tools":
            found.append(f"{path}: imports {name}: never that way round")
        if folder == "lexicon_tools" and f"{name}.".startswith("rescorer.cli."):
            found.append(f"{path}: imports {name}: each package has its own commands")
        if folder == "rescorer" and top == "rescorer":
            mine, theirs = rest[0].removesuffix(".py"), inner.split(".")[0]
            if mine not in FLOORS:
                found.append(f"{path}: has no floor: give it one here")
            elif theirs not in FLOORS[mine]:
                found.append(f"{path}: imports {name}: not from {mine}")
    return found


def python_files() -> list[str]:
    folders = [ROOT / folder for folder in (*OURS, "recipes", "tools", "benchmarks")]
    files = [path for folder in folders for path in folder.rglob("*.py") if "out" not in path.parts]
    return sorted(path.relative_to(ROOT).as_posix() for path in files)


@pytest.mark.parametrize("path", python_files())
def test_imported_names_exist(path: str) -> None:
    """Imports inside functions, too, which nothing else may call in the tests."""
    for name in imports((ROOT / path).read_text(encoding="utf-8"), path):
        module, _, member = name.rpartition(".")
        if module.partition(".")[0] in OURS:
            found = importlib.import_module(module)
            assert hasattr(found, member) or importlib.util.find_spec(name), f"{path}: {name}"


@pytest.mark.parametrize("path", python_files())
def test_arrows(path: str) -> None:
    assert faults((ROOT / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("rescorer/models/a.py", "from rescorer.training.corpus import Corpus"),
        ("rescorer/models/a.py", "import rescorer.rescoring.nbest"),
        ("rescorer/models/a.py", "from rescorer import recognition"),
        ("rescorer/models/a.py", "from rescorer.cli import rescore"),
        ("rescorer/models/a.py", "from ..training import corpus"),
        ("rescorer/models/a.py", "def late():\n    from rescorer.training import corpus"),
        ("rescorer/models/a.py", "import rescorer"),  # the whole house: a circle
        (
            "rescorer/recognition/formats/kaldi.py",
            "from rescorer.models.vocabulary import Vocabulary",
        ),
        ("rescorer/recognition/formats/kaldi.py", "from ...rescoring import nbest"),
        ("rescorer/training/a.py", "from rescorer.rescoring import nbest"),
        ("rescorer/rescoring/a.py", "from rescorer.training import trainer"),
        ("rescorer/rescoring/a.py", "if TYPE_CHECKING:\n    import rescorer.cli"),
        ("rescorer/files.py", "from rescorer.models import vocabulary"),
        ("rescorer/new_thing.py", "from rescorer.errors import InputError"),
        ("rescorer/cli/table.py", "from lexicon_tools import counts"),
        ("lexicon_tools/cli/count.py", "from rescorer.cli.models import FILE"),
        ("lexicon_tools/cli/count.py", "from rescorer import cli"),
        ("rescorer/models/a.py", "import lexicon_tools.normalise as n"),
        ("rescorer/models/lightrnn/network.py", "import kenlm"),
        ("lexicon_tools/a.py", "from kenlm import Model"),
        ("benchmarks/a.py", "import kenlm"),
        ("rescorer/recognition/lattice.py", "import k2"),
        ("recipes/mini/a.py", "from rescorer.models.vocabulary import Vocabulary"),
        ("recipes/mini/a.py", "import lexicon_tools"),
        ("rescorer/rescoring/utils.py", ""),
    ],
)
def test_arrows_can_break(path: str, source: str) -> None:
    assert faults(source, path)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("rescorer/models/ngram.py", "import kenlm\nfrom rescorer.errors import InputError"),
        ("rescorer/recognition/formats/k2/tensors.py", "import k2\nfrom ...lattice import Lattice"),
        (
            "rescorer/cli/train.py",
            "from rescorer.training import trainer\nfrom rescorer.rescoring import nbest",
        ),
        (
            "rescorer/rescoring/nbest.py",
            "from rescorer.recognition.nbest import NBest\nimport torch",
        ),
        ("lexicon_tools/cli/count.py", "from rescorer.models.vocabulary import Vocabulary"),
        ("benchmarks/speed.py", "import rescorer"),
        ("recipes/mini/text.py", "import re"),
    ],
)
def test_arrows_that_hold(path: str, source: str) -> None:
    assert faults(source, path) == []


COMMANDS = (
    "rescorer.cli.rescore",
    "rescorer.cli.lightrnn",
    "rescorer.cli.nbest",
    "lexicon_tools.cli",
)
HEAVY = {"torch", "numpy", "scipy", "kenlm", "kaldialign", "tensorboard", "num2words"}


@pytest.mark.parametrize("module", COMMANDS)
def test_commands_start_light(module: str) -> None:
    """`--help` is instant: what takes seconds to import is imported inside the commands."""
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert module in loaded
    assert not HEAVY & set(loaded)


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last imports the first; [] without any."""
    done: set[str] = set()

    def search(trail: list[str]) -> list[str]:
        for following in sorted(edges.get(trail[-1], set()) - done):
            if following in trail:
                return trail[trail.index(following) :]
            if found := search([*trail, following]):
                return found
        done.add(trail[-1])
        return []

    return next((found for start in sorted(edges) if (found := search([start]))), [])


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_modules(path: str, modules: set[str]) -> set[str]:
    """Which of these modules a file imports anywhere in it; itself does not count."""
    found = set()
    for name in imports((ROOT / path).read_text(encoding="utf-8"), path):
        parent = name.rpartition(".")[0]
        found |= {name if name in modules else parent} & modules
    return found - {module_name(path)}


def test_no_circle() -> None:
    paths = [path for path in python_files() if path.split("/")[0] in OURS]
    modules = {module_name(path) for path in paths}
    assert circle({module_name(path): imported_modules(path, modules) for path in paths}) == []


def test_circles_are_found() -> None:
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}) == ["b", "c", "d"]
