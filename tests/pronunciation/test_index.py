import numpy as np
import pytest
from tiny_edits import edit_cost

from rescorer.errors import InputError
from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.index import SoundIndex, SoundMatches
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.phones import ARPABET, PhoneSet

FEW = PhoneSet("ABCDE")


def random_sequences(
    rng: np.random.Generator, number: int, longest: int, phones: int
) -> PhoneSequences:
    lengths = rng.integers(0, longest + 1, number)
    return PhoneSequences.pack([rng.integers(0, phones, length) for length in lengths])


def random_costs(rng: np.random.Generator, phones: int, merges: bool) -> EditCosts:
    """Some edits are not allowed; whole numbers make many costs that equal the bound."""

    def some(*shape: int) -> np.ndarray:
        costs = rng.uniform(0, 4, shape) if rng.random() < 0.5 else rng.integers(0, 5, shape)
        return np.where(rng.random(shape) < 0.2, np.inf, costs)

    substitution = some(phones, phones)
    np.fill_diagonal(substitution, rng.uniform(0, 0.5, phones))
    three = (phones, phones, phones)
    merge, split = (some(*three), some(*three)) if merges else (None, None)
    return EditCosts(substitution, some(phones), some(phones), merge, split)


def expected_pairs(
    entries: PhoneSequences, spans: PhoneSequences, costs: EditCosts, bounds: np.ndarray
) -> dict[tuple[int, int], float]:
    pairs = {
        (span, entry): edit_cost(entries[entry], spans[span], costs)
        for span in range(len(spans))
        for entry in range(len(entries))
    }
    return {pair: cost for pair, cost in pairs.items() if cost <= bounds[pair[0]] + 1e-6}


def as_pairs(matches: SoundMatches) -> dict[tuple[int, int], float]:
    keys = zip(matches.spans.tolist(), matches.entries.tolist(), strict=True)
    found = dict(zip(keys, matches.costs.tolist(), strict=True))
    assert len(found) == len(matches)
    return found


