"""Names in the dictionary of `Fsa.as_dict()`."""

from __future__ import annotations

from pathlib import Path

from rescorer.recognition.formats.parsing import Place

LABEL = "label"  # k2's `labels` among the fields of arcs
FINAL_LABEL = -1  # on the arcs into the final state, and on no others
# Attributes that k2 does not know: the ids of utterances, and which attributes are scores.
UTTERANCES, SCORE_NAMES = "utterances", "score_names"
WORDS, LM_SCORES = "aux_labels", "lm_scores"  # the tensors that have a meaning here
# What k2 uses itself: no attribute can have these names.
RESERVED = frozenset(
    {
        "scores",
        "labels",
        LABEL,
        "properties",
        "_tensor_attr",
        "_non_tensor_attr",
        "_cache",
        "_properties",
    }
)

MEMORY = Place(Path("k2.Fsa"))  # the place of errors that are in no file
REMAKE_FILE = "make the file again"  # a remedy
