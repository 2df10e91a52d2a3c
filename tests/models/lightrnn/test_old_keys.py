"""Model files of version 1, which have other keys, load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_model
from tiny_training import make_trainer

from rescorer.models.lightrnn import LightRNN
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.models.word_table import WordTable

OLD_SETTINGS = {
    "hidden_dim": "width",
    "num_layers": "layers",
    "residual_dim": "own_width",
    "residual_columns": "own_columns",
    "residual_row_score": "own_rows",
    "two_step": "half_steps",
    "sampled_softmax_size": "row_samples",
}
OLD_PARAMETERS = {
    "residual_in": "own_in",
    "residual_out": "own_out",
    "residual_in_proj.weight": "own_up.weight",
    "residual_out_proj.weight": "own_key.weight",
    "residual_row_proj.weight": "own_row_key.weight",
    "head_word_log_odds": "first_odds",
}
SENTENCE = ["the", "cat", "sat", "strange"]


def old_content(model: LightRNN) -> dict[str, Any]:
    """The content of a file of version 1 that holds this model."""
    content = model.as_dict()
    content["version"] = 1
    content["settings"] = {OLD_SETTINGS.get(k, k): v for k, v in content["settings"].items()}
    parameters = content["parameters"]
    content["parameters"] = {OLD_PARAMETERS.get(k, k): v for k, v in parameters.items()}
    if "added_words" in content:
        content["given"] = content.pop("added_words")
    return content


@pytest.mark.parametrize("settings", [{}, {"two_step": True, "residual_dim": 0}, {"tied": False}])
def test_a_file_of_version_1_holds_the_same_model(settings: dict[str, Any]) -> None:
    model = make_model(**settings)
    model.added_words = frozenset({"dog"})
    loaded = LightRNN.from_dict(old_content(model))
    assert loaded.settings == model.settings
    assert loaded.added_words == {"dog"}
    assert loaded.logprob(SENTENCE) == model.logprob(SENTENCE)


def test_a_file_that_lacks_settings_is_one_of_the_first() -> None:
    """The first files lack settings; their networks are two-step without residual embeddings."""
    model = make_model(two_step=True, residual_dim=0, residual_row_score=False)
    content = old_content(model)
    for name in ("half_steps", "own_width", "own_columns", "own_rows"):
        del content["settings"][name]
    loaded = LightRNN.from_dict(content)
    assert loaded.settings == model.settings
    assert loaded.logprob(SENTENCE) == model.logprob(SENTENCE)


def test_a_file_without_the_residual_row_score_has_none() -> None:
    model = make_model(residual_row_score=False)
    content = old_content(model)
    del content["settings"]["own_rows"]
    loaded = LightRNN.from_dict(content)
    assert loaded.settings == model.settings
    hidden = torch.randn(3, 6)
    with torch.no_grad():
        assert torch.equal(loaded.row_scores(hidden), loaded.row_out(hidden))


def test_columns_gated_by_rows_are_refused() -> None:
    content = old_content(make_model())
    content["settings"]["gated"] = False
    assert LightRNN.from_dict(content).settings == make_model().settings
    content["settings"]["gated"] = True
    with pytest.raises(ValueError, match="gated"):
        LightRNN.from_dict(content)


def test_a_file_on_disk(tmp_path: Any) -> None:
    model = make_model(table=WordTable.shaped(11, 4, 3))
    write_torch(old_content(model), tmp_path / "old.pt")
    assert read_torch(tmp_path / "old.pt")["version"] == 1
    loaded = LightRNN.load(tmp_path / "old.pt")
    loaded.save(tmp_path / "new.pt")
    assert read_torch(tmp_path / "new.pt")["version"] == 2
    assert LightRNN.load(tmp_path / "new.pt").logprob(SENTENCE) == model.logprob(SENTENCE)


def test_a_checkpoint_of_version_1_is_resumed(sentences: Path) -> None:
    """A run under the old keys goes on to the same parameters."""
    folder = sentences.parent
    make_trainer(folder).run()
    path = folder / "work" / "checkpoint.pt"
    content = read_torch(path)
    content["model"] = old_content(LightRNN.from_dict(content["model"]))
    content["settings"] = old_training(content["settings"])
    content["settings"]["reallocation"] = old_training(content["settings"]["reallocation"])
    content["log"] = [old_training(row) for row in content["log"]]
    write_torch(content, path)
    trainer = make_trainer(folder)
    best = trainer.run()
    assert best == content["best"] and trainer.step == content["step"] == trainer.steps
    parameters = content["model"]["parameters"]
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, parameters[OLD_PARAMETERS.get(name, name)])


def old_training(values: Mapping[str, Any]) -> dict[str, Any]:
    old = {"batch_size": "streams", "bptt": "unroll", "lr": "learning_rate"}
    return {old.get(name, name): value for name, value in values.items()}
