"""The small programs of recipes/g2p."""

import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).parents[2] / "recipes" / "g2p"


def run(program, *arguments):
    command = [sys.executable, str(RECIPE / program), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_inflected_forms_stay_together(tmp_path):
    roots = [f"{a}{b}onk" for a in "bcdfghklmnprstvw" for b in "aeiou"]
    forms = [root + ending for root in roots for ending in ("", "s", "'s", "ed", "ing")]
    dictionary = tmp_path / "cmudict.dict"
    dictionary.write_text("".join(f"{word} B AA1 NG K # comment\n" for word in forms))
    run("split.py", dictionary, tmp_path)
    parts = {
        name: {line.split()[0] for line in (tmp_path / f"{name}.txt").read_text().splitlines()}
        for name in ("train", "valid", "test")
    }
    assert sum(map(len, parts.values())) == len(forms) and all(parts.values())
    for root in roots:
        assert sum(root in words for words in parts.values()) == 1
        assert any({root, f"{root}s", f"{root}'s", f"{root}ing"} <= each for each in parts.values())
    assert "ˈ" not in (tmp_path / "train.txt").read_text() and "1" not in parts["train"]


def test_letters_are_aligned_with_what_they_sound(tmp_path):
    words = {
        "bat": "B AE T",
        "tab": "T AE B",
        "box": "B AA K S",
        "tax": "T AE K S",
        "both": "B AA TH",
    }
    lexicon, aligned = tmp_path / "lexicon.txt", tmp_path / "aligned.txt"
    lexicon.write_text("".join(f"{word} {said}\n" for word, said in words.items()) * 5)
    run("align.py", lexicon, aligned)
    lines = set(aligned.read_text().splitlines())
    assert {"b:B a:AE t:T", "t:T a:AE b:B", "b:B o:AA x:K+S", "t:T a:AE x:K+S"} <= lines
