"""Great lattices: time and memory go with the arcs of the lattice at hand, and what does not fit is
gives an error.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import bad, good
from conftest import make_model
from tiny import KNOWN, make_ngram
from tiny_lattices import HTK, draw_lattices, make_lattice

import rescorer.rescoring.lattice
import rescorer.rescoring.lattice_files
import rescorer.rescoring.lattice_results
from rescorer.errors import InputError
from rescorer.recognition.formats.byte_stream import ByteStream
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.growing import Growing
from rescorer.rescoring.lattice import rescore_lattices

STEPS = 1000


def chain(steps: int = STEPS, name: str = "chain") -> Lattice:
    """Two words at each step."""
    arcs = [(state, state + 1, word) for state in range(steps) for word in KNOWN[:2]]
    return make_lattice(
        arcs, [steps], np.random.default_rng(0).normal(size=2 * steps + 1).tolist(), name
    )


def test_the_memory_of_a_chain_is_that_of_its_arcs(tmp_path: Path) -> None:
    """Each step has 16 expanded arcs of 188 bytes; 16 histories that no later step looks back at
    take nothing.
    """
    settings = ExpansionSettings(order=4, beam=1e9, max_histories=0)
    arcs = 16 * STEPS * 188
    (result,) = rescore_lattices(
        [chain()], make_ngram(tmp_path), settings=settings, memory=int(1.1 * arcs / 0.75)
    )
    assert 16 * STEPS - 64 < result.lattice.arcs <= 16 * STEPS + 1
    assert len(result.best()) == STEPS


def test_rows_grow_at_the_end() -> None:
    grown = Growing(np.zeros((1, 2)))
    for count in range(20):
        grown.append(np.full((count, 2), count))
    assert len(grown) == len(grown.rows) == 191
    np.testing.assert_array_equal(grown.rows[:, 1], np.repeat(np.arange(20), [1, *range(1, 20)]))


def test_after_a_great_piece_a_small_one_is_a_small_copy(tmp_path: Path) -> None:
    content = np.random.default_rng(0).integers(65, 90, 5_000_000, dtype=np.uint8).tobytes()
    (tmp_path / "file").write_bytes(content)
    with ByteStream(tmp_path / "file") as stream:
        assert stream.peek(2_200_000)[:2_200_000] == content[:2_200_000]
        stream.skip(2_200_000)
        assert stream.byte == 2_200_000
        while stream.peek(1):
            assert len(stream.window) <= 1 << 18
            size = 70_000 if stream.byte % 3 else 999
            found = stream.peek(size)
            assert found == content[stream.byte : stream.byte + size]
            stream.skip(len(found))
        assert stream.byte == len(content)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_machine_without_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    expand = rescorer.rescoring.lattice.expand

    def small_machine(lattices: list[Lattice], *rest: object) -> object:
        if sum(lattice.arcs for lattice in lattices) > 100:
            raise error
        return expand(lattices, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rescorer.rescoring.lattice, "expand", small_machine)
    some = [chain(20, "a"), chain(60, "great"), chain(20, "b"), chain(20, "c"), chain(20, "d")]
    with pytest.raises(
        InputError,
        match=r"'great': its 121 arcs need more memory than this machine has; remedy: lower "
        "--max-histories, --beam or --order",
    ):
        list(rescore_lattices(some, make_model()))
    collector = ErrorCollector(skip=True)
    kept = [
        each.lattice.utterance for each in rescore_lattices(some, make_model(), collector=collector)
    ]
    assert kept == ["a", "b", "c", "d"] and len(collector.errors) == 1


@pytest.mark.parametrize("size", [1e6, 1e12, 1e18, 1e30])
def test_the_best_path_of_great_scores_is_kept(size: float) -> None:
    """Their sums differ by more than the beam, for that they are rounded."""
    draw = np.random.default_rng(0)
    arcs = [(state, state + 1, word) for state in range(40) for word in KNOWN[:2]]
    lattice = make_lattice(
        arcs, [40], np.concatenate([size * draw.normal(size=80), [0.0]]).tolist()
    )
    (result,) = rescore_lattices([lattice], make_model())
    best = np.argmax(lattice.scores["score"][:80].reshape(40, 2), axis=1)
    words = [
        lattice.symbols.words[label]
        for label in lattice.labels[:80].reshape(40, 2)[np.arange(40), best]
    ]
    assert list(result.best()) == words


def test_lattices_that_were_rescored_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescorer.rescoring.lattice, "_BATCH_ARCS", 1)
    alive: list[weakref.ref[Lattice]] = []

    def source() -> Iterator[Lattice]:
        for number in range(8):
            lattice = chain(5, f"u{number}")
            alive.append(weakref.ref(lattice))
            yield lattice
            del lattice

    counts = []
    gc.freeze()  # what is there already takes the collector half a second each time
    for result in rescore_lattices(source(), make_model()):
        del result
        gc.collect()
        counts.append(sum(each() is not None for each in alive))
    gc.unfreeze()
    assert max(counts) <= 3, counts
    assert alive[0]() is None


def test_other_errors_of_torch_are_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(rescorer.rescoring.lattice, "expand", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        list(rescore_lattices([chain(3)], make_model()))


def test_tables_of_expected_errors_that_are_too_large_are_told() -> None:
    (result,) = rescore_lattices([chain(20)], make_model())
    size = (32 * result.lattice.states + 18 * result.lattice.arcs) * 21
    assert result.minimum_bayes_risk(size).words == result.minimum_bayes_risk().words
    with pytest.raises(
        InputError,
        match=r"'chain': the expected errors of \d+ arcs at 20 words need .*remedy: leave",
    ):
        result.minimum_bayes_risk(size - 1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and lattices, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    HTK.write(Path("lats"), draw_lattices())
    return tmp_path


def test_the_command_tells_of_such_tables(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescorer.rescoring.lattice_results, "_physical_memory", lambda: 1)
    line = bad("lats", "--lm", "lightrnn.pt", "--mbr", "--output", "best")
    assert "'u0': the expected errors of" in line and "leave --mbr" in line
    assert len(good("lats", "--lm", "lightrnn.pt").stdout.splitlines()) == 6
    assert "no lattice can be used" in bad(
        "lats", "--lm", "lightrnn.pt", "--mbr", "--skip-bad", "--output", "best"
    )


def test_a_command_without_memory_says_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(rescorer.rescoring.lattice_files, "rescore_lattice_files", hungry)
    assert "not enough memory" in bad("lats", "--lm", "lightrnn.pt")
