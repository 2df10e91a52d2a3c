"""Runs with a recogniser that writes down what it heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import nbest
from tiny_audio import tone, write_wav

from rescorer.decoding.audio import Audio
from rescorer.decoding.runs import (
    Decoded,
    LatticeFile,
    Run,
    identity_of,
    open_files,
    write_lattices,
    write_lists,
)
from rescorer.errors import InputError
from rescorer.progress import silent
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import NBest


class Recogniser:
    """Two utterances for each second of a file; the files that it was given."""

    def __init__(self, fails_at: str = "") -> None:
        self.heard: list[str] = []
        self._fails_at = fails_at

    def lists(self, audio: Audio) -> Iterator[Decoded[NBest]]:
        self.heard.append(audio.utterance)
        for number in range(2 * int(audio.seconds)):
            if audio.utterance == self._fails_at and number == 1:
                raise InputError("no audio", file=audio.path)
            yield Decoded(number / 2, nbest(f"{audio.utterance}-{number}", ("a", -1.0)))

    def lattices(self, audio: Audio) -> Iterator[Decoded[LatticeFile]]:
        for end, each in self.lists(audio):
            yield Decoded(end, LatticeFile(each.utterance, each.utterance.encode()))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run over files of 1, 0, 2 and 1 seconds."""
    paths = [
        write_wav(tmp_path / f"{name}.wav", tone(seconds))
        for name, seconds in (("a", 1), ("b", 0), ("c", 2), ("d", 1))
    ]
    collector = ErrorCollector()
    return Run(open_files(paths, collector), tmp_path / "out", "model", collector)


def ids(run: Run) -> list[str]:
    return [each.utterance for each in read_nbest(run.output).lists]


EXPECTED = ["a-0", "a-1", "c-0", "c-1", "c-2", "c-3", "d-0", "d-1"]


def test_lists(run: Run) -> None:
    shown: list[tuple[int, int]] = []
    write_lists(run, Recogniser().lists, lambda _, done, total: shown.append((done, total)))
    assert ids(run) == EXPECTED
    assert [path.name for path in run.silent] == ["b.wav"]
    assert not run.work.exists()
    assert shown == sorted(shown) and shown[-1] == (4, 4)
    line = run.throughput.line()
    assert line.startswith("4 files, 8 utterances, 0.00 h of audio; ") and "core-hour" in line


def test_a_run_that_was_cut_goes_on(run: Run) -> None:
    first = Recogniser(fails_at="c")
    with pytest.raises(InputError, match=r"c\.wav: no audio"):
        write_lists(run, first.lists, silent)
    assert first.heard == ["a", "b", "c"] and not run.output.exists()
    second = Recogniser()
    again = Run(run.files, run.output, run.identity, run.collector)
    write_lists(again, second.lists, silent)
    assert second.heard == ["c", "d"] and ids(run) == EXPECTED
    assert again.throughput.files == 2


def test_changes_are_decoded_again(run: Run) -> None:
    with pytest.raises(InputError):
        write_lists(run, Recogniser(fails_at="d").lists, silent)
    write_wav(run.files[0].path, tone(3))
    changed = [replace(run.files[0], seconds=3.0), *run.files[1:]]
    third = Recogniser()
    write_lists(Run(changed, run.output, "model", run.collector), third.lists, silent)
    assert third.heard == ["a", "d"]
    with pytest.raises(InputError):
        write_lists(run, Recogniser(fails_at="d").lists, silent)
    other = Recogniser()
    write_lists(Run(run.files, run.output, "other model", run.collector), other.lists, silent)
    assert other.heard == ["a", "b", "c", "d"]


def test_skipped_files(run: Run) -> None:
    skipping = replace(run, collector=ErrorCollector(skip=True))
    write_lists(skipping, Recogniser(fails_at="c").lists, silent)
    assert ids(run) == ["a-0", "a-1", "d-0", "d-1"]
    assert [str(error) for error in skipping.collector.errors] == [f"{run.files[2].path}: no audio"]


def test_no_speech(run: Run) -> None:
    with pytest.raises(InputError, match=r"no speech in 1 files"):
        write_lists(replace(run, files=run.files[1:2]), Recogniser().lists, silent)
    assert not run.work.exists() and not run.output.exists()


def test_lattices(run: Run) -> None:
    write_lattices(run, Recogniser().lattices, silent)
    assert sorted(path.name for path in run.output.iterdir()) == [
        f"{each}.slf.gz" for each in EXPECTED
    ]
    assert (run.output / "a-1.slf.gz").read_bytes() == b"a-1" and not run.work.exists()


def test_files_of_one_name(tmp_path: Path) -> None:
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(write_wav(tmp_path / folder / "a.wav", np.zeros(5)))
    with pytest.raises(InputError, match=r"y/a\.wav: has the name of .*x/a\.wav.*rename"):
        open_files(paths, ErrorCollector())


def test_names_that_are_no_ids(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "my talk.wav", np.zeros(5))
    with pytest.raises(InputError, match=r"the name 'my talk'.*rename"):
        open_files([path], ErrorCollector())


def test_no_file_can_be_read(tmp_path: Path) -> None:
    collector = ErrorCollector(skip=True)
    with pytest.raises(InputError, match=r"no file can be read"):
        open_files([tmp_path / "a.wav"], collector)
    assert len(collector.errors) == 1


def test_an_identity_changes_with_settings_and_models(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"one")
    first = identity_of("settings", tmp_path)
    assert identity_of("settings", tmp_path, None) == first
    assert identity_of("other settings", tmp_path) != first
    (tmp_path / "model.bin").write_bytes(b"other")
    assert identity_of("settings", tmp_path) != first
    assert identity_of("settings", tmp_path / "model.bin") != identity_of("settings")
