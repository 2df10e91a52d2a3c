"""How well models of phone confusions predict a recogniser's words.

    python -m benchmarks.confusions DEV TEST

Both are n-best lists with references. The rates of the uniform model and of the phonetic classes
are fitted to the best hypotheses of DEV. The package's table was fitted by recipes/confusions. All
are measured on the best hypotheses of TEST: the log-likelihood of the recognised words, given the
spoken ones, in nats per spoken phone. The result is benchmarks/results/confusions.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.results import record
from lexicon_tools.confusions import observations, read_pronunciations
from rescorer.pronunciation.confusion_learning import Evidence, Observation, learn_rates
from rescorer.pronunciation.confusions import class_confusions, uniform_confusions
from rescorer.pronunciation.confusions_file import default_confusions
from rescorer.pronunciation.phones import ARPABET
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.references import read_references

MEASURES = [
    *(
        f"rescorer/pronunciation/{name}.py"
        for name in ("confusion_learning", "confusions", "edit_lattice", "edit_table")
    ),
    "rescorer/pronunciation/english/confusions.json",
    "lexicon_tools/confusions.py",
]
COLUMNS = {
    "model": "model",
    "all": "all runs of words, nats a phone",
    "wrong": "wrong runs, nats a phone",
}


def best_observations(path: Path) -> list[Observation]:
    """The aligned runs of words of the best hypotheses, right ones and wrong ones."""
    lists = read_nbest(path).lists
    return observations(lists, read_references(path), read_pronunciations(None)[1], hypotheses=1)


def evidence(seen: Sequence[Observation]) -> Evidence:
    return Evidence.of(seen, ARPABET)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dev", type=Path)
    parser.add_argument("test", type=Path)
    arguments = parser.parse_args()
    dev = evidence(best_observations(arguments.dev))
    seen = best_observations(arguments.test)
    # Right words have the same pronunciations on both sides, and so have words that sound alike.
    wrong = [each for each in seen if list(each.spoken) != list(each.written)]
    measured = {"all": evidence(seen), "wrong": evidence(wrong)}
    models = {
        "uniform": uniform_confusions(ARPABET, learn_rates(dev, uniform_confusions, ARPABET)),
        "phonetic classes": class_confusions(ARPABET, learn_rates(dev, class_confusions, ARPABET)),
        "learnt: the package's table": default_confusions(),
    }
    rows = [
        {
            "model": name,
            **{
                key: round(part.log_likelihood(model.probabilities) / part.spoken_phones, 4)
                for key, part in measured.items()
            },
        }
        for name, model in models.items()
    ]
    path = record(
        name="confusions",
        title="Confusions of phones",
        question="How well do learnt confusions predict what a recogniser writes?",
        command=f"python -m benchmarks.confusions {arguments.dev.name} {arguments.test.name}",
        machine=machine("cpu"),
        measures=MEASURES,
        settings={
            "spoken phones": round(measured["all"].spoken_phones),
            "in wrong runs": round(measured["wrong"].spoken_phones),
        },
        columns=COLUMNS,
        rows=rows,
        notes=["Higher is better. Dev and test are of one speaker and one recogniser."],
    )
    for row in rows:
        print(row)
    print(path)


if __name__ == "__main__":
    main()
