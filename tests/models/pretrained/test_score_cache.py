from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.models.pretrained.score_cache import ScoreCache, model_digest
from rescorer.models.pretrained.settings import PretrainedSettings

A, B = ("the", "cat"), ()


@pytest.mark.parametrize("place", ["file", "memory"])
def test_scores_are_found_again(tmp_path: Path, place: str) -> None:
    cache = ScoreCache(tmp_path / "scores" if place == "file" else None, "one")
    assert cache.known([A, B]) == {}
    cache.add([(A, -1.5), (B, -0.25)])
    assert cache.known([A, ("a",), B]) == {A: -1.5, B: -0.25}


def test_a_file_holds_the_scores_of_several_models(tmp_path: Path) -> None:
    for model, score in (("one", -1.0), ("two", -2.0)):
        ScoreCache(tmp_path / "scores", model).add([(A, score)])
    assert ScoreCache(tmp_path / "scores", "one").known([A]) == {A: -1.0}
    assert ScoreCache(tmp_path / "scores", "three").known([A]) == {}


@pytest.mark.parametrize("damage", ["text", "folder", "cut"])
def test_a_file_that_is_no_cache(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "scores"
    if damage == "folder":
        path.mkdir()
    elif damage == "text":
        path.write_text("the cat sat on the mat\n" * 100)
    else:
        ScoreCache(path, "one").add([((str(number),), -1.0) for number in range(2000)])
        path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match=r"cannot be used as a cache of scores.*remedy"):
        ScoreCache(path, "one").known([(str(number),) for number in range(2000)])


def test_digests_tell_models_and_settings_apart(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = model_digest(tmp_path, PretrainedSettings())
    assert model_digest(tmp_path, PretrainedSettings(hf_batch_tokens=1)) == first
    assert model_digest(tmp_path, PretrainedSettings(hf_case="lower")) != first
    assert model_digest(tmp_path, PretrainedSettings(hf_prompt="x")) != first
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert model_digest(tmp_path, PretrainedSettings()) != first
