"""Print the natural log-probability of each sentence of a text, by a file of `lightrnn export`; no
torch is needed.

    pip install numpy onnxruntime && pip install --no-deps .
    python examples/score_onnx.py model.onnx sentences.txt
"""

from __future__ import annotations

import sys

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.onnx_scorer import OnnxScorer


def main(model: str, text: str) -> None:
    scorer = OnnxScorer.load(model)
    sentences = [line.split() for _, line in read_lines(text)]
    for sentence, log_probs in zip(sentences, scorer.log_probs(sentences), strict=True):
        print(f"{log_probs.sum():.4f}", *sentence)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
