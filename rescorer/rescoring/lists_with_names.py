"""N-best lists in which names are expected: they are rescored as lattices."""

from __future__ import annotations

from collections.abc import Sequence

from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.rescoring.lattice_files import LatticeInput
from rescorer.rescoring.list_input import ListInput
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.nbest import check_score_names
from rescorer.rescoring.outputs import Say


def lattices_of_lists(source: ListInput, models: Sequence[LanguageModel], say: Say) -> LatticeInput:
    """The lists as lattices, after the remarks on them.

    Raises:
        InputError: a model has the name of a raw score.
    """
    check_score_names(source.summary.score_names, [model.name for model in models])
    for note in source.notes:
        say(note)
    return LatticeInput(
        source.side,
        list_lattices(source.lists),
        None,
        ErrorCollector(),
        list_format=source.format,
    )
