"""NeMo's transducer decoding on a tiny random model; sums are computed anew."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rescorer.adapters import from_nemo

pytestmark = pytest.mark.filterwarnings("ignore")

LETTERS = [" ", *"abc"]
BLANK = len(LETTERS)
HIDDEN = 5


def decoding() -> tuple[Any, Any, Any]:
    """NeMo's decoding, and its prediction and joint networks."""
    reason = "nemo_toolkit[asr] is not installed: make test-nemo"
    rnnt = pytest.importorskip("nemo.collections.asr.modules.rnnt", reason=reason)
    from nemo.collections.asr.parts.submodules.rnnt_decoding import RNNTDecoding
    from omegaconf import OmegaConf

    torch.manual_seed(0)
    prediction = {"pred_hidden": HIDDEN, "pred_rnn_layers": 1}
    decoder = rnnt.RNNTDecoder(prediction, vocab_size=BLANK).eval()
    joint = rnnt.RNNTJoint(
        {"encoder_hidden": HIDDEN, "pred_hidden": HIDDEN, "joint_hidden": HIDDEN,
         "activation": "relu"},
        num_classes=BLANK, vocabulary=LETTERS, log_softmax=True,
    ).eval()  # fmt: skip
    settings = OmegaConf.create(
        {
            "strategy": "beam",
            "beam": {"beam_size": 4, "return_best_hypothesis": False, "score_norm": True},
        }
    )
    return RNNTDecoding(settings, decoder, joint, LETTERS), decoder, joint


@torch.no_grad()
def total(decoder: Any, joint: Any, frame: torch.Tensor, ids: list[int]) -> float:
    """log P of tokens in one frame, and of the blank that ends it."""
    state, sum_ = None, 0.0
    for one, two in zip([BLANK, *ids], [*ids, BLANK], strict=True):
        out, state = decoder.predict(torch.tensor([[one]]), state, add_sos=False)
        sum_ += float(joint.joint(frame, out).view(-1)[two])
    return sum_


def test_transducer_of_one_frame() -> None:
    decode, decoder, joint = decoding()
    encoded = torch.randn(2, HIDDEN, 1)
    results = decode.rnnt_decoder_predictions_tensor(
        encoded, torch.tensor([1, 1]), return_hypotheses=True
    )
    lists = from_nemo(["a", "b"], results)
    assert all(len(nbest.hypotheses) > 1 for nbest in lists)
    for number, (nbest, hypotheses) in enumerate(zip(lists, results, strict=True)):
        for each, hypothesis in zip(nbest.hypotheses, hypotheses, strict=True):
            ids = [int(id) for id in hypothesis.y_sequence if id != BLANK]
            assert "".join(LETTERS[id] for id in ids).split() == list(each.words)
            expected = total(decoder, joint, encoded[number].T[None], ids)
            assert each.scores["first_pass"] == pytest.approx(expected, abs=1e-3)
