"""The beams that NeMo's `eval_beamsearch_ngram_*.py` write: `text<TAB>score` a line, no ids.

The lines are blocks of one size, one for each line of the manifest and in its order. The manifest
is the one that is given, or else the only one beside the file. A score is the log-probability with
the fused language model.

The decoder may find fewer hypotheses than its beam is wide; then NeMo writes smaller blocks, and
nothing tells where one ends. The width in the name that NeMo gives the file
(`preds_out_width4_….tsv`) proves that all blocks are whole: there is no wider one, so their number
of lines is right only if none is smaller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats import nemo_manifest
from rescorer.recognition.formats.beginning import Beginning, files_in
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    empty,
    filled_lines,
    numbered,
    split_words,
)
from rescorer.recognition.formats.printed_tensor import parse_printed
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_LINE = re.compile(r"[^\t]*\t(?:[-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|inf|nan)|tensor\(.*\))\s*")
_WIDTH = re.compile(r"preds_out.*?_?(?:width|bw|beam_size|bs)_?([0-9]{1,6})")
_MANIFESTS = frozenset({".json", ".jsonl"})


def matches(beginning: Beginning) -> bool:
    """Whether each of the first lines is a text, one tab and a number."""
    lines = beginning.lines
    return not beginning.is_folder and bool(lines) and all(map(_LINE.fullmatch, lines))


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in the order of the manifest.

    Raises:
        InputError: there is no manifest, the blocks are not of one size, or a line is not as the
            module says, with the line.
    """
    lines = sum(1 for _ in filled_lines(source.path))
    manifest = _manifest(source)
    size = _block_size(source, manifest, lines)
    hypotheses, lists = _hypotheses(source.path), Lists(source.path)
    for entry in nemo_manifest.entries(manifest):
        nbest = numbered(entry.utterance, islice(hypotheses, size), entry.reference)
        yield lists.add(nbest, entry.place)
    lists.done()


def _hypotheses(path: Path) -> Iterator[Hypothesis]:
    """The hypotheses of all lines; their keys are those of their blocks to give."""
    for place, line in filled_lines(path):
        text, tab, score = line.rpartition("\t")
        if not tab:
            raise place.error("no tab", "text<TAB>score", "correct the line, or decode again")
        scores = {FIRST_PASS: parse_printed(score.strip(), place)}
        yield Hypothesis("", split_words(text, place), scores)


def _manifest(source: Source) -> Path:
    if source.manifest is not None:
        return source.manifest
    found = [
        file
        for file in files_in(source.path.parent)
        if file.suffix in _MANIFESTS and nemo_manifest.matches(Beginning.of(file))
    ]
    if len(found) != 1:
        raise InputError(
            f"NeMo's beams have no ids, and {len(found)} manifests lie beside",
            expected="the manifest that was decoded",
            remedy="give it with --manifest",
            file=source.path,
        )
    return found[0]


def _block_size(source: Source, manifest: Path, lines: int) -> int:
    """Lines for each utterance. Raises InputError where the blocks are not of one size."""
    utterances = sum(1 for _ in filled_lines(manifest))
    if not lines or not utterances:
        raise empty(source.path)
    named = _WIDTH.search(source.path.name)
    size, rest = divmod(lines, utterances)
    if rest or not size or (named and size != int(named[1])):
        width = f" of {named[1]}" if named else ""
        raise InputError(
            f"{lines} lines for the {utterances} utterances of {manifest}",
            expected=f"blocks{width} of one size, so that each can be found",
            remedy="write the manifest with extract_nbest=True instead, which keeps beams apart, "
            "or check the manifest",
            file=source.path,
        )
    if not named:
        source.remark(f"read as {utterances} blocks of {size} lines, in the manifest's order")
    return size


FORMAT = Format("nemo-tsv", matches, read)
