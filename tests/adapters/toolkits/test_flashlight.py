"""flashlight's CTC decoder, alone and in torchaudio: the best alignment is found by brute force."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import kenlm
import pytest
import torch
from tiny import write_arpa

from rescorer.adapters import from_flashlight, from_torchaudio
from rescorer.errors import InputError

TOKENS = ["-", "|", "a", "c", "t"]  # blank, silence, letters
WORDS = {"cat": "c a t |", "a": "a |"}
FRAMES = 5


def emissions() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(1, FRAMES, len(TOKENS), generator=draw).log_softmax(-1)


def collapse(path: tuple[int, ...]) -> str:
    letters = "".join(TOKENS[id] for id, _ in itertools.groupby(path) if id)
    return " ".join(letters.replace("|", " ").split())


def best_alignments() -> dict[str, float]:
    """The log-probability of the best alignment of each text, its last silence included."""
    matrix, found = emissions()[0], dict[str, float]()
    for path in itertools.product(range(len(TOKENS)), repeat=FRAMES):
        text = collapse(path)
        score = float(sum(matrix[frame, id] for frame, id in enumerate(path)))
        found[text] = max(score, found.get(text, -math.inf))
    return found


def test_torchaudio() -> None:
    decoder = pytest.importorskip(
        "torchaudio.models.decoder", reason="torchaudio is not installed: make test-adapters"
    )
    ctc = decoder.ctc_decoder(lexicon=None, tokens=TOKENS, nbest=8, beam_size=500)
    results = ctc(emissions())

    def to_text(ids: list[int]) -> str:
        return collapse(tuple(ids))

    with pytest.raises(InputError, match=r"tokens without words.*to_text"):
        from_torchaudio(["u"], results)
    [nbest] = from_torchaudio(["u"], results, to_text)
    expected, best = best_alignments(), nbest.hypotheses[0]
    assert len(nbest.hypotheses) == 8
    assert best.scores["first_pass"] == pytest.approx(expected[" ".join(best.words)], abs=1e-4)
    assert best.scores["first_pass"] == pytest.approx(max(expected.values()), abs=1e-4)


def test_torchaudio_with_a_lexicon(tmp_path: Path) -> None:
    decoder = pytest.importorskip(
        "torchaudio.models.decoder", reason="torchaudio is not installed: make test-adapters"
    )
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("".join(f"{word} {letters}\n" for word, letters in WORDS.items()))
    ctc = decoder.ctc_decoder(
        lexicon=str(lexicon), tokens=TOKENS, nbest=5, beam_size=500, word_score=2.0
    )
    [nbest] = from_torchaudio(["u"], ctc(emissions()))
    assert {word for each in nbest.hypotheses for word in each.words} <= set(WORDS)
    assert nbest.hypotheses[0].words


@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_flashlight(tmp_path: Path, weight: float) -> None:
    reason = "flashlight-text is not installed: make test-adapters"
    text = pytest.importorskip("flashlight.lib.text.decoder", reason=reason)
    write_arpa(tmp_path / "lm.arpa")
    model = kenlm.Model(str(tmp_path / "lm.arpa"))
    decoder, words, _lm = lexicon_decoder(text, model, weight)
    matrix = emissions()[0].contiguous()
    results = decoder.decode(matrix.data_ptr(), FRAMES, len(TOKENS))
    [nbest] = from_flashlight(["u"], [results], words.__getitem__)
    if weight == 0.0:
        assert nbest.score_names == ("acoustic",)
    for each, result in zip(nbest.hypotheses, results, strict=True):
        path = [id for id in result.tokens if id >= 0]
        frames = path[1:-1] if len(path) == FRAMES + 2 else path
        acoustic = float(sum(matrix[frame, id] for frame, id in enumerate(frames)))
        assert each.scores["acoustic"] == pytest.approx(acoustic, abs=1e-4)
        assert sum(each.scores.values()) == pytest.approx(result.score, abs=1e-4)
        if weight:
            lm = model.score(" ".join(each.words), eos=True)
            assert each.scores["first_lm"] == pytest.approx(weight * lm, abs=1e-4)


def lexicon_decoder(text: Any, model: Any, weight: float) -> tuple[Any, list[str], Any]:
    """A decoder of WORDS whose language model is KenLM's, through flashlight's Python interface."""
    words = list(WORDS)

    class Kenlm(text.LM):  # type: ignore[misc]
        def __init__(self) -> None:
            text.LM.__init__(self)
            self.states: dict[Any, Any] = {}

        def start(self, start_with_nothing: bool) -> Any:
            state = text.LMState()
            self.states[state] = kenlm.State()
            model.BeginSentenceWrite(self.states[state])
            return state

        def score(self, state: Any, token: int) -> tuple[Any, float]:
            return self.next(state, token, words[token])

        def finish(self, state: Any) -> tuple[Any, float]:
            return self.next(state, len(words), "</s>")

        def next(self, state: Any, number: int, word: str) -> tuple[Any, float]:
            child = state.child(number)
            self.states.setdefault(child, kenlm.State())
            return child, model.BaseScore(self.states[state], word, self.states[child])

    lm = Kenlm()
    trie = text.Trie(len(TOKENS), TOKENS.index("|"))
    start = lm.start(False)
    for id, letters in enumerate(WORDS.values()):
        ids = [TOKENS.index(letter) for letter in letters.split()]
        trie.insert(ids, id, lm.score(start, id)[1])
    trie.smear(text.SmearingMode.MAX)
    options = text.LexiconDecoderOptions(
        beam_size=500, beam_size_token=len(TOKENS), beam_threshold=1000.0, lm_weight=weight,
        word_score=0.0, unk_score=-math.inf, sil_score=0.0, log_add=False,
        criterion_type=text.CriterionType.CTC,
    )  # fmt: skip
    decoder = text.LexiconDecoder(options, trie, lm, 1, 0, -1, [], False)
    return decoder, words, lm  # which the decoder does not keep alive
