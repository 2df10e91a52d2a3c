"""The n-gram and its search, against KenLM and all strings of graphones."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path

import kenlm
import numpy as np
import pytest

from rescorer.pronunciation.graphones import load_graphones

PACK = Path(__file__).parents[2] / "recipes" / "g2p" / "pack.py"
ARPA = """\\data\\
ngram 1=8
ngram 2=7
ngram 3=3

\\1-grams:
-3\t<unk>\t0
0\t<s>\t-0.4
-0.9\t</s>\t0
-0.7\ta:AH\t-0.3
-0.8\ta:EY\t-0.2
-1.1\tb:B\t-0.5
-1.3\tb:\t0
-1.5\tx:K+S\t-0.1

\\2-grams:
-0.3\t<s> a:AH\t-0.2
-0.2\ta:AH b:B\t-0.1
-0.5\tb:B b:\t-0.3
-0.4\tb:B a:EY\t-0.2
-0.6\ta:EY </s>\t0
-0.7\ta:EY x:K+S\t0
-0.4\tx:K+S </s>\t0

\\3-grams:
-0.1\t<s> a:AH b:B
-0.2\ta:AH b:B a:EY
-0.05\tb:B a:EY </s>

\\end\\
"""
LETTERS = {"a": ["a:AH", "a:EY"], "b": ["b:B", "b:"], "x": ["x:K+S"]}
STEP = 0.05  # nats: what rounding to bytes may move a cost by


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphones")
    arpa, packed = folder / "graphones.arpa", folder / "graphones.npz"
    arpa.write_text(ARPA)
    spec = importlib.util.spec_from_file_location("pack", PACK)
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    arguments, sys.argv = sys.argv, ["pack.py", str(arpa), str(packed)]
    pack.main()
    sys.argv = arguments
    with packed.open("rb") as file:
        return load_graphones(file), kenlm.Model(str(arpa))


def phones_of(graphones):
    return tuple(p for each in graphones for p in each.partition(":")[2].split("+") if p)


@pytest.mark.parametrize("word", ["a", "ab", "aba", "abbax", "xx", "baab", "b"])
def test_search_finds_the_most_probable_phones(models, word):
    model, reference = models
    expected = {}
    for graphones in itertools.product(*(LETTERS[letter] for letter in word)):
        if phones := phones_of(graphones):
            probability = 10 ** reference.score(" ".join(graphones))
            expected[phones] = expected.get(phones, 0.0) + probability
    total = math.fsum(expected.values())
    letters = [model.letters.index(letter) for letter in word]
    found = model.search(np.array([letters, letters]), beam=64)
    for labels, descending in zip(found.labels, found.probabilities, strict=True):
        heard = {
            tuple(phone for label in row for phone in model.phones[label]): chance
            for row, chance in zip(labels, descending, strict=True)
            if chance > 0
        }
        assert heard.keys() == expected.keys()
        for phones, chance in heard.items():
            assert chance == pytest.approx(expected[phones] / total, rel=STEP * 2 * len(word))
        assert list(descending) == sorted(descending, reverse=True)