@pytest.mark.parametrize("merges", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_finds_what_whole_tables_find(seed, merges):
    rng = np.random.default_rng(seed)
    entries = random_sequences(rng, 40, 7, len(FEW))
    spans = random_sequences(rng, 4, 8, len(FEW))
    costs = random_costs(rng, len(FEW), merges)
    bounds = rng.integers(0, 7, len(spans)) / 1.0
    found = as_pairs(SoundIndex.build(entries, FEW).search(spans, costs, bounds))
    expected = expected_pairs(entries, spans, costs, bounds)
    assert found.keys() == expected.keys()
    assert list(found.values()) == pytest.approx([expected[pair] for pair in found], abs=1e-4)


def test_most_random_searches_find_something():
    rng = np.random.default_rng(0)
    index = SoundIndex.build(random_sequences(rng, 40, 7, len(FEW)), FEW)
    spans = random_sequences(rng, 40, 8, len(FEW))
    found = index.search(spans, random_costs(rng, len(FEW), merges=True), 4)
    assert len(set(found.spans.tolist())) > 20
    assert len(found) < len(spans) * len(index) / 2


@pytest.mark.parametrize(
    ("name", "size"), [("trie_search._MAX_CELLS", 2000), ("index._MAX_TABLE", 1)]
)
def test_the_result_does_not_depend_on_chunks(name, size, monkeypatch):
    rng = np.random.default_rng(1)
    index = SoundIndex.build(random_sequences(rng, 500, 9, len(FEW)), FEW)
    spans, costs = random_sequences(rng, 30, 9, len(FEW)), random_costs(rng, len(FEW), True)
    whole = index.search(spans, costs, 4)
    monkeypatch.setattr(f"rescorer.pronunciation.{name}", size)
    parts = index.search(spans, costs, 4)
    assert len(whole) > 100
    for array in ("spans", "entries", "costs"):
        assert np.array_equal(getattr(whole, array), getattr(parts, array))


def arpabet(*words: str) -> PhoneSequences:
    return PhoneSequences.pack([ARPABET.ids(word.split()) for word in words])


def simple_costs(phones: int) -> EditCosts:
    """1 for each edit, nothing for a phone that is heard right."""
    return EditCosts(1 - np.eye(phones), np.ones(phones), np.ones(phones))


def test_words_that_sound_alike_are_sorted_by_cost():
    entries = arpabet("R AY T", "L AY T", "R AY T", "R AY", "D OW N T", "R AY T S")
    index = SoundIndex.build(entries)
    found = index.search(arpabet("R AY T", "D OW N"), simple_costs(39), [1, 1])
    assert found.spans.tolist() == [0, 0, 0, 0, 0, 1]
    assert found.entries.tolist() == [0, 2, 1, 3, 5, 4]
    assert found.costs.tolist() == [0, 0, 1, 1, 1, 1]


def test_each_span_has_its_own_bound():
    index = SoundIndex.build(arpabet("R AY T", "L AY T"))
    found = index.search(arpabet("R AY T", "R AY T", "R AY T"), simple_costs(39), [-1, 0, 1])
    assert found.spans.tolist() == [1, 2, 2]


def test_two_phones_may_be_written_as_one_and_one_as_two():
    merge, split = np.full((2, 5, 5, 5), np.inf)
    merge[0, 1, 2] = 0.5  # A B as C
    split[3, 4, 0] = 0.25  # D as E A
    few = simple_costs(5)
    costs = EditCosts(few.substitution, few.deletion, few.insertion, merge, split)
    entries = PhoneSequences.pack([FEW.ids("AB"), FEW.ids("D"), FEW.ids("ABD")])
    spans = PhoneSequences.pack([FEW.ids("C"), FEW.ids("EA"), FEW.ids("CEA")])
    found = SoundIndex.build(entries, FEW).search(spans, costs, 0.75)
    assert as_pairs(found) == {(0, 0): 0.5, (1, 1): 0.25, (2, 2): 0.75}


def test_nothing_is_found_among_nothing():
    empty, some, costs = PhoneSequences.pack([]), arpabet("R AY T"), simple_costs(39)
    assert len(SoundIndex.build(empty)) == 0
    assert len(SoundIndex.build(empty).search(some, costs, 2)) == 0
    assert len(SoundIndex.build(some).search(empty, costs, 2)) == 0


def test_large_phone_sets_and_long_entries():
    phones = PhoneSet(f"p{number}" for number in range(300))
    entries = PhoneSequences.pack([[299] * 400, [298] * 3])
    spans = PhoneSequences.pack([[299] * 399 + [0], [298] * 2, [42] * 400])
    found = SoundIndex.build(entries, phones).search(spans, simple_costs(300), 1)
    assert as_pairs(found) == {(0, 0): 1, (1, 1): 1}


def test_a_saved_index_finds_the_same(tmp_path):
    rng = np.random.default_rng(2)
    index = SoundIndex.build(random_sequences(rng, 100, 6, len(FEW)), FEW)
    index.save(tmp_path / "sounds")
    loaded = SoundIndex.load(tmp_path / "sounds", FEW)
    spans, costs = random_sequences(rng, 5, 6, len(FEW)), random_costs(rng, len(FEW), True)
    assert as_pairs(loaded.search(spans, costs, 4)) == as_pairs(index.search(spans, costs, 4))
    assert len(loaded) == len(index)


def test_an_index_of_another_phone_set_is_refused(tmp_path):
    SoundIndex.build(arpabet("R AY T")).save(tmp_path / "sounds")
    with pytest.raises(InputError, match=r"sounds: is an index of the phones AA AE .*expected A B"):
        SoundIndex.load(tmp_path / "sounds", FEW)


@pytest.mark.parametrize(
    ("spans", "costs", "bound", "message"),
    [
        (PhoneSequences.pack([[1]]), simple_costs(5), 1, "edit costs of 5 phones"),
        (PhoneSequences.pack([[39]]), simple_costs(39), 1, "spans with phone 39"),
        (PhoneSequences.pack([[1]]), simple_costs(39), np.inf, "bound that is not finite"),
    ],
)
def test_what_does_not_fit_the_index_is_refused(spans, costs, bound, message):
    with pytest.raises(InputError, match=message):
        SoundIndex.build(arpabet("R AY T")).search(spans, costs, bound)


def test_entries_of_other_phones_are_refused():
    with pytest.raises(InputError, match="entries with phone 5"):
        SoundIndex.build(PhoneSequences.pack([[5]]), FEW)
