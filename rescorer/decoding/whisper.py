"""Whisper in CTranslate2, restricted to words, with a wide beam.

Scores are log-probabilities of all tokens and of the end, sums and not means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rescorer.adapters import from_ctranslate2
from rescorer.decoding.audio import SAMPLE_RATE, Audio
from rescorer.decoding.hypotheses import merge_equal
from rescorer.decoding.runs import Decoded
from rescorer.decoding.settings import WhisperSettings
from rescorer.decoding.speech import Segment, segment_id, segments
from rescorer.errors import InputError
from rescorer.extras import Foreign, import_extra
from rescorer.recognition.nbest import NBest

_EXTRA = "whisper"
_WINDOW = 30  # seconds that Whisper hears at a time; shorter speech is padded with silence
_LONGEST = 29.0  # seconds of a stretch of speech, before the voice detector widens it
_PADDING = 0.2  # seconds by which it widens a stretch on either side
_FILES = ("model.bin", "config.json", "tokenizer.json")


class Whisper:
    """A Whisper model and its search."""

    def __init__(self, model: Path, settings: WhisperSettings) -> None:
        """
        Raises:
            InputError: the extra `whisper` is not installed, the folder holds no such model, or the
                model does not know the language.
        """
        self._library = import_extra("ctranslate2", _EXTRA)
        self._voice = import_extra("faster_whisper.vad", _EXTRA)
        extractor = import_extra("faster_whisper.feature_extractor", _EXTRA).FeatureExtractor
        self.settings = settings
        _check_folder(model)
        self._model = self._load(model)
        self._tokenizer = _load_tokenizer(model)
        self._features = extractor(
            feature_size=self._model.n_mels, sampling_rate=SAMPLE_RATE, chunk_length=_WINDOW
        )
        self._prompt = self._find_prompt(model)
        self._suppressed = _unspeakable(self._tokenizer, settings.letters)

    def decode(self, audio: Audio) -> Iterator[Decoded[NBest]]:
        """A list of each utterance: of the whole file, or of stretches of speech of a long one."""
        for name, segment in self._utterances(audio):
            yield Decoded(segment.end, self._list(name, segment.samples))

    def _utterances(self, audio: Audio) -> Iterator[tuple[str, Segment]]:
        if 0 < audio.seconds <= _WINDOW:
            samples = audio.samples()[: _WINDOW * SAMPLE_RATE]
            if self._speech(samples):  # in silence, Whisper makes words up
                yield audio.utterance, Segment(0.0, samples)
            return
        for segment in segments(audio.blocks(), self._speech):
            yield segment_id(audio.utterance, segment.begin, segment.end), segment

    def _speech(self, samples: np.ndarray) -> list[tuple[int, int]]:
        if not len(samples):
            return []
        options = self._voice.VadOptions(
            max_speech_duration_s=_LONGEST,
            min_silence_duration_ms=round(1000 * self.settings.pause),
            speech_pad_ms=round(1000 * _PADDING),
        )
        found = self._voice.get_speech_timestamps(samples, options)
        return [(span["start"], span["end"]) for span in found]

    def _list(self, utterance: str, samples: np.ndarray) -> NBest:
        """The list of at most a window of samples."""
        silence = _WINDOW * SAMPLE_RATE - len(samples)
        mel = self._features(np.pad(samples, (0, silence)), padding=0)[np.newaxis]
        results = self._model.generate(
            self._library.StorageView.from_array(np.ascontiguousarray(mel, np.float32)),
            [self._prompt],
            beam_size=self.settings.beam_size,
            num_hypotheses=self.settings.beam_size,
            length_penalty=0,  # scores are sums
            max_length=self.settings.max_tokens,
            suppress_tokens=self._suppressed,
            return_scores=True,
        )
        [nbest] = from_ctranslate2([utterance], results, self._tokenizer.decode, length_penalty=0)
        return merge_equal(nbest, self.settings.letters)

    def _load(self, folder: Path) -> Foreign:
        device, compute_type = self.settings.device, self.settings.compute_type
        if device == "auto":
            device = "cuda" if self._library.get_cuda_device_count() else "cpu"
        if compute_type == "auto":
            compute_type = "float16" if device == "cuda" else "int8"
        try:
            return self._library.models.Whisper(
                str(folder),
                device=device,
                compute_type=compute_type,
                intra_threads=self.settings.threads,
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"the model cannot be loaded: {error}",
                expected="a Whisper model in CTranslate2 form",
                remedy=f"make it with {_conversion(folder)}, or choose another --device or "
                "--compute-type",
                file=folder,
            ) from None

    def _find_prompt(self, folder: Path) -> list[int]:
        language = (f"<|{self.settings.language}|>", "<|transcribe|>")
        prompt = (
            "<|startoftranscript|>",
            *(language if self._model.is_multilingual else ()),
            "<|notimestamps|>",
        )
        ids = [self._tokenizer.token_to_id(token) for token in prompt]
        if None in ids:
            raise InputError(
                f"the model has no token {prompt[ids.index(None)]}",
                expected="tokens of Whisper and a --language that it knows, such as en",
                remedy="give another --language or --model",
                file=folder,
            )
        return ids


def _check_folder(folder: Path) -> None:
    for name in _FILES:
        if not (folder / name).is_file():
            raise InputError(
                f"no {name}",
                expected=f"the folder of a Whisper model in CTranslate2 form: {', '.join(_FILES)}",
                remedy=f"make it with {_conversion(folder)}",
                file=folder,
            )


def _conversion(folder: Path) -> str:
    return (
        "ct2-transformers-converter --model openai/whisper-small --copy_files tokenizer.json "
        f"--output_dir {folder.name}"
    )


def _load_tokenizer(folder: Path) -> Foreign:
    path = folder / "tokenizer.json"
    try:
        return import_extra("tokenizers", _EXTRA).Tokenizer.from_file(str(path))
    except InputError:
        raise
    except Exception as error:  # tokenizers raises nothing narrower
        raise InputError(
            f"no tokenizer: {error}",
            expected="tokenizer.json of the model",
            remedy="copy it from the model again",
            file=path,
        ) from None


def _unspeakable(tokenizer: Foreign, letters: str) -> list[int]:
    """The ids of all tokens but the end of the text, words, pieces of words and clitics like 's."""
    end = tokenizer.token_to_id("<|endoftext|>")
    speakable = re.compile(f" ?'?[{letters}]+")
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    return [
        id for id in range(size) if id != end and not speakable.fullmatch(tokenizer.decode([id]))
    ]
