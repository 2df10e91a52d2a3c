from itertools import islice, pairwise

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.confusion_learning import (
    Evidence,
    Observation,
    learn_confusions,
    learn_rates,
    learning_steps,
)
from rescorer.pronunciation.confusions import (
    Confusions,
    EditRates,
    class_confusions,
    uniform_confusions,
)
from rescorer.pronunciation.edit_table import EditTable
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.phones import ARPABET, PhoneSet

PHONES = PhoneSet("abcd")


def said(*texts: str) -> tuple[Pronunciation, ...]:
    """Pronunciations of one letter a phone, equally probable."""
    return tuple(Pronunciation(tuple(text), 1 / len(texts)) for text in texts)


def observed(*pairs: tuple[str, str], weight: float = 1.0) -> list[Observation]:
    return [Observation(said(spoken), said(written), weight) for spoken, written in pairs]


def channel() -> Confusions:
    """`a` becomes `b` in 3 of 10 cases, `c` is dropped in 2 of 10, `d a` becomes `c` in 4 of 10,
    `b` becomes `b c` in 1 of 10, and one phone in 20 is inserted, a `d`.
    """
    table = EditTable.zeros(4)
    a, b, c, d = range(4)
    table.substitution[a, [a, b]] = 0.7, 0.3
    table.substitution[b, b], table.split[b, b, c] = 0.9, 0.1
    table.substitution[c, c], table.deletion[c] = 0.8, 0.2
    table.substitution[d, d], table.merge[d, a, c] = 0.6, 0.4
    table.insertion[d] = 0.05
    return Confusions(PHONES, table)


def simulated(truth: Confusions, size: int, seed: int) -> list[Observation]:
    """What the channel writes for random phones. A merge is only drawn where its phones are."""
    generator = np.random.default_rng(seed)
    return [
        Observation(*(said("".join(PHONES.symbols[each] for each in side)) for side in pair))
        for pair in (
            written_by(truth.probabilities, generator.integers(4, size=6).tolist(), generator)
            for _ in range(size)
        )
    ]


def written_by(
    table: EditTable, spoken: list[int], generator: np.random.Generator
) -> tuple[list[int], list[int]]:
    written: list[int] = []
    place = 0
    while True:
        while generator.random() < table.insertion.sum():
            written += [int(generator.choice(4, p=table.insertion / table.insertion.sum()))]
        if place == len(spoken):
            return spoken, written
        place += _edit(table, spoken[place:], written, generator)


def _edit(
    table: EditTable, rest: list[int], written: list[int], generator: np.random.Generator
) -> int:
    """Write by one operation; returns how many spoken phones it took."""
    phone, following = rest[0], rest[1] if len(rest) > 1 else None
    merges = table.merge[phone]
    possible = np.zeros_like(merges)
    if following is not None:
        possible[following] = merges[following]
    # what cannot be merged here is a substitution, as in the channel above
    substitution = table.substitution[phone] * (
        1 + (merges.sum() - possible.sum()) / table.substitution[phone].sum()
    )
    weights = np.concatenate(
        [substitution, [table.deletion[phone]], possible.ravel(), table.split[phone].ravel()]
    )
    drawn = int(generator.choice(len(weights), p=weights))
    if drawn < 4:
        written += [drawn]
    elif 5 <= drawn < 21:
        written += [(drawn - 5) % 4]
        return 2
    elif drawn >= 21:
        written += divmod(drawn - 21, 4)
    return 1


def test_a_known_channel_is_recovered() -> None:
    truth = channel()
    evidence = Evidence.of(simulated(truth, 4000, seed=1), PHONES)
    learnt = learn_confusions(
        evidence, uniform_confusions(PHONES), strength=0, iterations=60, tolerance=0
    ).probabilities
    a, b, c, d = range(4)
    assert learnt.substitution[a, b] == pytest.approx(0.3, abs=0.03)
    assert learnt.deletion[c] == pytest.approx(0.2, abs=0.03)
    assert learnt.split[b, b, c] + learnt.split[b, c, c] == pytest.approx(0.1, abs=0.03)
    assert learnt.insertion[d] == pytest.approx(0.05, abs=0.02)
    # A quarter of all phones that follow a `d` are `a`.
    assert learnt.merge[d, a, c] == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("strength", [0, 3])
