"""A tiny random Whisper decodes tones; transformers' forced decoding is the truth of its scores."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_audio import tone, write_wav
from tiny_whisper import END, REASON, forced_decoding, make_whisper

from rescorer.decoding.audio import open_audio
from rescorer.decoding.settings import WhisperSettings
from rescorer.errors import InputError

pytest.importorskip("ctranslate2", reason=REASON.format("ctranslate2"))
pytest.importorskip("faster_whisper", reason=REASON.format("faster-whisper"))
pytestmark = pytest.mark.filterwarnings("ignore")

SETTINGS = WhisperSettings(beam_size=5, max_tokens=20, compute_type="float32", threads=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """transformers' model, and the folder of CTranslate2's."""
    folder = tmp_path_factory.mktemp("whisper")
    return make_whisper(folder), folder / "ctranslate2"


def recogniser(folder: Path, settings: WhisperSettings = SETTINGS, speech: Any = None) -> Any:
    """Whisper with a detector of speech that knows what is a tone."""
    from rescorer.decoding.whisper import Whisper

    found = Whisper(folder, settings)
    found._speech = speech or loud
    return found


def loud(samples: np.ndarray) -> list[tuple[int, int]]:
    """From the first to the last sample that is not 0."""
    places = np.flatnonzero(samples)
    return [(int(places[0]), int(places[-1]) + 1)] if len(places) else []


def test_lists_are_sums_over_equal_words(model: tuple[Any, Path], tmp_path: Path) -> None:
    truth, folder = model
    audio = open_audio(write_wav(tmp_path / "a.wav", tone(1)))
    [decoded] = recogniser(folder).decode(audio)
    nbest = decoded.result
    assert (nbest.utterance, decoded.end) == ("a", 1.0)
    scores = [each.scores["first_pass"] for each in nbest.hypotheses]
    assert scores == sorted(scores, reverse=True) and len(scores) > 1
    whisper = recogniser(folder)
    features = torch.from_numpy(
        whisper._features(np.pad(audio.samples(), (0, 29 * 16000)), padding=0)[None]
    ).float()
    short = [each for each in nbest.hypotheses if len("".join(each.words)) <= 2]
    assert short
    for each in short:
        spellings = [ids for ids in every_spelling() if words(whisper, ids) == each.words]
        sums = [
            forced_decoding(truth, features, whisper._prompt, [*ids, END], whisper._suppressed)
            for ids in spellings
        ]
        # The beam holds some of the spellings.
        assert max(sums) - 1e-3 <= each.scores["first_pass"] <= np.logaddexp.reduce(sums) + 1e-3


def every_spelling() -> list[list[int]]:
    return [
        [],
        *[[id] for id in range(5, 21)],
        *[[a, b] for a in range(5, 21) for b in range(5, 21)],
    ]


def words(whisper: Any, ids: list[int]) -> tuple[str, ...]:
    return tuple(whisper._tokenizer.decode(ids).lower().split())


def test_only_letters_are_written(model: tuple[Any, Path], tmp_path: Path) -> None:
    audio = open_audio(write_wav(tmp_path / "a.wav", tone(1)))
    [decoded] = recogniser(model[1]).decode(audio)
    text = " ".join(word for each in decoded.result.hypotheses for word in each.words)
    assert text and not set(text) - set("abcdefghijklmnopqrstuvwxyz '")


def test_long_files_are_cut(model: tuple[Any, Path], tmp_path: Path) -> None:
    samples = np.concatenate([tone(2), np.zeros(29 * 16000), tone(1)])
    audio = open_audio(write_wav(tmp_path / "talk.wav", samples))

    def spans(block: np.ndarray) -> list[tuple[int, int]]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], block != 0, [0]]).astype(int)))
        long = np.split(edges, np.flatnonzero(np.diff(edges) > 16000) + 1)
        return [(int(each[0]), int(each[-1])) for each in long if len(each)]

    found = list(recogniser(model[1], speech=spans).decode(audio))
    assert [each.result.utterance for each in found] == [
        "talk-0000000-0000200",
        "talk-0003100-0003200",
    ]
    assert [each.end for each in found] == pytest.approx([2, 32], abs=0.01)


def test_silence_has_no_list(model: tuple[Any, Path], tmp_path: Path) -> None:
    """The real detector."""
    from rescorer.decoding.whisper import Whisper

    whisper = Whisper(model[1], SETTINGS)
    for name, seconds in (("short", 2), ("long", 40), ("empty", 0)):
        audio = open_audio(write_wav(tmp_path / f"{name}.wav", np.zeros(seconds * 16000)))
        assert list(whisper.decode(audio)) == []


def test_folders_that_are_no_models(model: tuple[Any, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model\.bin.*ct2-transformers-converter"):
        recogniser(tmp_path)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((model[1] / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"cannot be loaded.*ct2-transformers-converter"):
        recogniser(tmp_path)
    (tmp_path / "model.bin").write_bytes((model[1] / "model.bin").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json: no tokenizer"):
        recogniser(tmp_path)


def test_a_token_that_the_model_lacks(model: tuple[Any, Path], tmp_path: Path) -> None:
    shutil.copytree(model[1], tmp_path / "model")
    tokens = tmp_path / "model/tokenizer.json"
    tokens.write_text(tokens.read_text().replace("<|notimestamps|>", "<|other|>"))
    with pytest.raises(InputError, match=r"no token <\|notimestamps\|>.*--language"):
        recogniser(tmp_path / "model")


def test_the_command(model: tuple[Any, Path], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from rescorer.cli.nbest import nbest
    from rescorer.decoding.whisper import Whisper

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Whisper, "_speech", lambda self, samples: loud(samples))
        paths = [str(write_wav(tmp_path / f"{name}.wav", tone(1))) for name in "ab"]
        output = tmp_path / "lists.jsonl"
        result = CliRunner().invoke(
            nbest, ["whisper", *paths, "--model", str(model[1]), "-o", str(output)]
        )
    assert result.exit_code == 0, result.output
    assert "2 files, 2 utterances" in result.stderr
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["id"] for record in records] == ["a", "b"]
    assert all(math.isfinite(each["score"]) for each in records[0]["nbest"])
