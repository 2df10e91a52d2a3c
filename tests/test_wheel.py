"""The wheel alone, installed into an empty environment, rescores a list."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from rescorer.version import __version__

ROOT = Path(__file__).parent.parent
VIEWS = ("page", "report", "table")  # of the HTML pages

pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that does not see this checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Source distribution and wheel, as `make wheel` builds them."""
    pytest.importorskip("build.__main__", reason="no package `build`: pip install '.[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel and sees the packages of this one.

    Lines of a .pth file that name folders put them behind the environment's packages, and .pth
    files in those folders are not read: so an editable installation of this checkout is not seen.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    arguments = ["install", "--quiet", "--no-index", "--no-deps", str(distributions[1])]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    run(*pip, *arguments, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "present.pth").write_text("".join(f"{path}\n" for path in sorted(seen)))
    return python


def test_names_and_content(distributions: tuple[Path, Path]) -> None:
    source, wheel = distributions
    assert source.name == f"lightrnn_rescorer-{__version__}.tar.gz"
    assert wheel.name == f"lightrnn_rescorer-{__version__}-py3-none-any.whl"
    names = set(ZipFile(wheel).namelist())
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("rescorer", "lexicon_tools")
        for path in (ROOT / package).rglob("*.py")
    }
    data = {
        "rescorer/py.typed",
        "lexicon_tools/py.typed",
        "rescorer/english/lightrnn.pt",
        "rescorer/english/README.md",
        "rescorer/pronunciation/english/LICENSE.cmudict",
        "rescorer/pronunciation/english/README.md",
        "rescorer/pronunciation/english/cmudict.dict.xz",
        "rescorer/pronunciation/english/confusions.json",
        "rescorer/pronunciation/english/graphones.npz",
        *(
            f"rescorer/reports/pages/{view}.{kind}"
            for view in VIEWS
            for kind in ("css", "html", "js")
        ),
    }
    assert {name for name in names if ".dist-info/" not in name} == modules | data


def test_rescores_a_list(installed: Path, tmp_path: Path) -> None:
    found = run(installed, "-c", "import rescorer; print(rescorer.__file__)", folder=tmp_path)
    assert Path(found.stdout).is_relative_to(installed.parent.parent)
    (tmp_path / "nbest.txt").write_text(
        "one-1 -1.0 the pope lives in roam\none-2 -1.1 the pope lives in rome\n"
    )
    (tmp_path / "ref.txt").write_text("one the pope lives in rome\n")
    arguments = ["nbest.txt", "--tune", "ref.txt", "--weights", "w.json", "--output", "best.txt"]
    run(installed.parent / "rescore", *arguments, folder=tmp_path)
    assert (tmp_path / "best.txt").read_text() == "one the pope lives in rome\n"


@pytest.mark.parametrize("command", ["rescore", "lightrnn", "lexicon"])
def test_commands_have_help(command: str, installed: Path, tmp_path: Path) -> None:
    assert "Usage:" in run(installed.parent / command, "--help", folder=tmp_path).stdout