def test_every_step_raises_the_posterior(strength: float) -> None:
    evidence = Evidence.of(simulated(channel(), 200, seed=2), PHONES)
    steps = islice(learning_steps(evidence, uniform_confusions(PHONES), strength), 12)
    found = [posterior for _, posterior in steps]
    assert all(after >= before - 1e-9 for before, after in pairwise(found))
    assert found[-1] > found[0] + 10


def test_without_a_prior_the_likelihood_rises() -> None:
    evidence = Evidence.of(simulated(channel(), 200, seed=3), PHONES)
    steps = islice(learning_steps(evidence, uniform_confusions(PHONES), 0), 8)
    found = [evidence.log_likelihood(table) for table, _ in steps]
    assert all(after >= before - 1e-9 for before, after in pairwise(found))


def test_a_strong_prior_stays() -> None:
    evidence = Evidence.of(observed(("a", "b")), PHONES)
    prior = uniform_confusions(PHONES)
    learnt = learn_confusions(evidence, prior, strength=1e9, iterations=3)
    np.testing.assert_allclose(
        learnt.probabilities.substitution, prior.probabilities.substitution, atol=1e-6
    )


def test_only_what_was_seen_moves() -> None:
    evidence = Evidence.of(observed(("a", "b"), weight=5), PHONES)
    prior = uniform_confusions(PHONES)
    before, after = (
        table.substitution
        for table in (
            prior.probabilities,
            learn_confusions(evidence, prior, strength=10, iterations=9).probabilities,
        )
    )
    assert after[0, 1] > before[0, 1] + 0.2
    np.testing.assert_allclose(after[1:], before[1:])


def test_probabilities_sum_to_one() -> None:
    evidence = Evidence.of(simulated(channel(), 100, seed=4), PHONES)
    learnt = learn_confusions(evidence, uniform_confusions(PHONES), strength=2, iterations=3)
    np.testing.assert_allclose(learnt.probabilities.by_spoken_phone(), 1)
    assert 0 < learnt.probabilities.insertion.sum() < 1


def test_pronunciations_are_summed_over() -> None:
    """Weighted by their probabilities where they were said, and plainly where they were written."""
    spoken = (Pronunciation(("a",), 0.7), Pronunciation(("b", "a"), 0.3))
    table = uniform_confusions(PHONES).probabilities

    def likelihood(spoken: tuple[Pronunciation, ...], written: tuple[Pronunciation, ...]) -> float:
        return np.exp(Evidence.of([Observation(spoken, written)], PHONES).log_likelihood(table))

    apart = sum(
        one.probability * likelihood(said("".join(one.phones)), said(other))
        for one in spoken
        for other in ("a", "bc")
    )
    assert likelihood(spoken, said("a", "bc")) == pytest.approx(apart)


def test_weights_count_as_repetitions() -> None:
    pairs = [("ab", "b"), ("c", "d")]
    twice = Evidence.of(observed(*pairs, *pairs), PHONES)
    weighted = Evidence.of(observed(*pairs, weight=2), PHONES)
    prior = uniform_confusions(PHONES)
    one, other = (
        learn_confusions(each, prior, strength=1, iterations=4).probabilities
        for each in (twice, weighted)
    )
    np.testing.assert_allclose(one.substitution, other.substitution)
    assert twice.spoken_phones == weighted.spoken_phones == 6


def test_long_observations_are_left_out() -> None:
    evidence = Evidence.of(observed(("a" * 41, "a"), ("a", "b")), PHONES)
    assert evidence.weights.tolist() == [1] and evidence.spoken_phones == 1


def test_unknown_phones_are_named() -> None:
    with pytest.raises(InputError, match="unknown phone 'x'"):
        Evidence.of(observed(("x", "a")), PHONES)


def test_rates_are_recovered() -> None:
    rates = EditRates(substituted=0.2, deleted=0.1, inserted=0.05, merged=0, split=0)
    truth = uniform_confusions(PHONES, rates)
    evidence = Evidence.of(simulated(truth, 2000, seed=5), PHONES)
    found = learn_rates(evidence, uniform_confusions, PHONES)
    assert found.deleted - found.inserted == pytest.approx(0.05, abs=0.02)
    assert found.substituted + found.merged + found.split == pytest.approx(0.2, abs=0.05)


def test_phones_of_the_same_class_are_confused_more() -> None:
    table = class_confusions(ARPABET).probabilities
    t, d, iy = ARPABET.ids(["T", "D", "IY"])
    assert table.substitution[t, d] > 5 * table.substitution[t, iy]
