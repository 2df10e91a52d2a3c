"""PocketSphinx: the lattice of each utterance, in HTK's format."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rescorer.decoding.audio import SAMPLE_RATE, Audio, as_pcm
from rescorer.decoding.runs import Decoded, LatticeFile
from rescorer.decoding.settings import PocketSphinxSettings
from rescorer.decoding.speech import segment_id
from rescorer.errors import InputError
from rescorer.extras import import_extra

_WHOLE = 30.0  # seconds: longer files are cut where speech pauses


class PocketSphinx:
    """PocketSphinx with its own beams."""

    def __init__(self, settings: PocketSphinxSettings) -> None:
        """
        Raises:
            InputError: the extra `pocketsphinx` is not installed, or a file cannot be used.
        """
        self._library = import_extra("pocketsphinx", "pocketsphinx")
        path_of = self._library.get_model_path
        files = {
            "hmm": settings.hmm or Path(path_of("en-us/en-us")),
            "lm": settings.lm or Path(path_of("en-us/en-us.lm.bin")),
            "dict": settings.dict or Path(path_of("en-us/cmudict-en-us.dict")),
        }
        for name, path in files.items():
            if not path.exists():
                raise InputError("is not there", remedy=f"check --{name}", file=path)
        try:
            self._decoder = self._library.Decoder(
                **{name: str(path) for name, path in files.items()}, loglevel="FATAL"
            )
        except RuntimeError as error:
            raise InputError(
                f"PocketSphinx cannot be set up: {error}",
                expected=f"files that fit: {', '.join(map(str, files.values()))}",
                remedy="check --hmm, --lm and --dict",
            ) from None

    def decode(self, audio: Audio) -> Iterator[Decoded[LatticeFile]]:
        """A lattice of each utterance: of the whole file, or of stretches of speech of a long
        one; none where nothing was recognised.
        """
        if 0 < audio.seconds <= _WHOLE:
            yield from self._lattices(audio.utterance, as_pcm(audio.samples()), audio.seconds)
            return
        stream = _Stream(audio)
        for speech in self._library.Segmenter(sample_rate=SAMPLE_RATE).segment(stream):
            name = segment_id(audio.utterance, speech.start_time, speech.end_time)
            yield from self._lattices(name, speech.pcm, speech.end_time)

    def _lattices(self, utterance: str, pcm: bytes, end: float) -> Iterator[Decoded[LatticeFile]]:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        lattice = self._decoder.get_lattice() if self._decoder.hyp() else None
        if lattice is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lattice.slf"
            lattice.write_htk(str(path))
            content = gzip.compress(path.read_bytes(), mtime=0)
        yield Decoded(end, LatticeFile(utterance, content))


class _Stream(io.RawIOBase):
    """Audio as 16-bit integers, a block at a time."""

    def __init__(self, audio: Audio) -> None:
        self._blocks, self._held = audio.blocks(), b""

    def read(self, size: int = -1) -> bytes:
        while len(self._held) < size and (block := next(self._blocks, None)) is not None:
            self._held += as_pcm(block)
        taken, self._held = self._held[:size], self._held[size:]
        return taken
