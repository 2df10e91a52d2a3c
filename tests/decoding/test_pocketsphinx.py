"""PocketSphinx's own English model on speech-like noise: whether lattices come out whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_audio import noise, write_wav

from rescorer.decoding.audio import open_audio
from rescorer.decoding.runs import Run, open_files, write_lattices
from rescorer.decoding.settings import PocketSphinxSettings
from rescorer.errors import InputError
from rescorer.progress import silent
from rescorer.recognition.formats import read_lattices
from rescorer.recognition.formats.parsing import ErrorCollector

pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed: make test-adapters")


def test_lattices_can_be_read(tmp_path: Path) -> None:
    from rescorer.decoding.pocketsphinx import PocketSphinx

    path = write_wav(tmp_path / "a.wav", noise(1))
    collector = ErrorCollector()
    run = Run(open_files([path], collector), tmp_path / "lattices", "", collector)
    write_lattices(run, PocketSphinx(PocketSphinxSettings()).decode, silent)
    [lattice] = read_lattices(run.output)
    assert lattice.utterance == "a" and lattice.arcs > 0


def test_missing_files(tmp_path: Path) -> None:
    from rescorer.decoding.pocketsphinx import PocketSphinx

    with pytest.raises(InputError, match=r"is not there; remedy: check --lm"):
        PocketSphinx(PocketSphinxSettings(lm=tmp_path / "lm.arpa"))
    (tmp_path / "lm.arpa").write_text("no model\n")
    with pytest.raises(InputError, match=r"cannot be set up.*check --hmm, --lm and --dict"):
        PocketSphinx(PocketSphinxSettings(lm=tmp_path / "lm.arpa"))


def test_no_sound(tmp_path: Path) -> None:
    from rescorer.decoding.pocketsphinx import PocketSphinx

    sphinx = PocketSphinx(PocketSphinxSettings())
    audio = open_audio(write_wav(tmp_path / "a.wav", np.zeros(0)))
    assert list(sphinx.decode(audio)) == []
