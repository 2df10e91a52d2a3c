"""HTK's Standard Lattice Format (SLF): one lattice a file, or a folder of such files, each plain or
.gz.

The HTK Book defines it in its chapter on SLF. What the book leaves open is read as SRILM's
lattice-tool reads it, and files of PocketSphinx are read as they are. A line holds fields
`name=value`: those of the header, of a node (`I=`) or of a link (`J=`). A line that begins with #
is a comment. Unknown fields are ignored.

Words stand on links or on nodes. The word of a node belongs to the links that enter the node, and
so do its other fields (`v d a r` …), where the link itself has no such field. A word may be quoted
with " or '. A backslash takes the next character as it is, or three octal digits as a byte. A quote
that is never closed is part of its word (PocketSphinx writes `W='em`). `!NULL` and no word at all
are the empty label. In PocketSphinx's files the score of a link is that of the word that it leaves:
single links differ from the book's, but no sum along a path does.

Scores are logs of base `base=`, or of e without it. With base=0 they are probabilities, and a link
of probability 0 is left out; states that only it led to are counted as trimmed. Inside, and in the
files that `write` makes, scores are natural logs:

    a ACOUSTIC   l FIRST_LM   r PRONUNCIATION   n NGRAM   ds, x1 … x9 by these names

A score that only some links have is 0 on the others. Posteriors (`p`), variants (`v`), alignments
(`d`) and the times of nodes (`t`) are kept as fields: NaN, -1 or "" where there is none.

A file is read in steps: `line` splits a line, `header` and `table` collect the fields, `slf_file`
checks that the file is complete, `graph` and `scores` make arcs, `reader` makes lattices.
"""

from rescorer.recognition.formats.htk.fields import ALIGNMENT, NGRAM, POSTERIOR, TIME, VARIANT
from rescorer.recognition.formats.htk.reader import matches, read
from rescorer.recognition.formats.htk.writer import write

__all__ = ["ALIGNMENT", "NGRAM", "POSTERIOR", "TIME", "VARIANT", "matches", "read", "write"]
