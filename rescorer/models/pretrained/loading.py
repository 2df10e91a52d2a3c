"""Loads a folder of Hugging Face transformers as a SubwordScorer.

Nothing is downloaded, no code of the folder is run, and weights are read from safetensors alone.

Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from rescorer.errors import InputError, lacks_memory
from rescorer.extras import Foreign, import_extra
from rescorer.models.loading import usable_device
from rescorer.models.pretrained.scorer import SubwordScorer
from rescorer.models.pretrained.settings import PretrainedSettings

_EXPECTED = "a causal language model of Hugging Face transformers"
_REMEDY = "give the folder that `save_pretrained` of such a model and of its tokenizer wrote"
_OPTIONS = {"local_files_only": True, "trust_remote_code": False}


def load_pretrained(
    folder: Path, settings: PretrainedSettings, device: str | torch.device = "cpu"
) -> SubwordScorer:
    """The model of a folder.

    Raises:
        InputError: transformers is not installed, or the folder holds no such model, no tokenizer,
            or one without an end-of-text token.
    """
    transformers = import_extra("transformers", "transformers")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    device = usable_device(device)
    _check_files(folder)
    network = _network(transformers, folder).to(device)
    _check_causal(network, folder)
    tokenizer = _loaded(
        lambda: transformers.AutoTokenizer.from_pretrained(folder, **_OPTIONS), "tokenizer", folder
    )
    end = _end_of_text(tokenizer, network, folder)
    first = end if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    prompt = f"{settings.hf_prompt}\n" if settings.hf_prompt else ""
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"] if prompt else []
    context = getattr(network.config, "max_position_embeddings", None)
    return SubwordScorer(
        network, tokenizer, settings, (first, *prompt_ids), end, context, torch.device(device)
    )


def _check_files(folder: Path) -> None:
    """Raises InputError for a folder that lacks what a model consists of."""
    if not folder.is_dir():
        raise InputError("no such folder", expected=_EXPECTED, remedy=_REMEDY, file=folder)
    if not (folder / "config.json").is_file():
        raise InputError("no config.json in it", expected=_EXPECTED, remedy=_REMEDY, file=folder)
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            "no .safetensors in it",
            expected="weights as safetensors, because other files may hold code",
            remedy="write the model again with `save_pretrained`",
            file=folder,
        )


def _network(transformers: Foreign, folder: Path) -> Foreign:
    """The network with float32 parameters, all of them from the folder."""
    network, info = _loaded(
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, **_OPTIONS
        ),
        "causal language model",
        folder,
    )
    if missing := sorted(info["missing_keys"]):
        raise InputError(
            f"{len(missing)} parameters of a causal language model are not in it, the first is "
            f"{missing[0]}",
            expected=_EXPECTED,
            remedy=_REMEDY,
            file=folder,
        )
    return network.float().eval()


def _loaded(load: Callable[[], Foreign], what: str, folder: Path) -> Foreign:
    """What `load` gives. transformers raises errors of many kinds for a folder that is damaged."""
    try:
        return load()
    except Exception as error:
        if lacks_memory(error):
            raise InputError(
                "not enough memory for this model", remedy="take a smaller one", file=folder
            ) from None
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"no {what} can be read from it: {cause}",
            expected=_EXPECTED,
            remedy=_REMEDY,
            file=folder,
        ) from None


@torch.no_grad()
def _check_causal(network: Foreign, folder: Path) -> None:
    """Raises InputError if scores depend on later tokens, as those of a masked language model."""
    ids = torch.tensor([[0, 1, 0, 1], [0, 1, 0, 2]], device=network.device)
    before = network(input_ids=ids, use_cache=False).logits[:, :3].float()  # [2, 3, V]
    if not torch.allclose(before[0], before[1], rtol=1e-4, atol=1e-4 * float(before.abs().max())):
        kind = (network.config.architectures or [type(network).__name__])[0]
        raise InputError(
            f"a {kind}, in which the score of a word depends on the words after it",
            expected=_EXPECTED,
            remedy="give a causal model, such as GPT-2 or Llama, not a masked one, such as BERT",
            file=folder,
        )


def _end_of_text(tokenizer: Foreign, network: Foreign, folder: Path) -> int:
    """The id of the end-of-text token. Raises InputError if the tokenizer does not fit."""
    rows = network.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise InputError(
            f"a tokenizer of {len(tokenizer)} tokens, and a model of {rows}",
            expected="the tokenizer of the model",
            remedy=_REMEDY,
            file=folder,
        )
    if tokenizer.eos_token_id is None:
        raise InputError(
            "its tokenizer has no end-of-text token",
            expected="an eos_token, before and after which sentences stand",
            remedy="set tokenizer.eos_token and write the tokenizer again",
            file=folder,
        )
    return int(tokenizer.eos_token_id)
