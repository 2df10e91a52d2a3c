"""What the commands share: paths, the options of the models, and what loads these."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from rescorer.command import InputPath, OutputPath, say
from rescorer.errors import InputError

if TYPE_CHECKING:
    from rescorer.models.language_model import LanguageModel
    from rescorer.models.pretrained.model import PretrainedModel
    from rescorer.models.pretrained.settings import PretrainedSettings


class _Named(Protocol):
    name: str


READ = InputPath()
FILE = InputPath(pipe=False)  # a model, or what several processes read
WRITE = OutputPath()
FOLDER = click.Path(
    path_type=Path
)  # of a training, which reads some of its files and writes others

lm_option = click.option(
    "--lm",
    type=FILE,
    multiple=True,
    help="A lightrnn.pt or a KenLM file; may be repeated. Without --lm and --ngram: the English "
    "model of the package.",
)
ngram_option = click.option(
    "--ngram", type=FILE, help="A KenLM file, ARPA or binary, mixed in word by word."
)
device_option = click.option(
    "--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N."
)
memory_option = click.option(
    "--memory",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="Memory for histories. It changes the last digits of float32 in totals (1e-6), and so the "
    "order of hypotheses that are as close.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads. [default: all]"
)
model_argument = click.argument("path", metavar="MODEL", type=FILE)
new_model_option = click.option(
    "-o", "--output", type=WRITE, required=True, help="The new lightrnn.pt."
)


def english_model(device: str = "cpu") -> LanguageModel:
    """The English model of the package; stderr says that it is used."""
    from rescorer.models.loading import load

    model = load(device=device)
    say(f"no model is given: {model.name} is used, the English model of the package")
    return model


def _bound_kernel_cache() -> None:
    """Let oneDNN keep kernels for 16 shapes, not for its usual 1,024.

    Batches of histories have any number of rows, so that few kernels are used again, while memory
    grows with each one. oneDNN reads the variable when it makes its first kernel.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")


def models_of(lm: Sequence[Path], ngram: Path | None, device: str) -> list[LanguageModel]:
    """The models of --lm and --ngram under different names, or the English model of the package.

    Raises:
        InputError: a model cannot be loaded, or two of them would have one name.
    """
    from rescorer.models.loading import load

    _bound_kernel_cache()
    paths = [*lm, *([ngram] if ngram else [])]
    if not paths:
        return [english_model(device)]
    models = [load(path, device) for path in paths]
    _name_apart(models, paths)
    return models


def pretrained_models(
    folders: Sequence[Path], settings: PretrainedSettings, device: str, cache: Path | None
) -> list[PretrainedModel]:
    """The models of --lm hf:DIR under different names.

    Raises:
        InputError: a model cannot be loaded, or two of them would have one name.
    """
    if not folders:
        return []
    from rescorer.models.pretrained.model import PretrainedModel

    models = [PretrainedModel.load(folder, settings, device, cache) for folder in folders]
    _name_apart(models, folders)
    return models


def _name_apart(models: Sequence[_Named], paths: Sequence[Path]) -> None:
    """Add the names of their files to the names of models that have one name."""
    names = [model.name for model in models]
    for model, path in zip(models, paths, strict=True):
        if names.count(model.name) > 1:
            # A score is named after its model, and files allow such names no other characters.
            model.name = re.sub("[^A-Za-z0-9_.+-]", "_", f"{model.name}-{path.stem}")
    if len({model.name for model in models}) < len(models):
        raise InputError(
            "two models of one kind with one file name", remedy="rename one of the files"
        )


def open_models(lm: Sequence[Path], ngram: Path | None, device: str) -> list[LanguageModel]:
    """The models; if one of them can spell, all spell unknown words out."""
    from rescorer.models.open_vocabulary import find_speller, open_vocabulary

    models = models_of(lm, ngram, device)
    return open_vocabulary(models) if find_speller(models) else models


def sentences_of(path: Path) -> list[list[str]]:
    """The sentences of a text. Raises InputError if it has none."""
    from rescorer.training.corpus import read_sentences

    sentences = list(read_sentences([path]))
    if not sentences:
        raise InputError(
            "no word in the text", expected="a sentence a line", remedy="check the file", file=path
        )
    return sentences
