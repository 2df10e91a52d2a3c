"""Stretches of speech, with a detector that knows the answer: what is not 0."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.decoding.speech import segment_id, segments


def loud(samples: np.ndarray) -> list[tuple[int, int]]:
    """Runs of samples that are not 0."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], samples != 0, [0]]).astype(int)))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_do_not_matter(size: int) -> None:
    samples = np.array([0, 0, 1, 2, 3, 0, 0, 4, 5, 0, 6, 7, 8, 9, 0, 0, 0], np.float32)
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    found = list(segments(blocks, loud))
    assert [list(each.samples) for each in found] == [[1, 2, 3], [4, 5], [6, 7, 8, 9]]
    assert [each.begin for each in found] == [2 / 16000, 7 / 16000, 10 / 16000]
    assert found[0].end == 5 / 16000


def test_silence() -> None:
    assert list(segments([np.zeros(5, np.float32)] * 3, loud)) == []
    assert list(segments([], loud)) == []


@pytest.mark.parametrize("block", [[0, 0, 1, 2, 3, 0], [0, 1, 2, 3, 0, 0]])
def test_long_silence_after_speech_is_not_held(block: list[float]) -> None:
    seen: list[int] = []

    def detect(samples: np.ndarray) -> list[tuple[int, int]]:
        seen.append(len(samples))
        return loud(samples)

    silence = [np.zeros(6, np.float32)] * 100
    found = list(segments([*silence, np.array(block, np.float32), *silence], detect))
    assert [list(each.samples) for each in found] == [[1, 2, 3]]
    assert max(seen) == 6


def test_ids_sort_by_time() -> None:
    ids = [segment_id("talk", begin, begin + 5.256) for begin in (3.0, 20.0, 100.5, 36000.0)]
    assert ids[0] == "talk-0000300-0000826"
    assert ids == sorted(ids)
