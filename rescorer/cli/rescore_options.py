"""The options of the command `rescore` that name files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from click.core import ParameterSource

from rescorer.command import InputPath, OutputPath
from rescorer.command_line import Option
from rescorer.errors import InputError
from rescorer.rescoring.settings import (
    CandidateSettings,
    InputFiles,
    LatticeSettings,
    OutputFiles,
)
from rescorer.settings import option_fields

_Function = TypeVar("_Function", bound=Callable[..., object])

_READ = InputPath()
_FILE = InputPath(pipe=False)  # several processes read it, or it is mapped into memory
_WRITE = OutputPath()
_VOCABULARY = Path("vocabulary")  # of --names: words of the model
_PRETRAINED = "hf:"  # of --lm, before the folder of a pretrained model


class PretrainedFolder(NamedTuple):
    """The folder of a pretrained model."""

    path: Path


@dataclass(frozen=True)
class ModelFiles:
    """The models that the command line names.

    Attributes:
        lm, ngram: files of models that score words.
        pretrained: folders of models that score sentences.
        score_cache: keeps the scores of these; None: none is kept.
    """

    lm: tuple[Path, ...]
    ngram: Path | None
    pretrained: tuple[Path, ...]
    score_cache: Path | None

    @classmethod
    def of(
        cls,
        lm: tuple[Path | PretrainedFolder, ...],
        ngram: Path | None,
        score_cache: Path | None,
    ) -> ModelFiles:
        """Raises InputError if there is a cache, and no model whose scores it keeps."""
        folders = tuple(each.path for each in lm if isinstance(each, PretrainedFolder))
        if score_cache and not folders:
            raise InputError(
                "--score-cache without a pretrained model",
                remedy="leave it out, or add --lm hf:DIR",
            )
        words = tuple(each for each in lm if isinstance(each, Path))
        return cls(words, ngram, folders, score_cache)

    @property
    def score_words(self) -> bool:
        """Whether a model scores words: only a pretrained one replaces that of the package."""
        return bool(self.lm or self.ngram or not self.pretrained)


class _ModelPath(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """A file, or `hf:` and a folder; a file of such a name is given as ./hf:…."""

    name = "path"

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path | PretrainedFolder:
        text = os.fsdecode(value)
        if text.startswith(_PRETRAINED):
            return PretrainedFolder(_FILE.convert(text.removeprefix(_PRETRAINED), param, ctx))
        return _FILE.convert(text, param, ctx)


class _NamesPath(InputPath):
    """A list of names, or the word `vocabulary`; a file of that name is given as ./vocabulary."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """The path; `_VOCABULARY` for the word alone."""
        if value == _VOCABULARY.name:
            return _VOCABULARY
        path = super().convert(value, param, ctx)
        return path.absolute() if path == _VOCABULARY else path


_NAMES = _NamesPath()

# Paths that only expected names have; their settings are the fields of CandidateSettings.
_NAME_PATHS = ("lexicon", "confusions", "changes")
# Paths that only lattices have; their settings are the fields of LatticeSettings.
_LATTICE_PATHS = (
    "symbols",
    "bpe_model",
    "old_lm_model",
    "lattice_output",
    "confidence_output",
    "draw",
)
# Settings of lattices that lists have too if names are expected, because they become lattices.
_SETTINGS_WITH_NAMES = ("order", "beam", "max_histories", "nbest", "mbr")


def _path(
    *names: str, type: click.Path, group: str, help: str, metavar: str | None = None
) -> Callable[[_Function], _Function]:
    """An option for one path, under a heading of the help; empty: only --help-all shows it."""
    return click.option(*names, cls=Option, type=type, group=group, help=help, metavar=metavar)


_OPTIONS = (
    click.argument("paths", metavar="INPUT...", type=_READ, nargs=-1, required=True),
    click.option(
        "--lm",
        cls=Option,
        type=_ModelPath(),
        multiple=True,
        group="Models",
        help="A lightrnn.pt or a KenLM file; may be repeated. Without --lm and --ngram: the "
        "English model of the package. hf:DIR: a causal model of Hugging Face transformers in a "
        "folder, which scores whole sentences.",
    ),
    _path(
        "--ngram",
        type=_FILE,
        group="Models",
        help="A KenLM file, ARPA or binary, mixed with the others word by word.",
    ),
    _path(
        "--score-cache",
        type=_WRITE,
        group="Models",
        help="Keep the scores of --lm hf:DIR in this file, and take from it those that it holds. "
        "Every run may use the same file.",
    ),
    _path(
        "--weights",
        type=_WRITE,
        group="Weights",
        help="JSON of scales, penalties and mixture weights: read, or written by --tune. Without "
        "it weights are chosen by the first 1,000 lists, or the first batch of lattices.",
    ),
    _path(
        "--tune",
        "tune_reference",
        type=_READ,
        group="Weights",
        metavar="REF",
        help="Tune the weights on this input and these references (a development set), and write "
        "them to --weights.",
    ),
    _path(
        "--ref",
        "reference",
        type=_READ,
        group="Report",
        help="References: print the word error rate before and after. By default those in the "
        "lists.",
    ),
    _path(
        "--words",
        "listed",
        type=_READ,
        group="Report",
        help="A list of words, such as names, whose errors are reported apart.",
    ),
    _path("--wer-output", type=_WRITE, group="Report", help="Write the report of --ref as JSON."),
    _path(
        "--report",
        type=_WRITE,
        group="Report",
        metavar="PAGE.html",
        help="Write the report as a page: every utterance with its errors and its hypotheses.",
    ),
    _path(
        "--utterance-output",
        type=_WRITE,
        group="Report",
        metavar="FILE.tsv",
        help="Write the errors of each utterance before and after.",
    ),
    _path(
        "--oov-report",
        type=_WRITE,
        group="Report",
        help="Write the unknown words of the input, most frequent first.",
    ),
    _path(
        "--names",
        type=_NAMES,
        group="Names",
        metavar="FILE|vocabulary",
        help="Expected names, a word or a phrase a line. Names that sound like what was written "
        "may replace it. vocabulary: the words of the LightRNN but its 5,000 most frequent ones.",
    ),
    _path(
        "--names-by-utterance",
        type=_READ,
        group="Names",
        help="Names that are expected in one utterance: `utterance<TAB>name<TAB>name…` a line.",
    ),
    _path(
        "--lexicon",
        type=_READ,
        group="",
        help="Pronunciations of names and other words, in ARPAbet: a lexicon of Kaldi, k2 or "
        "CMUdict. Words that it lacks are pronounced by the package.",
    ),
    _path(
        "--confusions",
        type=_READ,
        group="",
        help="Which phones the recogniser confuses, learnt by `lexicon confusions`; by default the "
        "table of the package.",
    ),
    _path(
        "--changes",
        type=_WRITE,
        group="Names",
        help="Write a table of what names replaced, with the scores that decided.",
    ),
    _path(
        "--utterances",
        type=_READ,
        group="Input",
        help="Rescore only these utterances: the first field of each line.",
    ),
    _path(
        "--manifest",
        type=_READ,
        group="",
        help="NeMo's manifest, which has the utterances of its beams (.tsv); by default the one "
        "beside them.",
    ),
    _path(
        "-o",
        "--output",
        type=_WRITE,
        group="Output",
        help="Write `utterance words` of the best hypotheses; stdout by default.",
    ),
    _path(
        "--nbest-output",
        type=_WRITE,
        group="Output",
        help="Write the re-ranked lists, in their own format, or as JSON lines if that is only "
        "read. Lists of lattices: JSON lines if the name has .jsonl, else Kaldi's folder.",
    ),
    _path(
        "--symbols",
        type=_READ,
        group="Lattices",
        help="The words.txt of the lattices; by default the one beside them.",
    ),
    _path(
        "--bpe-model",
        type=_READ,
        group="",
        help="sentencepiece's .model of lattices of word pieces, which are joined to words. k2's "
        "lattices then need no --symbols.",
    ),
    _path(
        "--old-lm-model",
        type=_FILE,
        group="",
        help="The n-gram model, KenLM or ARPA, in the graph costs of Kaldi's lattices. Its part "
        "becomes first_lm; graph keeps the rest.",
    ),
    _path(
        "--lattice-output",
        type=_WRITE,
        group="Lattices",
        help="Write the rescored lattices, in their own format.",
    ),
    _path(
        "--draw",
        type=_WRITE,
        group="Lattices",
        metavar="UTTERANCE.svg",
        help="Draw the lattice of the utterance that the file is named for, before and after; "
        "also .pdf or .png.",
    ),
    _path(
        "--confidence-output",
        type=_WRITE,
        group="Lattices",
        help="Write the words of --mbr with their confidences, as JSON lines.",
    ),
)


def file_options(command: _Function) -> _Function:
    """Give a command the argument and the options that name files."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def input_files(paths: tuple[Path, ...], given: Mapping[str, Path | None]) -> InputFiles:
    """The files to read: INPUT and the values of the options.

    Raises:
        InputError: weights are tuned, and no file is named for them.
    """
    if given["tune_reference"] and not given["weights"]:
        raise InputError(
            "--tune without --weights",
            remedy="name the file for the weights: --weights w.json",
        )
    alike = (
        *("tune_reference", "reference", "listed", "names_by_utterance", "lexicon"),
        *("confusions", "utterances", "manifest", "symbols", "bpe_model", "old_lm_model"),
    )
    names = given["names"]
    return InputFiles(
        paths,
        **{name: given[name] for name in alike},
        weights=None if given["tune_reference"] else given["weights"],
        names=None if names == _VOCABULARY else names,
        names_of_model=names == _VOCABULARY,
    )


