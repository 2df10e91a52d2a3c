"""Tiny random models of Hugging Face transformers with a byte-level tokenizer, made in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

MISSING = "transformers is not installed: make test-adapters"
END = "<|endoftext|>"
TEXT = ("the cat sat on the mat", "a dog ran on the log", "The cat sat. A dog ran.")
CONTEXT = 48  # tokens


def make_tokenizer(end: str | None = END) -> Any:
    """A byte-level BPE of TEXT, which can write every string."""
    tokenizers = pytest.importorskip("tokenizers", reason=MISSING)
    transformers = pytest.importorskip("transformers", reason=MISSING)
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=[END],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXT, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token=end)


def make_network(kind: str = "Llama", seed: int = 0, **config: object) -> Any:
    """A network with random parameters, large enough that its scores differ."""
    transformers = pytest.importorskip("transformers", reason=MISSING)
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": 280,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.5,
        "bos_token_id": None,
        "eos_token_id": 0,
    }
    head = "ForMaskedLM" if kind == "Bert" else "ForCausalLM"
    settings = getattr(transformers, f"{kind}Config")(**{**sizes, **config})
    return getattr(transformers, f"{kind}{head}")(settings).eval()


def save_pretrained(folder: Path, network: Any = None, tokenizer: Any = None) -> Path:
    """A folder as `save_pretrained` writes it."""
    (network or make_network()).save_pretrained(folder)
    (tokenizer or make_tokenizer()).save_pretrained(folder)
    return folder
