"""The command `rescore`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from rescorer.cli.models import open_models
from rescorer.command import InputPath, OutputPath, print_lines, say, user_errors
from rescorer.command_line import Command, Option, settings_options
from rescorer.errors import InputError
from rescorer.rescoring.settings import (
    CandidateSettings,
    InputFiles,
    LatticeSettings,
    OutputFiles,
    RescoreSettings,
)
from rescorer.settings import option_fields

if TYPE_CHECKING:
    from rescorer.rescoring.cluster import Executor
    from rescorer.rescoring.outputs import Outcome

_Function = TypeVar("_Function", bound=Callable[..., object])

_READ = InputPath()
_FILE = InputPath(pipe=False)  # several processes read it, or it is mapped into memory
_WRITE = OutputPath()
_VOCABULARY = Path("vocabulary")  # of --names: words of the model


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
_LATTICE_PATHS = ("symbols", "bpe_model", "old_lm_model", "lattice_output", "confidence_output")
# Settings of lattices that lists have too if names are expected, because they become lattices.
_SETTINGS_WITH_NAMES = ("order", "beam", "max_histories", "nbest", "mbr")


def _path(
    *names: str, type: click.Path, group: str, help: str, metavar: str | None = None
) -> Callable[[_Function], _Function]:
    """An option for one path, under a heading of the help; empty: only --help-all shows it."""
    return click.option(*names, cls=Option, type=type, group=group, help=help, metavar=metavar)


@click.command(cls=Command)
@click.argument("paths", metavar="INPUT...", type=_READ, nargs=-1, required=True)
@click.option(
    "--lm",
    cls=Option,
    type=_FILE,
    multiple=True,
    group="Models",
    help="A lightrnn.pt or a KenLM file; may be repeated. Without --lm and --ngram: the English "
    "model of the package.",
)
@_path(
    "--ngram",
    type=_FILE,
    group="Models",
    help="A KenLM file, ARPA or binary, mixed with the others word by word.",
)
@_path(
    "--weights",
    type=_WRITE,
    group="Weights",
    help="JSON of scales, penalties and mixture weights: read, or written by --tune.",
)
@_path(
    "--tune",
    "tune_reference",
    type=_READ,
    group="Weights",
    metavar="REF",
    help="Tune the weights on this input and these references (a development set), and write them "
    "to --weights.",
)
@_path(
    "--ref",
    "reference",
    type=_READ,
    group="Report",
    help="References: print the word error rate before and after. By default those in the lists.",
)
@_path(
    "--words",
    "listed",
    type=_READ,
    group="Report",
    help="A list of words, such as names, whose errors are reported apart.",
)
@_path("--wer-output", type=_WRITE, group="Report", help="Write the report of --ref as JSON.")
@_path(
    "--oov-report",
    type=_WRITE,
    group="Report",
    help="Write the unknown words of the input, most frequent first.",
)
@_path(
    "--names",
    type=_NAMES,
    group="Names",
    metavar="FILE|vocabulary",
    help="Expected names, a word or a phrase a line. Names that sound like what was written may "
    "replace it. vocabulary: the words of the LightRNN but its 5,000 most frequent ones.",
)
@_path(
    "--names-by-utterance",
    type=_READ,
    group="Names",
    help="Names that are expected in one utterance: `utterance<TAB>name<TAB>name…` a line.",
)
@_path(
    "--lexicon",
    type=_READ,
    group="",
    help="Pronunciations of names and other words, in ARPAbet: a lexicon of Kaldi, k2 or CMUdict. "
    "Words that it lacks are pronounced by the package.",
)
@_path(
    "--confusions",
    type=_READ,
    group="",
    help="Which phones the recogniser confuses, learnt by `lexicon confusions`; by default the "
    "table of the package.",
)
@_path(
    "--changes",
    type=_WRITE,
    group="Names",
    help="Write a table of what names replaced, with the scores that decided.",
)
@_path(
    "--utterances",
    type=_READ,
    group="Input",
    help="Rescore only these utterances: the first field of each line.",
)
@_path(
    "--manifest",
    type=_READ,
    group="",
    help="NeMo's manifest, which has the utterances of its beams (.tsv); by default the one beside "
    "them.",
)
@_path(
    "-o",
    "--output",
    type=_WRITE,
    group="Output",
    help="Write `utterance words` of the best hypotheses; stdout by default.",
)
@_path(
    "--nbest-output",
    type=_WRITE,
    group="Output",
    help="Write the re-ranked lists, in their own format, or as JSON lines if that is only read. "
    "Lists of lattices: JSON lines if the name has .jsonl, else Kaldi's folder.",
)
@_path(
    "--symbols",
    type=_READ,
    group="Lattices",
    help="The words.txt of the lattices; by default the one beside them.",
)
@_path(
    "--bpe-model",
    type=_READ,
    group="",
    help="sentencepiece's .model of lattices of word pieces, which are joined to words. k2's "
    "lattices then need no --symbols.",
)
@_path(
    "--old-lm-model",
    type=_FILE,
    group="",
    help="The n-gram model, KenLM or ARPA, in the graph costs of Kaldi's lattices. Its part "
    "becomes first_lm; graph keeps the rest.",
)
@_path(
    "--lattice-output",
    type=_WRITE,
    group="Lattices",
    help="Write the rescored lattices, in their own format.",
)
@_path(
    "--confidence-output",
    type=_WRITE,
    group="Lattices",
    help="Write the words of --mbr with their confidences, as JSON lines.",
)
@settings_options(
    settings=RescoreSettings,
    lattice_settings=LatticeSettings,
    candidate_settings=CandidateSettings,
)
@user_errors
def rescore(
    paths: tuple[Path, ...],
    lm: tuple[Path, ...],
    ngram: Path | None,
    weights: Path | None,
    tune_reference: Path | None,
    reference: Path | None,
    listed: Path | None,
    wer_output: Path | None,
    oov_report: Path | None,
    names: Path | None,
    names_by_utterance: Path | None,
    lexicon: Path | None,
    confusions: Path | None,
    changes: Path | None,
    utterances: Path | None,
    manifest: Path | None,
    output: Path | None,
    nbest_output: Path | None,
    symbols: Path | None,
    bpe_model: Path | None,
    old_lm_model: Path | None,
    lattice_output: Path | None,
    confidence_output: Path | None,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    candidate_settings: CandidateSettings,
) -> None:
    """Rescore the n-best lists or the lattices INPUT of any recogniser with a language model.

    Several INPUTs of one format are read as one input, in their order.

    The total of a hypothesis is the sum of its scaled raw scores, plus lm_scale times the natural
    log of its probability, minus word_penalty times its number of words. --lm-scale of other
    tools may multiply something else.
    """
    from rescorer.files import write_lines

    if tune_reference and not weights:
        raise InputError(
            "--tune without --weights",
            remedy="name the file for the weights: --weights w.json",
        )
    inputs = InputFiles(
        paths,
        weights=None if tune_reference else weights,
        tune_reference=tune_reference,
        reference=reference,
        listed=listed,
        names=None if names == _VOCABULARY else names,
        names_of_model=names == _VOCABULARY,
        names_by_utterance=names_by_utterance,
        lexicon=lexicon,
        confusions=confusions,
        utterances=utterances,
        manifest=manifest,
        symbols=symbols,
        bpe_model=bpe_model,
        old_lm_model=old_lm_model,
    )
    outputs = OutputFiles(
        weights=weights if tune_reference else None,
        nbest=nbest_output,
        lattices=lattice_output,
        confidences=confidence_output,
        unknown_words=oov_report,
        report=wer_output,
        changes=changes,
    )
    _check_names(inputs)
    outcome = _rescore(inputs, outputs, lm, ngram, settings, lattice_settings, candidate_settings)
    if output:
        write_lines(output, outcome.lines())
    else:
        print_lines(outcome.lines())  # last, because stdout may be closed


def _rescore(
    inputs: InputFiles,
    outputs: OutputFiles,
    lm: tuple[Path, ...],
    ngram: Path | None,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    candidate_settings: CandidateSettings,
) -> Outcome:
    """Read the input, then load the models, then rescore: a fault of the input is found early."""
    from rescorer.progress import ProgressDisplay
    from rescorer.recognition.inputs import common_lattice_format
    from rescorer.rescoring.lattice_files import open_lattices, rescore_lattice_files
    from rescorer.rescoring.list_files import read_lists, rescore_list_files
    from rescorer.rescoring.lists_with_names import lattices_of_lists
    from rescorer.rescoring.name_inputs import NameInput

    # With a scheduler, its workers use the device.
    device = "cpu" if settings.scheduler else settings.device
    with _executor(lm, ngram, settings) as executor, ProgressDisplay(say) as progress:
        lattice_format = common_lattice_format(inputs.paths, settings.format)
        if lattice_format is None:
            _refuse_lattice_options(_SETTINGS_WITH_NAMES if inputs.expects_names else ())
            lists = read_lists(inputs, outputs, settings)
            models = open_models(lm, ngram, device)
            if not inputs.expects_names:
                return _written(
                    rescore_list_files(lists, models, outputs, settings, say, executor, progress),
                    outputs,
                )
            lattices = lattices_of_lists(lists, models, say)
        else:
            lattices = open_lattices(inputs, outputs, lattice_format, settings, lattice_settings)
            models = open_models(lm, ngram, device)
        if inputs.expects_names:
            names = NameInput.read(inputs, candidate_settings, models)
            lattices, models = lattices.with_names(names), names.expecting(models)
            executor = names.executor(executor)
        outcome = rescore_lattice_files(
            lattices, models, outputs, settings, lattice_settings, say, executor, progress
        )
        return _written(outcome, outputs)


def _written(outcome: Outcome, outputs: OutputFiles) -> Outcome:
    from rescorer.rescoring.outputs import write_outcome

    write_outcome(outcome, outputs, say)
    return outcome


def _check_names(inputs: InputFiles) -> None:
    """Raises InputError if the command line has an option for names, and no names."""
    if inputs.expects_names:
        return
    settings = (field.name for field in option_fields(CandidateSettings))
    for name in _given_on_command_line((*_NAME_PATHS, *settings)):
        raise InputError(
            f"--{name.replace('_', '-')} without names",
            remedy="give --names or --names-by-utterance",
        )


def _executor(
    lm: tuple[Path, ...], ngram: Path | None, settings: RescoreSettings
) -> AbstractContextManager[Executor]:
    """Runs the models in this process, or on the workers of --scheduler."""
    from rescorer.rescoring.cluster import executor_on

    absolute = [path.absolute() for path in lm]
    load = functools.partial(open_models, absolute, ngram and ngram.absolute(), settings.device)
    files = [*lm, *([ngram] if ngram else [])]
    return executor_on(settings.scheduler, load, files, say)


def _refuse_lattice_options(allowed: Collection[str]) -> None:
    """Raises InputError if the command line has an option for lattices; a --config may have it."""
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