def output_files(given: Mapping[str, Path | None]) -> OutputFiles:
    """The files to write, from the values of the options."""
    return OutputFiles(
        weights=given["weights"] if given["tune_reference"] else None,
        nbest=given["nbest_output"],
        lattices=given["lattice_output"],
        confidences=given["confidence_output"],
        unknown_words=given["oov_report"],
        report=given["wer_output"],
        page=given["report"],
        utterances=given["utterance_output"],
        drawing=given["draw"],
        changes=given["changes"],
    )


def check_names(inputs: InputFiles, models: ModelFiles) -> None:
    """Raises InputError if the command line has an option for names, and no names, or names and a
    model that does not score words.
    """
    if inputs.expects_names:
        if models.pretrained:
            raise InputError(
                "names, and --lm hf:DIR, which does not score single words",
                remedy="leave one of both out",
            )
        return
    settings = (field.name for field in option_fields(CandidateSettings))
    for name in _given_on_command_line((*_NAME_PATHS, *settings)):
        raise InputError(
            f"--{name.replace('_', '-')} without names",
            remedy="give --names or --names-by-utterance",
        )


def refuse_lattice_options(inputs: InputFiles) -> None:
    """Raises InputError if the command line has an option for lattices; a --config may have it."""
    allowed = _SETTINGS_WITH_NAMES if inputs.expects_names else ()
    settings = (field.name for field in option_fields(LatticeSettings))
    names = (*_LATTICE_PATHS, *(name for name in settings if name not in allowed))
    for name in _given_on_command_line(names):
        raise InputError(
            f"--{name.replace('_', '-')} is for lattices, and this is no lattice",
            remedy="leave it out, or name the --format",
        )


def _given_on_command_line(names: Iterable[str]) -> Iterator[str]:
    """Those of the parameters that the command line has; a --config may have others."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield name
