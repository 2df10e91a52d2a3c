"""The command `rescore`."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rescorer.cli.models import open_models
from rescorer.cli.rescore_options import (
    check_names,
    file_options,
    input_files,
    output_files,
    refuse_lattice_options,
)
from rescorer.command import print_lines, say, user_errors
from rescorer.command_line import Command, settings_options
from rescorer.rescoring.settings import (
    CandidateSettings,
    InputFiles,
    LatticeSettings,
    OutputFiles,
    RescoreSettings,
)

if TYPE_CHECKING:
    from rescorer.rescoring.cluster import Executor
    from rescorer.rescoring.outputs import Outcome


@click.command(cls=Command)
@file_options
@settings_options(
    settings=RescoreSettings,
    lattice_settings=LatticeSettings,
    candidate_settings=CandidateSettings,
)
@user_errors
def rescore(
    lm: tuple[Path, ...],
    ngram: Path | None,
    output: Path | None,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    candidate_settings: CandidateSettings,
    **files: Path | None,
) -> None:
    """Rescore the n-best lists or the lattices INPUT of any recogniser with a language model.

    Several INPUTs of one format are read as one input, in their order.

    The total of a hypothesis is the sum of its scaled raw scores, plus lm_scale times the natural
    log of its probability, minus word_penalty times its number of words. --lm-scale of other
    tools may multiply something else.
    """
    from rescorer.files import write_lines

    inputs, outputs = input_files(files), output_files(files)
    check_names(inputs)
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
    """Read all input, then load the models, then rescore: a fault of the input is found early."""
    from rescorer.progress import ProgressDisplay
    from rescorer.recognition.inputs import common_lattice_format
    from rescorer.rescoring.lattice_files import open_lattices, rescore_lattice_files
    from rescorer.rescoring.list_files import rescore_list_files
    from rescorer.rescoring.list_input import read_lists
    from rescorer.rescoring.lists_with_names import lattices_of_lists
    from rescorer.rescoring.name_inputs import NameFiles

    # With a scheduler, its workers use the device.
    device = "cpu" if settings.scheduler else settings.device
    with _executor(lm, ngram, settings) as executor, ProgressDisplay(say) as progress:
        name_files = NameFiles.read(inputs)
        lattice_format = common_lattice_format(inputs.paths, settings.format)
        if lattice_format is None:
            refuse_lattice_options(inputs)
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
            names = name_files.for_models(models, candidate_settings)
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


def _executor(
    lm: tuple[Path, ...], ngram: Path | None, settings: RescoreSettings
) -> AbstractContextManager[Executor]:
    """Runs the models in this process, or on the workers of --scheduler."""
    from rescorer.rescoring.cluster import executor_on

    absolute = [path.absolute() for path in lm]
    load = functools.partial(open_models, absolute, ngram and ngram.absolute(), settings.device)
    files = [*lm, *([ngram] if ngram else [])]
    return executor_on(settings.scheduler, load, files, say)
