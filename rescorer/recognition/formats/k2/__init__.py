"""k2 lattices: an `Fsa` or `FsaVec` in memory, or a `.pt` file of `Fsa.as_dict()`, as icefall keeps
them.

Scores are natural logs, in k2 as here. k2 has two: `scores` holds everything the recogniser knew,
and k2 searches for its greatest sum; `lm_scores` is the part of its language model. Where there are
both, `first_lm` is `lm_scores` and `acoustic` the rest; else `first_pass` is `scores`. `aux_labels`
are the words, or `labels` where there are none. Other attributes are kept as they are: tensors for
the arcs, with `labels` as "label" among them, and in the header what is no tensor.

An arc of k words becomes a chain of k arcs. The first keeps the scores and the attributes; the
others have 0 and nothing ragged. If a lattice with such arcs is written, its states have other
numbers than in the file that was read.

Files are read without k2, and what they hold is checked, because k2 ends the process on an FSA that
is not valid.

Reading and writing meet at the dictionary of `as_dict()`. `pt_file` reads it from a file, and
`memory` takes it from k2; `fsas` and `lattices` make lattices of it. `content` makes one of
lattices, for `memory` and `writer`. Only `tensors` imports k2.
"""

from rescorer.recognition.formats.k2.attributes import LABEL
from rescorer.recognition.formats.k2.columns import Ragged, Rows
from rescorer.recognition.formats.k2.memory import to_fsas, to_lattices
from rescorer.recognition.formats.k2.reader import matches, read, read_symbols
from rescorer.recognition.formats.k2.tensors import Fsa
from rescorer.recognition.formats.k2.writer import write

__all__ = [
    "LABEL",
    "Fsa",
    "Ragged",
    "Rows",
    "matches",
    "read",
    "read_symbols",
    "to_fsas",
    "to_lattices",
    "write",
]
