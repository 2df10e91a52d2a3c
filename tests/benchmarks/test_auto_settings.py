"""Chosen settings beside those of the recipes."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest

from benchmarks.auto_settings import BY_HAND
from benchmarks.sources import ROOT


@pytest.mark.parametrize("recipe", ["ptb", "wikitext-2", "mini"])
def test_the_settings_by_hand_are_those_of_the_recipe(recipe: str) -> None:
    script = (ROOT / f"recipes/{recipe}/run.sh").read_text(encoding="utf-8")
    words = script.replace("\\\n", " ").split()
    options, epochs = BY_HAND[recipe]
    wanted = [*shlex.split(options), "--epochs", f"{epochs}"]
    pairs = {*pairwise(words)}
    for option, value in pairwise(wanted):
        if option.startswith("--"):
            assert option in words and (value.startswith("--") or (option, value) in pairs), option
