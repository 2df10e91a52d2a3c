"""Lattices from and to k2 in memory.

Shapes: U utterances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rescorer.recognition.formats.k2.attributes import MEMORY, UTTERANCES
from rescorer.recognition.formats.k2.content import make_content
from rescorer.recognition.formats.k2.lattices import make_lattices
from rescorer.recognition.formats.k2.tensors import Fsa, import_k2, to_numpy, to_torch
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice, Symbols

if TYPE_CHECKING:
    import torch


def to_lattices(
    fsas: Fsa, symbols: Symbols | None, utterances: Sequence[str] | None = None
) -> list[Lattice]:
    """The lattices of k2, on any device.

    Args:
        fsas: an Fsa, or an FsaVec of U.
        symbols: what the word ids mean, from words.txt: the index is the id.
        utterances: [U] their ids; else those of the attribute `utterances`, else "1", "2", …

    Raises:
        InputError: no symbols, a word id that is not among them, a cycle, a score that is not
            finite, ids that repeat or are too few or too many.
    """
    content = {name: to_numpy(name, value) for name, value in fsas.to("cpu").as_dict().items()}
    if utterances is not None:
        content[UTTERANCES] = list(utterances)
    return list(make_lattices(content, symbols, "", MEMORY, ErrorCollector()))


def to_fsas(lattices: Sequence[Lattice], device: str | torch.device = "cpu") -> Fsa:
    """A k2.FsaVec of the lattices, in their order: valid, and sorted topologically and by source.

    `scores` is the sum of the recogniser's own scores, at its own scales, `lm_scores` the part of
    its language model; pronunciation and graph scores count as such. Scores that were added since
    become float64 attributes of their names. Labels of lattices that are not from k2 are the words,
    and their other fields are left out; those from k2 get their attributes back. `to_lattices` of
    the result gives the same lattices.

    Raises:
        InputError: k2 cannot be imported; no lattices, or lattices of different symbols, scores or
            attributes.
    """
    k2 = import_k2()
    return k2.Fsa.from_dict(to_torch(make_content(lattices, MEMORY))).to(device)
