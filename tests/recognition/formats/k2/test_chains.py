"""Arcs of several words."""

from __future__ import annotations

import numpy as np
import torch
from k2_files import MakeRagged, ReadDict, rows, sentences

from rescorer.recognition.formats.k2 import LABEL, Ragged


def test_arcs_of_several_words_become_chains(read_dict: ReadDict, ragged: MakeRagged) -> None:
    arcs = [(0, 1, 5, -1.0), (0, 2, 6, -2.0), (1, 2, 7, -4.0), (1, 3, -1, -8.0), (2, 3, -1, -16.0)]
    (lattice,) = read_dict(
        {
            "arcs": rows(arcs),
            "aux_labels": ragged([[1, 2, 3], [], [4], [5, 0, 6, -1], [-1]]),
            "lm_scores": torch.tensor([-0.5, -1.0, -2.0, -4.0, -8.0]),
            "times": ragged([[1.0], [2, 3], [], [4], [5]]),
            "frame": torch.tensor([1, 2, 3, 4, 5], dtype=torch.int32),
        }
    )
    assert sentences(lattice) == {
        ("w1", "w2", "w3", "w5", "w6"): [-9.0],
        ("w1", "w2", "w3", "w4"): [-21.0],
        (): [-18.0],
    }
    # What was the first arc says what the file says of the whole; arcs stay sorted, and states in
    # their order.
    assert lattice.sources.tolist() == [0, 0, 1, 2, 3, 3, 4, 5, 6]
    assert lattice.targets.tolist() == [1, 6, 2, 3, 6, 4, 5, 7, 7]
    assert lattice.labels.tolist() == [1, 0, 2, 3, 4, 5, 6, 0, 0]
    label, times, frame = (lattice.arc_fields[name] for name in (LABEL, "times", "frame"))
    assert (
        isinstance(label, np.ndarray)
        and isinstance(times, Ragged)
        and isinstance(frame, np.ndarray)
    )
    assert label.tolist() == [5, 6, 0, 0, 7, 0, 0, -1, -1]
    assert frame.tolist() == [1, 2, 0, 0, 3, 4, 0, 0, 5]
    assert times.splits.tolist() == [0, 1, 3, 3, 3, 3, 4, 4, 4, 5] and times.values.tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert np.diff(times.take(np.array([1, 1, 0])).splits).tolist() == [2, 2, 1]
