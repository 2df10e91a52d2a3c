"""What rescoring reads for lists and for lattices alike: utterances, references, lists of words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.word_list import read_word_list
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest
from rescorer.recognition.normalisers import Normaliser, normaliser
from rescorer.recognition.references import read_references
from rescorer.reports.error_rate import Words
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings
from rescorer.rescoring.weights import TunedWeights

_Utterance = TypeVar("_Utterance", NBest, Lattice)


@dataclass(frozen=True, eq=False)
class SideInputs:
    """What is read beside lists or lattices.

    Attributes:
        weights: the weights to apply; None if there are none yet.
        references: the words against which errors are counted; empty if there are none.
        tune_references: the words on which weights are tuned; empty if they are not.
        listed: words whose errors are reported apart.
        normaliser: brings words into one style before errors are counted.
    """

    files: InputFiles
    weights: TunedWeights | None
    references: Mapping[str, Words]
    tune_references: Mapping[str, Words]
    listed: frozenset[str]
    normaliser: Normaliser

    @classmethod
    def read(cls, files: InputFiles, settings: RescoreSettings) -> SideInputs:
        """Read the files. Raises InputError if one cannot be used, or the normaliser is missing."""
        style = normaliser(settings.normalise)
        tune_references = _references_of(files.tune_reference, settings.ref_format)
        return cls(
            files,
            TunedWeights.load(files.weights) if files.weights else None,
            _references_of(files.reference, settings.ref_format) or tune_references,
            tune_references,
            read_words(files.listed),
            style,
        )


def read_words(path: Path | None) -> frozenset[str]:
    """The words of a list, such as --words; none without a path."""
    return frozenset(listed.word for listed in read_word_list(path)) if path else frozenset()


def _references_of(path: Path | None, format: str | None) -> Mapping[str, Words]:
    return read_references(path, format) if path else {}


def need_references(files: InputFiles, outputs: OutputFiles, held: bool = False) -> None:
    """Check that there are references if an option needs them.

    Args:
        held: whether the input holds references.

    Raises:
        InputError: there are none.
    """
    if files.reference or files.tune_reference or held:
        return
    needing = {
        "--words": files.listed,
        "--wer-output": outputs.report,
        "--report": outputs.page,
        "--utterance-output": outputs.utterances,
    }
    if option := next((name for name, path in needing.items() if path), ""):
        raise InputError(
            f"{option} without --ref",
            remedy="give the references that errors are counted against",
        )


def choose(utterances: Iterable[_Utterance], files: InputFiles) -> Iterator[_Utterance]:
    """The utterances that --utterances lists; all without it.

    Raises:
        InputError: the input holds none of them.
    """
    if files.utterances is None:
        yield from utterances
        return
    wanted = _first_fields(files.utterances)
    found = False
    for each in utterances:
        if each.utterance in wanted:
            found = True
            yield each
    if not found:
        raise InputError(
            f"none of the utterances of {files.utterances}",
            remedy="check the ids",
            file=files.name,
        )


def _first_fields(path: Path) -> frozenset[str]:
    fields = frozenset(field for _, line in read_lines(path) for field in line.split()[:1])
    if not fields:
        raise InputError(
            "no utterance in the list",
            expected="utterance first on each line",
            remedy="check the file",
            file=path,
        )
    return fields


def check_references(
    utterances: Collection[str], references: Mapping[str, Words], file: str
) -> list[str]:
    """Check that every utterance has a reference.

    Returns:
        A line with the number of references that are skipped, if some have no utterance.

    Raises:
        InputError: an utterance has no reference; the message names the first.
    """
    if missing := set(utterances) - references.keys():
        what = "utterance" if len(missing) == 1 else "utterances"
        raise InputError(
            f"{len(missing)} {what} without a reference, the first is {min(missing)}",
            expected="the same utterances",
            remedy="give the references of these utterances, or choose some with --utterances",
            file=file,
        )
    if more := references.keys() - set(utterances):
        return [
            f"{file}: {len(more)} of its {len(references)} references have no hypotheses here, "
            f"the first is {min(more)}: skipped"
        ]
    return []
