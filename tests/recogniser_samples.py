"""Files as recognisers write them, and what is read from each: recognition/samples/README.md."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

SAMPLES = Path(__file__).parent / "recognition" / "samples"
BYTELOG = 1024 / 10000.5
LOG10 = math.log(10)
Lists: TypeAlias = dict[str, list[tuple[str, dict[str, float]]]]


def _scored(name: str, *hypotheses: tuple[str, float]) -> list[tuple[str, dict[str, float]]]:
    return [(words, {name: score}) for words, score in hypotheses]


def _ranked(*texts: str) -> list[tuple[str, dict[str, float]]]:
    return _scored("rank", *((text, -float(place)) for place, text in enumerate(texts)))


def _acoustic(
    unit: float, *hypotheses: tuple[str, float, float]
) -> list[tuple[str, dict[str, float]]]:
    return [
        (words, {"acoustic": acoustic * unit, "first_lm": lm * unit})
        for words, acoustic, lm in hypotheses
    ]


SEE, SEA = ("he can see", -12.3456), ("he can sea", -13.75)
EXPECTED: dict[str, tuple[str, Lists]] = {
    "espnet": (
        "espnet",
        {
            "utt1": _scored("first_pass", SEE, SEA),
            "utt2": _scored("first_pass", ("yes", -1.5)),
            "utt3": _scored("first_pass", ("", -0.75), ("no", -3.0)),
        },
    ),
    "nemo.json": (
        "nemo",
        {
            "a-1": _scored("first_pass", SEE, SEA),
            "a-2": _scored("first_pass", ("yes", -1.5), ("", -2.25)),
        },
    ),
    "nemo-tsv/preds_out_width2_alpha0.5_beta0.5.tsv": (
        "nemo-tsv",
        {
            "a-1": _scored("first_pass", SEE, SEA),
            "a-2": _scored("first_pass", ("yes", -1.5), ("", -2.25)),
        },
    ),
    "wenet.txt": (
        "wenet",
        {
            "utt1": _scored("first_pass", SEE, SEA),
            "utt2": _scored("first_pass", ("", 0.0)),
            "utt3": _scored("first_pass", ("yes", -123.457)),
        },
    ),
    "wenet-python.json": ("wenet-json", {"wenet-python": _ranked("he can see", "he can sea")}),
    "wenet-server.json": ("wenet-json", {"wenet-server": _ranked("he can see", "he can sea")}),
    "vosk.json": (
        "vosk",
        {
            "vosk-1": _scored(
                "first_pass",
                ("노마드 모스코 덴 도 볼 수 없다", 85.763268),
                ("노마드 모스코 핸드볼 부 수원", 85.619179),
                ("노마드 모스코 우 덴 도 볼 수 없다", 85.16584),
            ),
            "vosk-2": _scored(
                "first_pass",
                ("제 [1] 호 와 싫든 카스트 볼복스 수거함 이 된 듯 나 이다", 119.672073),
                ("제 [1] 호 와 싫든 카스트 볼복스 수거함 이 된 듯 나", 119.429352),
                ("제 [1] 호 와 싫든 카스트 볼복스 수거함 이 된 드나", 119.333237),
                ("제 [1] 호 와 쉴튼 카스트 볼복스 수거함 이 된 듯 나 이다", 119.235184),
            ),
            "vosk-3": _scored("first_pass", ("", 78.050659)),
        },
    ),
    "icefall.txt": ("icefall", {"utt2": _ranked(""), "utt1": _ranked("HE CAN SEE")}),
    "srilm-1": (
        "srilm",
        {
            "utt1": _scored(
                "first_pass", ("he can see", -1200 * BYTELOG), ("he can sea", -1350 * BYTELOG)
            ),
            "utt2": _scored("first_pass", ("yes", -150 * BYTELOG)),
        },
    ),
    "srilm-2": (
        "srilm",
        {"utt1": _acoustic(BYTELOG, ("he can see", -1100, -100), ("he sea", -1200, -150))},
    ),
    "srilm-plain": (
        "srilm",
        {"utt1": _acoustic(LOG10, ("he can see", -521.5, -4.25), ("he can sea", -520.25, -6.5))},
    ),
    "aws.json": ("aws", {"aws-1": _ranked("He can see", "He can sea."), "aws-2": _ranked("Yes")}),
    "google.json": (
        "google",
        {"google-1": _ranked("he can see", "he can sea"), "google-2": _ranked("yes")},
    ),
    "google-stream.json": ("google", {"google-stream": _ranked("he can see", "he can sea")}),
    "azure.json": (
        "azure",
        {
            "azure-1": _scored(
                "confidence", ("he can see", math.log(0.91)), ("he can sea", math.log(0.5))
            ),
            "azure-2": _scored("confidence", ("yes", math.log(0.8))),
        },
    ),
    "azure-batch.json": (
        "azure",
        {
            "azure-batch": _scored(
                "confidence", ("he can see", math.log(0.91)), ("he can sea", math.log(0.5))
            )
        },
    ),
    "mlm-scoring.json": ("mlm-scoring", {"utt1": _scored("first_pass", SEE, SEA)}),
    "mlm-scoring-rescored.json": (
        "mlm-scoring",
        {
            "utt1": _scored(
                "first_pass",
                SEE,
                SEA,
                ("he can seas", -14.0),
                ("he can seize", -14.25),
                ("he can cease", -14.5),
                ("he can sees", -14.75),
                ("he can say", -15.0),
                ("he can saw", -15.25),
                ("he can sit", -15.5),
                ("he can sell", -15.75),
            ),
            "utt2": _scored("first_pass", ("yes", -1.5)),
        },
    ),
    "hyporadise.json": (
        "hyporadise",
        {
            "1": _ranked("he can see", "he can sea", "he can seize", "he can sea", "he can see"),
            "2": _ranked("yes", "<UNK>", "yes yes", "guess", "yet"),
        },
    ),
}
