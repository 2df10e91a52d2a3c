"""The command `rescore`."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rescorer.cli.models import open_models, pretrained_models
from rescorer.cli.rescore_options import (
    ModelFiles,
    PretrainedFolder,
    check_names,
    file_options,
    input_files,
    output_files,
    refuse_lattice_options,
)
from rescorer.command import print_lines, say, user_errors
from rescorer.command_line import Command, settings_options
from rescorer.errors import InputError
from rescorer.models.pretrained.settings import PretrainedSettings
from rescorer.rescoring.settings import (
    CandidateSettings,
    InputFiles,
    LatticeSettings,
    OutputFiles,
    RescoreSettings,
)

if TYPE_CHECKING:
    from rescorer.models.language_model import LanguageModel
    from rescorer.models.pretrained.model import PretrainedModel
    from rescorer.rescoring.cluster import Executor
    from rescorer.rescoring.outputs import Outcome


@click.command(cls=Command)
@file_options
@settings_options(
    settings=RescoreSettings,
    lattice_settings=LatticeSettings,
    candidate_settings=CandidateSettings,
    pretrained_settings=PretrainedSettings,
)
@user_errors
def rescore(
    paths: tuple[Path, ...],
    lm: tuple[Path | PretrainedFolder, ...],
    ngram: Path | None,
    score_cache: Path | None,
    output: Path | None,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    candidate_settings: CandidateSettings,
    pretrained_settings: PretrainedSettings,
    **files: Path | None,
) -> None:
    """Rescore the n-best lists or the lattices INPUT of any recogniser with a language model.

    Several INPUTs of one format are read as one input, in their order.

    The total of a hypothesis is the sum of its scaled raw scores, plus lm_scale times the natural
    log of its probability, minus word_penalty times its number of words. --lm-scale of other
    tools may multiply something else.
    """
    from rescorer.files import write_lines

    inputs, outputs = input_files(paths, files), output_files(files)
    model_files = ModelFiles.of(lm, ngram, score_cache)
    check_names(inputs, model_files)
    models = _Models(model_files, settings, pretrained_settings)
    outcome = _rescore(inputs, outputs, models, settings, lattice_settings, candidate_settings)
    if output:
        write_lines(output, outcome.lines())
    else:
        print_lines(outcome.lines())  # last, because stdout may be closed


@dataclass(frozen=True)
class _Models:
    """The models that the command line names, to be loaded after the input is read."""

    files: ModelFiles
    settings: RescoreSettings
    pretrained_settings: PretrainedSettings

    def of_words(self) -> list[LanguageModel]:
        """The models that score words."""
        # With a scheduler, its workers use the device.
        device = "cpu" if self.settings.scheduler else self.settings.device
        return (
            open_models(self.files.lm, self.files.ngram, device) if self.files.score_words else []
        )

    def check_score_words(self) -> None:
        """Raises InputError if no model scores words, as lattices need."""
        if not self.files.score_words:
            raise InputError(
                "--lm hf:DIR alone, which scores whole sentences, and this is a lattice",
                expected="a model that scores words beside it",
                remedy="add --lm lightrnn.pt or --ngram, or rescore an n-best list",
            )

    def of_sentences(self) -> list[PretrainedModel]:
        """The models that score whole sentences, which workers do not have."""
        return pretrained_models(
            self.files.pretrained,
            self.pretrained_settings,
            self.settings.device,
            self.files.score_cache,
        )

    def executor(self) -> AbstractContextManager[Executor]:
        """Runs the models of words in this process, or on the workers of --scheduler."""
        from rescorer.rescoring.cluster import executor_on

        lm, ngram = self.files.lm, self.files.ngram
        absolute = [path.absolute() for path in lm]
        device = self.settings.device
        load = functools.partial(open_models, absolute, ngram and ngram.absolute(), device)
        return executor_on(self.settings.scheduler, load, [*lm, *([ngram] if ngram else [])], say)


def _rescore(
    inputs: InputFiles,
    outputs: OutputFiles,
    models: _Models,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    candidate_settings: CandidateSettings,
) -> Outcome:
    """Read all input, then load the models, then rescore: a fault of the input is found early."""
    from rescorer.progress import ProgressDisplay
    from rescorer.recognition.inputs import common_lattice_format
    from rescorer.rescoring.lattice_files import open_lattices, rescore_lattice_files
    from rescorer.rescoring.list_files import rescore_list_files
    from rescorer.rescoring.list_input import read_lists
    from rescorer.rescoring.lists_with_names import lattices_of_lists
    from rescorer.rescoring.name_inputs import NameFiles

    with models.executor() as executor, ProgressDisplay(say) as progress:
        name_files = NameFiles.read(inputs)
        lattice_format = common_lattice_format(inputs.paths, settings.format)
        if lattice_format is None:
            refuse_lattice_options(inputs)
            lists = read_lists(inputs, outputs, settings)
            of_words, of_sentences = models.of_words(), models.of_sentences()
            if not inputs.expects_names:
                outcome = rescore_list_files(
                    lists, of_words, outputs, settings, say, executor, progress, of_sentences
                )
                return _written(outcome, outputs)
            lattices = lattices_of_lists(lists, of_words, say)
        else:
            models.check_score_words()
            lattices = open_lattices(inputs, outputs, lattice_format, settings, lattice_settings)
            of_words, of_sentences = models.of_words(), models.of_sentences()
        if inputs.expects_names:
            names = name_files.for_models(of_words, candidate_settings)
            lattices, of_words = lattices.with_names(names), names.expecting(of_words)
            executor = names.executor(executor)
        outcome = rescore_lattice_files(
            lattices,
            of_words,
            outputs,
            settings,
            lattice_settings,
            say,
            executor,
            progress,
            of_sentences,
        )
        return _written(outcome, outputs)


def _written(outcome: Outcome, outputs: OutputFiles) -> Outcome:
    from rescorer.rescoring.outputs import write_outcome

    write_outcome(outcome, outputs, say)
    return outcome
