"""The command `lexicon`: words before the model."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from rescorer.command import InputPath, OutputPath, print_lines, say, scheduler_option, user_errors
from rescorer.command_line import Group, settings_options
from rescorer.errors import InputError
from rescorer.training.settings import NewWordSettings

_INPUT, _OUTPUT = InputPath(), OutputPath()
_FILE = InputPath(pipe=False)  # a model
_UNKNOWN_SHOWN = 20
_MISSING_SHOWN = 10

_processes_option = click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True
)
_CASE = click.Choice(["as-is", "lower"])


@click.group(cls=Group)
def lexicon() -> None:
    """Count words, make vocabularies, bring text into the shape of speech, give words to a
    model.
    """


@lexicon.command()
@click.argument("texts", type=_INPUT, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=_OUTPUT,
    required=True,
    help="Where word<TAB>count lines go, most frequent first.",
)
@_processes_option
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="What the words may take; beyond it they go to the folder of temporary files (TMPDIR).",
)
@scheduler_option
@user_errors
def count(
    texts: tuple[Path, ...], output: Path, processes: int, memory: int, scheduler: str | None
) -> None:
    """Count the words of TEXTS, a sentence a line, plain, .gz or .xz, for `lexicon vocabulary
    --counts`.

    The number of sentences is the count of </s>. There may be more distinct words than memory.
    """
    from lexicon_tools.counts import count_files
    from rescorer.rescoring.cluster import connected

    with connected(scheduler, say) if scheduler else nullcontext() as cluster:
        count_files(
            texts,
            output,
            processes=processes,
            memory=memory,
            counting=cluster.mapped if cluster else None,
        )


@lexicon.command()
@click.argument("lists", type=_INPUT, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=_OUTPUT, required=True, help="Where word<TAB>count<TAB>lists lines go."
)
@click.option("--phrases", type=_OUTPUT, help="Where the names of several words go, one a line.")
@click.option(
    "--report", type=_OUTPUT, help="Where it goes what was left out and why, with examples."
)
@click.option(
    "--case", type=_CASE, default="lower", show_default=True, help="lower: words are lower-cased."
)
@click.option(
    "--cap",
    "caps",
    type=(str, click.IntRange(min=0)),
    multiple=True,
    metavar="NAME N",
    help="Keep N words of a list, those of the greatest counts; may be repeated.",
)
@user_errors
def gazetteer(
    lists: tuple[Path, ...],
    output: Path,
    phrases: Path | None,
    report: Path | None,
    case: str,
    caps: tuple[tuple[str, int], ...],
) -> None:
    """Turn LISTS of names and places into words as they are spoken, as `lexicon normalise` writes
    them.

    A list is called by its file's name up to the first dot. A .tsv or .csv has a header line: names
    are in the column name, word, surname, last_name, first_name, given_name, place or city, their
    counts in count, population or frequency, other names, | between them, in alternate_names: these
    make the list NAME-alternates. Any other file has one name a line. Words with diacritics are
    there without them as well.
    """
    from lexicon_tools.gazetteer import read_gazetteer
    from lexicon_tools.word_lists import by_list

    found = read_gazetteer(lists, case=case, caps=dict(caps))
    found.save(output, phrases, report)
    for name, words in by_list(found.words).items():
        say(f"{name}: {len(words)} words of {found.names[name]} names")
    for (name, reason), texts in sorted(found.dropped.items()):
        say(f"{name}: left out, {reason}: {len(texts)}")
    say(f"{len(found.words)} words, {len(found.phrases)} names of several words: {output}")


@lexicon.command()
@click.argument("texts", type=_INPUT, nargs=-1)
@click.option(
    "--counts",
    "counted",
    type=_INPUT,
    multiple=True,
    help="Made by `lexicon count`; may be repeated.",
)
@click.option(
    "--list",
    "lists",
    type=(_INPUT, click.IntRange(min=0)),
    multiple=True,
    metavar="FILE N",
    help="Its words are always in, each as if seen N times more; may be repeated. Made by `lexicon "
    "gazetteer`, or a word or word<TAB>count a line, called by its file's name up to the first "
    "dot. Which lists a word is in goes to OUTPUT with .lists.tsv.",
)
@click.option("-o", "--output", type=_OUTPUT, required=True, help="Where word<TAB>count lines go.")
@click.option("--min-count", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--max-size", type=click.IntRange(min=3), help="Words at most, </s> and <unk> among them."
)
@click.option(
    "--case",
    type=_CASE,
    default="as-is",
    show_default=True,
    help="lower: every word is lower-cased here and wherever the vocabulary is used.",
)
@user_errors
def vocabulary(
    texts: tuple[Path, ...],
    counted: tuple[Path, ...],
    lists: tuple[tuple[Path, int], ...],
    output: Path,
    min_count: int,
    max_size: int | None,
    case: str,
) -> None:
    """Make the vocabulary of TEXTS: training text only, never what a model is tested on.

    Later words need no room here: they take the free cells of a model's table.
    """
    from lexicon_tools.counts import all_counts, make_vocabulary
    from lexicon_tools.word_lists import (
        by_list,
        joined,
        pseudo_counts,
        read_word_lists,
        write_word_lists,
    )

    if not (texts or counted or lists):
        raise InputError(
            "no words", expected="TEXTS, --counts or --list", remedy="give one of them"
        )
    counts = all_counts(texts, counted, case=case)
    files = [(read_word_lists(path, case=case), weight) for path, weight in lists]
    words = make_vocabulary(
        counts,
        pseudo_counts=pseudo_counts(files),
        min_count=min_count,
        max_size=max_size,
        case=case,
    )
    listed = joined(file for file, _ in files)
    if listed:
        write_word_lists(output.with_suffix(".lists.tsv"), listed)
    words.save(output)
    unknown = words.counts[words.unknown_id] / max(counts.total(), 1)
    say(
        f"{len(words)} words, {100 * unknown:.2f} % of the text's {counts.total()} words "
        f"unknown: {output}"
    )
    for name, members in by_list(listed).items():
        say(f"{name}: {len(members)} words, {len(members - counts.keys())} of them not in the text")


@lexicon.command()
@click.argument("source", metavar="TEXT-OR-NBEST", type=_INPUT)
@click.option(
    "--vocabulary",
    "vocabulary_path",
    type=_FILE,
    required=True,
    help="A words.tsv or a lightrnn.pt.",
)
@click.option(
    "--lists",
    "lists_path",
    type=_INPUT,
    help="Made by `lexicon gazetteer`, or a list of words: count its lists apart.",
)
@user_errors
def oov(source: Path, vocabulary_path: Path, lists_path: Path | None) -> None:
    """Print how many words of a text or of n-best lists are unknown: all, then list by list, the
    worst first.
    """
    from lexicon_tools.oov import count_source, rates, unknown_words
    from lexicon_tools.vocabulary import load_vocabulary
    from lexicon_tools.word_lists import by_list, read_word_lists

    known = load_vocabulary(vocabulary_path)
    listed = read_word_lists(lists_path, case=known.case) if lists_path else {}
    lines = []
    for part, counts in count_source(source, known).items():
        unknown = unknown_words(counts, known)
        lines.append(
            f"{part:<24} {'words':>10} {'unknown':>8} {'%':>6} {'distinct':>10} {'unknown':>8} "
            f"{'%':>6}"
        )
        for rate in rates(counts, unknown, by_list(listed)):
            lines.append(
                f"{rate.name:<24} {rate.words:>10} {rate.unknown:>8} {100 * rate.share:6.2f} "
                f"{rate.types:>10} {rate.unknown_types:>8} "
                f"{100 * rate.unknown_types / rate.types:6.2f}"
            )
        for word in list(unknown)[:_UNKNOWN_SHOWN]:
            lists = " ".join(listed[word].lists) if word in listed else ""
            lines.append(f"{unknown[word]:>10} {word} {lists}".rstrip())
    print_lines(lines)


@lexicon.command("words-txt")
@click.option(
    "--vocabulary",
    "vocabulary_path",
    type=_FILE,
    required=True,
    help="A words.tsv or a lightrnn.pt.",
)
@click.option("-o", "--output", type=_OUTPUT, help="Where the words.txt goes.")
@click.option(
    "--kind",
    type=click.Choice(["kaldi", "k2"]),
    default="kaldi",
    show_default=True,
    help="Whose order: kaldi sorts !SIL, <SPOKEN_NOISE> and <UNK> among the words, k2 has them "
    "as 1, 2, 3.",
)
@click.option(
    "--check", type=_INPUT, help="A recogniser's words.txt: print which words each side lacks."
)
@user_errors
def words_txt(vocabulary_path: Path, output: Path | None, kind: str, check: Path | None) -> None:
    """Write the words.txt of a vocabulary for Kaldi or k2, or check that a vocabulary fits a
    recogniser's.
    """
    from lexicon_tools.vocabulary import load_vocabulary
    from lexicon_tools.words_txt import fit, write_words_txt

    if (output is None) == (check is None):
        raise InputError(
            "nothing to do, or two things", expected="either --output or --check", remedy="give one"
        )
    known = load_vocabulary(vocabulary_path)
    if output:
        write_words_txt(known, output, kind)
    if check:
        found = fit(check, known)
        print_lines(
            [
                f"{found.both} words are in both",
                _lack(vocabulary_path, found.only_symbols, check),
                _lack(check, found.only_vocabulary, vocabulary_path),
            ]
        )


def _lack(path: Path, words: list[str], other: Path) -> str:
    first = ", ".join(words[:_MISSING_SHOWN])
    return f"{path} lacks {len(words)} words of {other}" + (
        f", the first: {first}" if words else ""
    )


@lexicon.command()
@click.argument("texts", type=_INPUT, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=_OUTPUT, required=True, help="Where the sentences go, one a line."
)
@_processes_option
@user_errors
def normalise(texts: tuple[Path, ...], output: Path, processes: int) -> None:
    """Turn running TEXTS into sentences as they are spoken: lower case, no punctuation, numbers in
    words.
    """
    from lexicon_tools.normalise import normalise_files

    normalise_files(texts, output, processes)


@lexicon.command()
@click.argument("source", metavar="TEXT-OR-NBEST", type=_INPUT)
@click.option(
    "--bpe-model", type=_INPUT, required=True, help="The sentencepiece .model of the recogniser."
)
@click.option(
    "--to", "target", type=click.Choice(["words", "pieces"]), default="words", show_default=True
)
@click.option("--ids", is_flag=True, help="Pieces are written as their ids.")
@click.option(
    "--keys",
    is_flag=True,
    help="The first field of each line of a text is the utterance, and stays.",
)
@click.option(
    "-o",
    "--output",
    type=_OUTPUT,
    required=True,
    help="Where the lines, or lists in their own format, go.",
)
@user_errors
def pieces(source: Path, bpe_model: Path, target: str, ids: bool, keys: bool, output: Path) -> None:
    """Join the pieces of a text or of n-best lists (`▁the ▁qu ick`) to words, or cut words into
    pieces.

    References of lists are words, and stay. Lattices of pieces go to `rescore --bpe-model` as they
    are.
    """
    from lexicon_tools.pieces import PieceModel, convert

    model = PieceModel(bpe_model, ids=ids)
    convert(source, output, model.to_words if target == "words" else model.to_pieces, keys=keys)
    if model.unknown:
        say(f"{model.unknown} unknown pieces, for characters that {bpe_model} lacks: {output}")


# ---- new words in a model ----

_model_argument = click.argument("path", metavar="MODEL", type=_FILE)
_words_argument = click.argument("words", type=_INPUT)
_new_model_option = click.option(
    "-o", "--output", type=_OUTPUT, required=True, help="The new lightrnn.pt."
)


@lexicon.command("add-words")
@_model_argument
@_words_argument
@_new_model_option
@click.option(
    "--text",
    "texts",
    type=_INPUT,
    multiple=True,
    help="Example sentences that hold new words, one a line; may be repeated.",
)
@click.option(
    "--like",
    type=_INPUT,
    help="Known words that the new ones are like, such as a list of surnames.",
)
@click.option(
    "--replay",
    type=_INPUT,
    multiple=True,
    help="Old text, such as MODEL was trained on; may be repeated.",
)
@settings_options(settings=NewWordSettings)
@click.option(
    "--finetune",
    type=click.IntRange(min=1),
    metavar="STEPS",
    help="Train the network for so many steps on the sentences of --text that hold new words, "
    "beside as many words of --replay, or of text that MODEL samples. Old words change, too.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@user_errors
def add_words(
    path: Path,
    words: Path,
    output: Path,
    texts: tuple[Path, ...],
    like: Path | None,
    replay: tuple[Path, ...],
    settings: NewWordSettings,
    finetune: int | None,
    device: str,
) -> None:
    """Give the words of WORDS cells in the table of MODEL.

    WORDS has `word` or `word<TAB>pseudo-count` a line, or was made by `lexicon gazetteer`. Each
    word gets the free cell in which the network expects it. Without --finetune and --move nothing
    is trained, and remove-words brings the old probabilities back. MODEL stays as it is.
    """
    from rescorer.training.model_files import add_words_file

    add_words_file(
        path,
        words,
        output,
        settings,
        texts=texts,
        like=like,
        replay=replay,
        finetune=finetune,
        device=device,
        say=say,
    )


@lexicon.command("remove-words")
@_model_argument
@_words_argument
@_new_model_option
@user_errors
def remove_words(path: Path, words: Path, output: Path) -> None:
    """Take the words of WORDS out of MODEL; their cells become free."""
    from rescorer.training.model_files import remove_words_file

    remove_words_file(path, words, output, say=say)
