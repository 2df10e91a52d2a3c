"""Folders that are no causal language model: one line with cause and remedy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_pretrained import MISSING, make_network, make_tokenizer, save_pretrained

from rescorer.errors import InputError
from rescorer.models.pretrained.loading import load_pretrained
from rescorer.models.pretrained.settings import PretrainedSettings


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        load_pretrained(folder, PretrainedSettings())
    message = str(error.value)
    assert message.count("\n") == 0 and "remedy: " in message
    return message


def test_without_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'lightrnn-rescorer[transformers]'" in refusal(tmp_path)


class TestWithTransformers:
    @pytest.fixture(autouse=True)
    def needs_transformers(self) -> None:
        pytest.importorskip("transformers", reason=MISSING)

    pytestmark = pytest.mark.filterwarnings("ignore")

    def test_no_folder(self, tmp_path: Path) -> None:
        assert f"{tmp_path / 'none'}: no such folder" in refusal(tmp_path / "none")

    def test_another_folder(self, tmp_path: Path) -> None:
        (tmp_path / "lightrnn.pt").touch()
        assert "no config.json in it" in refusal(tmp_path)

    def test_pickled_weights(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").unlink()
        torch.save(make_network().state_dict(), tmp_path / "pytorch_model.bin")
        assert "no .safetensors in it" in refusal(tmp_path)

    def test_a_masked_model(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path, make_network("Bert"))
        message = refusal(tmp_path)
        assert "BertForMaskedLM" in message and "a causal model, such as GPT-2" in message

    def test_no_language_model(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
        assert "no causal language model can be read from it" in refusal(tmp_path)

    def test_a_model_without_its_last_layer(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path, make_network().model)  # not tied: its head is elsewhere
        assert "not in it, the first is lm_head.weight" in refusal(tmp_path)

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
    def test_a_damaged_file(self, tmp_path: Path, name: str) -> None:
        file = save_pretrained(tmp_path) / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert str(tmp_path) in refusal(tmp_path)

    def test_no_tokenizer(self, tmp_path: Path) -> None:
        for file in save_pretrained(tmp_path).glob("tokenizer*"):
            file.unlink()
        assert "no tokenizer can be read from it" in refusal(tmp_path)

    def test_a_tokenizer_without_an_end_of_text(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path, tokenizer=make_tokenizer(end=None))
        assert "no end-of-text token" in refusal(tmp_path)

    def test_the_tokenizer_of_another_model(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path, make_network(vocab_size=200))
        assert "tokens, and a model of 200" in refusal(tmp_path)

    def test_no_memory_for_the_model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import transformers

        def fail(*_: Any, **__: Any) -> None:
            raise MemoryError

        save_pretrained(tmp_path)
        monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fail)
        assert "not enough memory for this model" in refusal(tmp_path)

    def test_code_of_the_folder_is_not_run(self, tmp_path: Path) -> None:
        save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        config |= {"model_type": "own", "auto_map": {"AutoModelForCausalLM": "code.Own"}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'was run')!r}, 'w')")
        refusal(tmp_path)
        assert not (tmp_path / "was run").exists()
