"""SpeechBrain's searchers on tiny random models; sums are computed anew."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import kenlm
import pytest
import torch
from tiny import write_arpa

from rescorer.adapters import (
    from_speechbrain_ctc,
    from_speechbrain_seq2seq,
    from_speechbrain_transducer,
)

speechbrain = pytest.importorskip(
    "speechbrain.decoders", reason="speechbrain is not installed: make test-adapters"
)
pytestmark = pytest.mark.filterwarnings("ignore")

LETTERS = ["", *"acdehotsgm", " "]
ALPHA, BETA = 0.7, 1.1


def log_probs(frames: int = 12) -> torch.Tensor:
    values = torch.randn(1, frames, len(LETTERS), generator=torch.Generator().manual_seed(0))
    for frame, letter in enumerate("the cat"):
        values[0, frame, LETTERS.index(letter)] += 6
    values[:, 7:, 0] += 6
    return values.log_softmax(-1)


def test_ctc_with_a_language_model(tmp_path: Path) -> None:
    write_arpa(tmp_path / "lm.arpa")
    model = kenlm.Model(str(tmp_path / "lm.arpa"))
    searcher = speechbrain.CTCBeamSearcher(
        blank_index=0, vocab_list=LETTERS, kenlm_model_path=str(tmp_path / "lm.arpa"),
        alpha=ALPHA, beta=BETA, unk_score_offset=0.0, topk=10,
    )  # fmt: skip
    [nbest] = from_speechbrain_ctc(["u"], searcher(log_probs(), torch.ones(1)))
    assert len(nbest.hypotheses) > 5
    for each in nbest.hypotheses:
        # SpeechBrain does not score the end of a sentence after a last space.
        expected = {
            ALPHA * model.score(" ".join(each.words), eos=eos) * math.log(10)
            + BETA * len(each.words)
            for eos in (True, False)
        }
        assert any(each.scores["first_lm"] == pytest.approx(one, abs=1e-4) for one in expected)


def test_ctc_without_a_language_model() -> None:
    searcher = speechbrain.CTCBeamSearcher(blank_index=0, vocab_list=LETTERS, topk=3)
    [nbest] = from_speechbrain_ctc(["u"], searcher(log_probs(), torch.ones(1)))
    assert nbest.score_names == ("acoustic",) and nbest.hypotheses[0].words == ("the", "cat")


BOS, EOS = 0, 1
TABLE = torch.randn(6, 6, generator=torch.Generator().manual_seed(5))
TABLE[:, EOS] += 1
TABLE = TABLE.log_softmax(-1)


@pytest.mark.parametrize("is_mean", [True, False])
def test_seq2seq(is_mean: bool) -> None:
    class Bigrams(speechbrain.S2SBeamSearcher):  # type: ignore[name-defined, misc]
        """A decoder in which a token depends on the one before alone."""

        def set_n_out(self) -> int:
            return len(TABLE)

        def reset_mem(self, batch_size: int, device: Any) -> None: ...

        def permute_mem(self, memory: Any, index: Any) -> None: ...

        def forward_step(self, tokens: Any, memory: Any, states: Any, lengths: Any) -> Any:
            return TABLE[tokens], memory, None

    searcher = Bigrams(
        bos_index=BOS, eos_index=EOS, min_decode_ratio=0.0, max_decode_ratio=1.0, beam_size=8,
        return_topk=True, topk=5, length_normalization=is_mean, using_eos_threshold=False,
    )  # fmt: skip
    result = searcher(torch.zeros(2, 7, 3), torch.ones(2))
    lists = from_speechbrain_seq2seq(
        ["a", "b"], result, lambda ids: " ".join(map(str, ids)), length_normalization=is_mean
    )
    lengths = set()
    for nbest, rows in zip(lists, result[0].tolist(), strict=True):
        for each, row in zip(nbest.hypotheses, rows, strict=True):
            ids = [BOS, *row[: len(each.words) + 1]]
            assert [str(id) for id in ids[1:-1]] == list(each.words)
            sums = [float(TABLE[one, two]) for one, two in itertools.pairwise(ids)]
            assert each.scores["first_pass"] == pytest.approx(sum(sums), abs=1e-4)
            lengths.add(len(ids))
    assert len(lengths) > 1


def test_transducer_of_one_frame() -> None:
    """In one frame there is one way to every hypothesis."""
    from speechbrain.decoders.transducer import TransducerBeamSearcher
    from speechbrain.nnet.embedding import Embedding
    from speechbrain.nnet.linear import Linear
    from speechbrain.nnet.RNN import GRU
    from speechbrain.nnet.transducer.transducer_joint import Transducer_joint

    torch.manual_seed(0)
    size, hidden = 6, 4
    embedding = Embedding(
        num_embeddings=size, embedding_dim=3, consider_as_one_hot=True, blank_id=0
    )
    network = GRU(hidden_size=hidden, input_shape=(1, 4, size - 1), bidirectional=False)
    joint = Transducer_joint(Linear(input_shape=(1, 1, 4, hidden), n_neurons=hidden), joint="sum")
    linear = Linear(input_shape=(1, 4, hidden), n_neurons=size)
    with torch.no_grad():
        linear.w.bias[0] += 2  # the blank, so that hypotheses end after several numbers of tokens
    searcher = TransducerBeamSearcher(
        [embedding, network], joint, [linear], 0, beam_size=4, nbest=4
    )
    frame = torch.randn(1, 1, hidden)
    result = searcher(frame)
    [nbest] = from_speechbrain_transducer(["u"], result, lambda ids: " ".join(map(str, ids)))

    @torch.no_grad()
    def total(ids: list[int]) -> float:
        state, sum_ = None, 0.0
        for one, two in zip([0, *ids], [*ids, 0], strict=True):
            out, state = searcher._forward_PN(torch.tensor([[one]]), [embedding, network], state)
            step = searcher._joint_forward_step(frame[:, None], out[:, None])
            sum_ += float(step.view(-1)[two])
        return sum_

    assert len({len(each.words) for each in nbest.hypotheses}) > 1
    for each in nbest.hypotheses:
        expected = total([int(word) for word in each.words])
        assert each.scores["first_pass"] == pytest.approx(expected, abs=1e-4)
