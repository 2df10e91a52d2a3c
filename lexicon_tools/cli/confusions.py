"""The command `lexicon confusions`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE
from lexicon_tools.confusion_settings import ConfusionSettings
from rescorer.command import say, user_errors
from rescorer.command_line import Command, settings_options


@click.command(cls=Command)
@click.argument("source", metavar="DEV", type=READ)
@click.option("--ref", "reference", type=READ, help="References. By default those in the lists.")
@click.option("-o", "--output", type=WRITE, required=True, help="Where the confusions go, as JSON.")
@click.option(
    "--lexicon",
    "lexicon_path",
    type=READ,
    help="A lexicon of your own. In ARPAbet: it is asked before CMUdict. In another phone set: "
    "only its words count, and the confusions are of its phones.",
)
@settings_options(settings=ConfusionSettings)
@user_errors
def confusions(
    source: Path,
    reference: Path | None,
    output: Path,
    lexicon_path: Path | None,
    settings: ConfusionSettings,
) -> None:
    """Learn which phones a recogniser confuses from its n-best lists DEV, a development set.

    DEV is in any format that `rescore` reads. Where its hypotheses differ from the references,
    words are replaced by their phones, and EM finds how probable it is that one phone is written as
    another, is not written, or is inserted, and that two become one or one becomes two.
    """
    from lexicon_tools.confusions import learn_from_lists, read_pronunciations
    from rescorer.pronunciation.confusions_file import save_confusions
    from rescorer.recognition.formats import read_nbest
    from rescorer.recognition.references import read_references
    from rescorer.rescoring.inputs import check_references

    file = read_nbest(source)
    references = read_references(reference or source)
    utterances = [nbest.utterance for nbest in file.lists]
    for remark in [
        *file.remarks,
        *check_references(utterances, references, str(reference or source)),
    ]:
        say(remark)
    phones, pronounce = read_pronunciations(lexicon_path)
    learnt = learn_from_lists(file.lists, references, phones, pronounce, settings)
    save_confusions(learnt, output)
    figures = learnt.learnt
    say(
        f"{figures['pairs']:.0f} pairs of words, {figures['iterations']:.0f} steps, "
        f"{figures['log_likelihood_per_phone']:.4f} nats a spoken phone: {output}"
    )
