from click.testing import CliRunner

from lexicon_tools.cli import lexicon
from lexicon_tools.pronunciation_settings import PronounceSettings
from rescorer.pronunciation.lexicon_formats import FORMATS
from rescorer.settings import settings_fields


def run(*arguments):
    return CliRunner().invoke(lexicon, ["pronounce", *map(str, arguments)])


def test_own_lexicon_then_cmudict_then_spelling(tmp_path):
    words, own, output = (tmp_path / name for name in ("words.txt", "own.txt", "lexicon.txt"))
    words.write_text("Tomato\t3\nstinkerly\nr2d2\nann\n")
    own.write_text("ann AA1 N AA0\n")
    result = run(words, "--lexicon", own, "-o", output)
    assert result.exit_code == 0
    assert output.read_text() == (
        "Tomato T AH M EY T OW\nstinkerly S T IH NG K ER L IY\nann AA N AA\n"
    )
    assert result.stderr.splitlines() == [
        f"2 words from lexicons, 1 from their spelling, 1 without a pronunciation: {output}",
        "without a pronunciation: r2d2",
    ]


def test_n_best_with_probabilities(tmp_path):
    words, output = tmp_path / "words.txt", tmp_path / "lexiconp.txt"
    words.write_text("either\nnaïve\n")
    assert run(words, "-o", output, "--nbest", 2, "--format", "lexiconp").exit_code == 0
    assert output.read_text() == "either 1 IY DH ER\neither 1 AY DH ER\nnaïve 1 N AY IY V\n"


def test_nothing_is_written_without_a_pronunciation(tmp_path):
    words, output = tmp_path / "words.txt", tmp_path / "lexicon.txt"
    words.write_text("123\n")
    result = run(words, "-o", output)
    assert result.exit_code == 2 and not output.exists()
    assert "none of the words has a pronunciation" in result.stderr


def test_all_formats_are_offered():
    choices = {
        field.name: field.declaration.choices for field in settings_fields(PronounceSettings)
    }
    assert choices["format"] == FORMATS
