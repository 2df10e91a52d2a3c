"""A run of a recogniser over audio files, which goes on where it was cut.

What a file gave lies in a folder of its own beside the output until the run is complete. A file of
which such a folder exists is not decoded again, unless it, the model or the settings changed.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from rescorer.decoding.audio import Audio, open_audio
from rescorer.errors import InputError
from rescorer.files import sole_use, whole_path
from rescorer.progress import Progress
from rescorer.recognition.formats import open_nbest, write_nbest
from rescorer.recognition.formats.parsing import ErrorCollector, Place, check_id
from rescorer.recognition.nbest import NBest

T = TypeVar("T")

_STAGE = "audio decoded"
_LISTS = "lists.jsonl"
_LATTICES = "*.slf.gz"


class Decoded(NamedTuple, Generic[T]):
    """What one utterance of a file gave, and where in the file it ends, in seconds."""

    end: float
    result: T


@dataclass
class Throughput:
    """What was decoded, and what it took; without files of an earlier run."""

    files: int = 0
    utterances: int = 0
    audio: float = 0.0  # seconds
    core: float = 0.0  # seconds of all processor cores
    wall: float = 0.0  # seconds

    @contextmanager
    def measured(self, audio: Audio) -> Iterator[None]:
        """Count a file, and the time within."""
        core, wall = time.process_time(), time.monotonic()
        yield
        self.core += time.process_time() - core
        self.wall += time.monotonic() - wall
        self.audio += audio.seconds
        self.files += 1

    def line(self) -> str:
        """In words."""
        if not self.files:
            return "all files were decoded by an earlier run"
        return (
            f"{self.files} files, {self.utterances} utterances, {self.audio / 3600:.2f} h of "
            f"audio; {self.audio / max(self.core, 1e-9):.1f} h of audio a core-hour, "
            f"{self.audio / max(self.wall, 1e-9):.1f} an hour"
        )


@dataclass
class Run:
    """Files, where their results go, and what a user should know.

    Attributes:
        output: a file of lists or a folder of lattices; it appears when all files are decoded.
        identity: of the model and the settings.
    """

    files: Sequence[Audio]
    output: Path
    identity: str
    collector: ErrorCollector
    throughput: Throughput = field(default_factory=Throughput)
    silent: list[Path] = field(default_factory=list)

    @property
    def work(self) -> Path:
        """The folder of what is done so far."""
        return self.output.with_name(f"{self.output.name}.work")

    def part(self, audio: Audio) -> Path:
        """The folder of what a file gave."""
        status = audio.path.stat()
        key = (str(audio.path.resolve()), status.st_size, status.st_mtime_ns, self.identity)
        return self.work / hashlib.sha256(repr(key).encode()).hexdigest()[:32]


def identity_of(settings: object, *models: Path | None) -> str:
    """What a run has in common with one that it may go on with: the settings, and the files of the
    models, or of their folders.
    """
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for model in models
        if model is not None
        for path in sorted([model, *model.rglob("*")])
        if path.is_file()
    ]
    return repr((settings, files))


def open_files(paths: Iterable[Path], collector: ErrorCollector) -> list[Audio]:
    """Look at the beginnings of files, before any is decoded.

    Raises:
        InputError: a file is no audio, two of them have one name, a name cannot be an id, or there
            is no file that can be read.
    """
    files: dict[str, Audio] = {}
    for path in paths:
        try:
            audio = open_audio(path)
        except InputError as error:
            collector.add(error)
            continue
        check_id(audio.utterance, Place(path), "the name")
        if audio.utterance in files:
            raise InputError(
                f"has the name of {files[audio.utterance].path}",
                expected="names that differ: they are the ids of the utterances",
                remedy="rename one of them",
                file=path,
            )
        files[audio.utterance] = audio
    if not files:
        raise InputError("no file can be read", remedy="give audio files")
    return list(files.values())


def write_lists(
    run: Run, decode: Callable[[Audio], Iterator[Decoded[NBest]]], progress: Progress
) -> None:
    """Decode all files to n-best lists, and write them to one file of JSON lines.

    Raises:
        InputError: nobody speaks in any file, another process is at work, or nothing can be
            written.
    """

    def save(folder: Path, results: Iterator[NBest]) -> None:
        if (first := next(results, None)) is not None:
            write_nbest(folder / _LISTS, chain([first], results), "jsonl")

    with sole_use(run.work):
        parts = list(_decode_all(run, decode, save, progress))
        files = [part / _LISTS for part in parts if (part / _LISTS).exists()]
        _check_any(run, files)
        lists = (nbest for file in files for nbest in open_nbest(file, "jsonl"))
        write_nbest(run.output, lists, "jsonl")
        shutil.rmtree(run.work)


class LatticeFile(NamedTuple):
    """A packed HTK lattice of an utterance."""

    utterance: str
    content: bytes


def write_lattices(
    run: Run, decode: Callable[[Audio], Iterator[Decoded[LatticeFile]]], progress: Progress
) -> None:
    """Decode all files to HTK lattices, and write them to one folder.

    Raises:
        InputError: as `write_lists`.
    """

    def save(folder: Path, results: Iterator[LatticeFile]) -> None:
        for lattice in results:
            (folder / _LATTICES.replace("*", lattice.utterance)).write_bytes(lattice.content)

    with sole_use(run.work):
        parts = list(_decode_all(run, decode, save, progress))
        lattices = [path for part in parts for path in sorted(part.glob(_LATTICES))]
        _check_any(run, lattices)
        with whole_path(run.output) as folder:
            folder.mkdir()
            for path in lattices:
                shutil.copyfile(path, folder / path.name)
        shutil.rmtree(run.work)


def _decode_all(
    run: Run,
    decode: Callable[[Audio], Iterator[Decoded[T]]],
    save: Callable[[Path, Iterator[T]], None],
    progress: Progress,
) -> Iterator[Path]:
    """The folders of what the files gave, in order; they are made where they are not there yet."""
    total, done = max(1, int(sum(audio.seconds for audio in run.files))), 0.0
    for audio in run.files:
        part = run.part(audio)
        try:
            if not part.exists():
                with whole_path(part) as folder, run.throughput.measured(audio):
                    folder.mkdir()
                    save(folder, _results(run, decode(audio), progress, done, total))
        except InputError as error:
            run.collector.add(error)
            continue
        done += audio.seconds
        progress(_STAGE, min(int(done), total), total)
        if not any(part.iterdir()):
            run.silent.append(audio.path)
        yield part


def _results(
    run: Run, decoded: Iterator[Decoded[T]], progress: Progress, done: float, total: int
) -> Iterator[T]:
    """The results of a file as they come; done: seconds of audio before it, of the total."""
    for end, result in decoded:
        run.throughput.utterances += 1
        progress(_STAGE, min(int(done + end), total), total)
        yield result


def _check_any(run: Run, results: Sequence[object]) -> None:
    if not results:
        shutil.rmtree(run.work)
        raise InputError(
            f"no speech in {len(run.files)} files",
            expected="speech",
            remedy="listen to them",
            file=run.files[0].path,
        )
