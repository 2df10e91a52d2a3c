"""The header of SLF: long names, bases of logarithms, weights, ids."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from htk_files import assert_same, read, spelled, written
from tiny_lattices import HTK_LINKS

from rescorer.recognition.formats import htk
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, PRONUNCIATION

LN10 = math.log(10)


def test_long_names(tmp_path: Path) -> None:
    long = HTK_LINKS
    for short, name in (
        ("J=", "J="),
        (" S=", " START="),
        (" E=", " END="),
        ("W=", "WORD="),
        (" v=", " var="),
        (" a=", " acoustic="),
        (" l=", " language="),
        (" n=", " ngram="),
        (" p=", " posterior="),
        (" d=", " div="),
        (" t=", " time="),
        ("N=4 L=4", "NODES=4\n\nLINKS=4"),
    ):
        long = long.replace(short, name)
    assert_same(read(tmp_path / "x.slf", HTK_LINKS), read(tmp_path / "x.slf", long))


@pytest.mark.parametrize(
    ("base", "score"), [("", -2.0), ("base=2.5", -2 * math.log(2.5)), ("base=10", -2 * LN10)]
)
def test_bases(tmp_path: Path, base: str, score: float) -> None:
    lattice = read(tmp_path / "x.slf", f"{base}\nwdpenalty=-2\nN=2 L=1\nJ=0 S=0 E=1 a=-2\n")
    assert lattice.scores[ACOUSTIC].tolist() == [pytest.approx(score), 0]
    assert lattice.own_word_penalty == pytest.approx(-score)


def test_probabilities(tmp_path: Path) -> None:
    text = (
        "base=0 wdpenalty=0.5\nN=3 L=3\nJ=0 S=0 E=1 W=a a=0.5\nJ=1 S=0 E=2 W=b a=0 l=0.5\n"
        "J=2 S=1 E=2 W=c a=0.25 l=0.125\n"
    )
    lattice = read(tmp_path / "x.slf", text)
    assert spelled(lattice) == [(0, 1, "a"), (1, 2, "c"), (2, 3, "")]
    assert lattice.scores == {
        ACOUSTIC: pytest.approx(np.log([0.5, 0.25, 1])),
        FIRST_LM: pytest.approx(np.log([1, 0.125, 1])),
    }
    assert lattice.own_word_penalty == pytest.approx(math.log(2))
    assert read(tmp_path / "x.slf", text.replace("0.5", "0").replace("0.25", "0")).states == 0


@pytest.mark.parametrize(
    ("header", "scales", "penalty"),
    [
        ("", {}, 0),
        ("lmscale=4", {ACOUSTIC: 0.25, FIRST_LM: 1}, 0),
        ("wdpenalty=1", {ACOUSTIC: 1, FIRST_LM: 1}, -1),
        ("lmscale=4\nacscale=2 wdpenalty=-3", {ACOUSTIC: 0.5, FIRST_LM: 1}, 0.75),
        ("acscale=0.1 prscale=3", {ACOUSTIC: 0.1, FIRST_LM: 1, PRONUNCIATION: 3}, 0),
        ("lmscale=0 acscale=2 wdpenalty=1", {ACOUSTIC: 2, FIRST_LM: 0}, -1),
    ],
)
def test_the_recognisers_own_scales(
    tmp_path: Path, header: str, scales: dict[str, float], penalty: float
) -> None:
    lattice = read(tmp_path / "x.slf", f"{header}\nN=2 L=1\nJ=0 S=0 E=1 W=a a=-2\n")
    assert lattice.own_scales == scales and lattice.own_word_penalty == penalty
    assert_same(lattice, written(tmp_path / "x.slf", lattice))


@pytest.mark.parametrize(
    ("header", "token", "utterance"),
    [
        ("UTTERANCE=utt/7", "u.slf", "utt/7"),
        ("U='utt 8'", "u.v.slf.gz", "u.v"),
        ('UTTERANCE=""', "u.lat", "u"),
        ("VERSION=1.0", "plain", "plain"),
        ("UTTERANCE='utt9'", "u.htk", "utt9"),
    ],
)
def test_ids(tmp_path: Path, header: str, token: str, utterance: str) -> None:
    text = f"{header}\nN=1 L=0\n".encode()
    (tmp_path / token).write_bytes(gzip.compress(text) if token.endswith(".gz") else text)
    assert htk.matches(tmp_path / token)
    assert read(tmp_path / token).utterance == utterance
