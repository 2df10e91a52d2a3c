"""The commands `rescore` and `lightrnn`. Thin: what they do is in the packages that they import
when they run.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rescorer.command import InputPath, OutputPath, user_errors
from rescorer.command import say as _say
from rescorer.errors import InputError

if TYPE_CHECKING:
    from rescorer.models.language_model import LanguageModel

_EXISTING = InputPath()
_FILE = InputPath(pipe=False)  # a model, and what is read by several processes
_OUTPUT = OutputPath()
_FOLDER = click.Path(path_type=Path)  # of a training: some of its files are read, some written


def print_lines(lines: Iterable[str]) -> None:
    """UTF-8 lines to stdout. Raises InputError where they cannot be written; click handles a pipe
    that was closed.
    """
    try:
        if sys.stdout is None:
            raise OSError("it is closed")
        click.echo("".join(f"{line}\n" for line in lines).encode(), nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = io.StringIO()  # else what is left in its buffer fails once more at the exit
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            remedy="free some space or give --output",
            file="stdout",
        ) from None


def _english_model(device: str = "cpu") -> LanguageModel:
    from rescorer.models.loading import load

    model = load(device=device)
    _say(f"no model is given: {model.name} is taken, the English one of the package")
    return model


def _models(lm: Sequence[Path], ngram: Path | None, device: str) -> list[LanguageModel]:
    """The models of --lm and --ngram, with names that differ; that of the package where none is
    given.
    """
    from rescorer.models.loading import load

    paths = [*lm, *([ngram] if ngram else [])]
    if not paths:
        return [_english_model(device)]
    models = [load(path, device) for path in paths]
    names = [model.name for model in models]
    for model, path in zip(models, paths, strict=True):
        if names.count(model.name) > 1:
            # A score is named after its model: in files, such a name has no other characters.
            model.name = re.sub("[^A-Za-z0-9_.+-]", "_", f"{model.name}-{path.stem}")
    if len({model.name for model in models}) < len(models):
        raise InputError(
            "two models of one kind with one file name", remedy="rename one of the files"
        )
    return models


def _opened(lm: Sequence[Path], ngram: Path | None, device: str) -> list[LanguageModel]:
    """The models, unknown words spelled out where one of them can spell."""
    from rescorer.models.open_vocabulary import find_speller, open_vocabulary

    models = _models(lm, ngram, device)
    return open_vocabulary(models) if find_speller(models) else models


_lm_option = click.option(
    "--lm",
    type=_FILE,
    multiple=True,
    help="A lightrnn.pt or a KenLM file; may be repeated. "
    "Without it and --ngram: the English model of the package.",
)
_ngram_option = click.option(
    "--ngram", type=_FILE, help="A KenLM file, ARPA or binary, mixed in word by word."
)
_device_option = click.option(
    "--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N."
)
_memory_option = click.option(
    "--memory",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="Memory for histories. It changes the last digits of float32 in totals (1e-5), "
    "and so the order of hypotheses that are as close.",
)

scheduler_option = click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Of a Dask cluster whose workers do the work; the result is the same.",
)


_REALLOCATION = (
    click.option(
        "--cost-words",
        type=int,
        default=20_000_000,
        show_default=True,
        help="Words of the text read to price the cells.",
    ),
    click.option(
        "--block-size",
        type=int,
        default=50_000,
        show_default=True,
        help="Words whose cells are sought together; larger tables are cut into bands.",
    ),
    click.option(
        "--sweeps", type=int, default=2, show_default=True, help="Times that the bands are drawn."
    ),
    click.option(
        "--processes", type=int, default=1, show_default=True, help="Bands worked on at a time."
    ),
)


def _reallocation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_REALLOCATION):
        command = option(command)
    return command


@click.group()
def lightrnn() -> None:
    """Train and measure LightRNN language models."""


@lightrnn.command()
@click.argument("texts", type=_EXISTING, nargs=-1, required=True)
@click.option(
    "--valid",
    type=_EXISTING,
    required=True,
    help="Held-out text: the model that predicts it best is kept.",
)
@click.option("--vocabulary", type=_FILE, required=True, help="Made by `lexicon vocabulary`.")
@click.option("-o", "--output", type=_OUTPUT, required=True, help="Where lightrnn.pt goes.")
@click.option(
    "--work",
    type=_FOLDER,
    help="Folder of checkpoint, best model and logs; OUTPUT.work without it. "
    "A run that was cut goes on from there.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    help="Of the table; without --rows and --columns four words a row, up to 3,000 rows.",
)
@click.option("--columns", type=click.IntRange(min=1), help="Of the table.")
@click.option(
    "--table-init",
    type=click.Choice(["ppmi", "frequency"]),
    default="ppmi",
    show_default=True,
    help="Words that keep the same company share a row and begin alike; or are in order of their counts.",
)
@click.option(
    "--hidden-dim", type=int, default=256, show_default=True, help="Of the vectors and of the LSTM."
)
@click.option("--num-layers", type=int, default=1, show_default=True, help="Of the LSTM.")
@click.option("--dropout", type=float, default=0.0, show_default=True)
@click.option(
    "--weight-dropout",
    type=float,
    default=0.0,
    show_default=True,
    help="The share of the LSTM's recurrent weights that a step of training does without.",
)
@click.option(
    "--tied/--no-tied",
    default=True,
    show_default=True,
    help="The same vectors as input and output: half as many of them; the paper: not.",
)
@click.option(
    "--residual-dim",
    type=int,
    default=48,
    show_default=True,
    help="Of the vectors that frequent words have of their own; the paper: 0.",
)
@click.option(
    "--residual-columns",
    type=int,
    default=7,
    show_default=True,
    help="Of the table, from the first: the words in these have them.",
)
@click.option(
    "--residual-row-score/--no-residual-row-score",
    default=True,
    show_default=True,
    help="The own vector of a row's first word scores the row, too.",
)
@click.option(
    "--cell-bias/--no-cell-bias",
    default=True,
    show_default=True,
    help="A bias a cell; the paper: none.",
)
@click.option(
    "--two-step/--one-step",
    default=False,
    show_default=True,
    help="The LSTM reads a word's row, then "
    "its column, as in the paper; or both at once, which is quicker.",
)
@click.option(
    "--sampled-softmax-size",
    type=int,
    help="A step of training finds the scores of so many rows, drawn for it by "
    "how frequent they are, which is quicker in a tall table; 0: of all. Without it 500 where there are "
    "30,000 words or more, else 0.",
)
@click.option("--epochs", type=int, default=10, show_default=True)
@click.option(
    "--batch-size",
    type=int,
    default=32,
    show_default=True,
    help="Of text read side by side: the batch.",
)
@click.option(
    "--bptt", type=int, default=35, show_default=True, help="Words through which gradients flow."
)
@click.option("--lr", type=float, default=4e-3, show_default=True)
@click.option("--weight-decay", type=float, default=0.0, show_default=True)
@click.option(
    "--clip", type=float, default=1.0, show_default=True, help="The largest norm of the gradient."
)
@click.option(
    "--intervals", type=int, help="Validations in the whole training; one an epoch without it."
)
@click.option(
    "--reallocate-after", type=int, multiple=True, help="Number of an interval; may be repeated."
)
@_reallocation_options
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Of products in training; auto: in which they are quicker here.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Of the processor; all without it.")
@click.option("--seed", type=int, default=1, show_default=True)
@_device_option
@user_errors
def train(
    texts: tuple[Path, ...],
    valid: Path,
    vocabulary: Path,
    output: Path,
    work: Path | None,
    threads: int | None,
    device: str,
    **options: Any,
) -> None:
    """Train a LightRNN on TEXTS, a sentence a line, plain, .gz or .xz."""
    from rescorer.training.train import train_model

    train_model(
        texts,
        valid,
        vocabulary,
        output,
        work or output.with_name(f"{output.name}.work"),
        options,
        threads=threads,
        device=device,
        say=_say,
    )


@lightrnn.command()
@click.argument("text", type=_EXISTING)
@_lm_option
@_ngram_option
@click.option(
    "--fit", type=_EXISTING, help="Validation text on which the weights of the mixture are fitted."
)
@click.option(
    "--context",
    type=click.Choice(["sentence", "text"]),
    default="sentence",
    show_default=True,
    help="text: a LightRNN remembers the sentences before, as in published figures.",
)
@click.option(
    "--open",
    "spelled",
    is_flag=True,
    help="Unknown words are spelled out, not counted as one <unk>: no "
    "standard perplexity, which is over a stated vocabulary.",
)
@_device_option
@_memory_option
@user_errors
def perplexity(
    text: Path,
    lm: tuple[Path, ...],
    ngram: Path | None,
    fit: Path | None,
    context: str,
    spelled: bool,
    device: str,
    memory: int,
) -> None:
    """Print the standard perplexity of TEXT: every word and </s> once."""
    from rescorer.models.open_vocabulary import open_vocabulary
    from rescorer.rescoring.perplexity import TextScores, score_text

    models = _models(lm, ngram, device)
    if spelled:
        models = open_vocabulary(models)

    def scored(path: Path) -> TextScores:
        return score_text(_sentences(path), models, context=context, memory=memory << 20)

    scores = scored(text)
    lines = [
        f"{scores.words} words, {len(scores.log_probs) - scores.words} sentences, context: {context}"
    ]
    for (name, value), unknown in zip(scores.perplexities().items(), scores.unknown, strict=True):
        lines.append(f"{name:<20} perplexity {value:10.2f}   unknown words {unknown}")
    if fit:
        weights = scored(fit).best_weights()
        shares = ", ".join(
            f"{name} {weight:.3f}" for name, weight in zip(scores.names, weights, strict=True)
        )
        lines.append(
            f"{'mixture':<20} perplexity {scores.mixed(weights):10.2f}   weights {shares}, fitted on {fit}"
        )
    print_lines(lines)


def _sentences(path: Path) -> list[list[str]]:
    """Raises InputError where the text has none."""
    from rescorer.training.corpus import read_sentences

    sentences = list(read_sentences([path]))
    if not sentences:
        raise InputError(
            "no word in the text", expected="a sentence a line", remedy="check the file", file=path
        )
    return sentences


@lightrnn.command()
@click.argument("history", metavar="[WORDS]...", nargs=-1)
@click.option(
    "--lm", type=_FILE, help="A lightrnn.pt; the English model of the package without it."
)
@click.option("--prefix", help="The letters that the word begins with.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="K",
    help="Words proposed.",
)
@click.option(
    "--keys",
    is_flag=True,
    help="Answer each line of stdin, words<TAB>prefix, at once by a line, "
    "word<TAB>probability<TAB>…, as an input method asks.",
)
@_device_option
@user_errors
def predict(
    history: tuple[str, ...], lm: Path | None, prefix: str | None, top: int, keys: bool, device: str
) -> None:
    """Print the most probable words after WORDS that begin with a prefix, and P(word | WORDS) of
    each.

    WORDS begin a sentence. The probability is among all words, not among those with the prefix.
    """
    from rescorer.models.completion import Completer, can_begin_word, read_keys
    from rescorer.models.loading import load

    if keys and (history or prefix is not None):
        raise InputError(
            "--keys with words or --prefix", remedy="leave those out: they come on stdin"
        )
    if not can_begin_word(prefix or ""):
        raise InputError(
            f"--prefix {prefix!r}",
            expected="the letters of one word",
            remedy="give whole words as WORDS, before it",
        )
    completer = Completer(load(lm, device) if lm else _english_model(device))
    if keys:
        for words, begun in read_keys(sys.stdin.buffer):
            print_lines(["\t".join(map(_proposal, completer.words(words, begun, top)))])
    else:
        print_lines(map(_proposal, completer.words(" ".join(history).split(), prefix or "", top)))


def _proposal(found: tuple[str, float]) -> str:
    word, probability = found
    return f"{word}\t{probability:.6g}"


@lightrnn.command()
@click.argument("path", metavar="[MODEL]", type=_FILE, required=False)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="NAME=FILE",
    help="Words of one kind, each alone on its line or before a tab, plain, .gz or .xz; may be repeated.",
)
@click.option(
    "--word", "words", multiple=True, help="Print its cell and its neighbours; may be repeated."
)
@click.option(
    "--row",
    "numbers",
    type=int,
    multiple=True,
    metavar="N",
    help="Print all of this row, counted from 0; may be repeated.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Rows printed.",
)
@click.option(
    "--order",
    type=click.Choice(["fullest", "purest"]),
    default="fullest",
    show_default=True,
    help="fullest: the rows with most words on their dominant list first; purest: those of highest purity.",
)
@click.option(
    "--show",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="N",
    help="Words printed of a row or a column.",
)
@click.option(
    "--html",
    "page",
    type=_OUTPUT,
    help="Where one page goes on which to search and browse the table; it needs no network.",
)
@user_errors
def table(
    path: Path | None,
    lists: tuple[str, ...],
    words: tuple[str, ...],
    numbers: tuple[int, ...],
    rows: int,
    order: str,
    show: int,
    page: Path | None,
) -> None:
    """Print which words share a row of the table of MODEL, a lightrnn.pt; the English one of the
    package without it.

    A row's dominant list is the --list with most of its words; its purity is the share of its
    listed words that are on that list. Both count words, not how often they occur.
    """
    from rescorer.models.lightrnn import LightRNN
    from rescorer.reports.table_page import TableView, read_lists

    model = LightRNN.load(path) if path else _english_model()
    assert isinstance(model, LightRNN)
    view = TableView(model, read_lists(lists))
    lines = [line for word in words for line in view.word_lines(word, show)]
    lines += [view.row_line(number) for number in numbers]
    if page:
        view.write_page(page, path.name if path else model.name)
        _say(f"the table as a page: {page}")
    print_lines(lines or view.overview_lines(rows, show, order))


_words_argument = click.argument("words", type=_EXISTING)
_model_argument = click.argument("path", metavar="MODEL", type=_FILE)
_new_model_option = click.option(
    "-o", "--output", type=_OUTPUT, required=True, help="Where the new lightrnn.pt goes."
)


@lightrnn.command("add-words")
@_model_argument
@_words_argument
@_new_model_option
@click.option(
    "--text",
    "texts",
    type=_EXISTING,
    multiple=True,
    help="Example sentences that hold new words, one a line; may be repeated.",
)
@click.option(
    "--like",
    type=_EXISTING,
    help="Known words that the new ones are like, such as a list of surnames.",
)
@click.option(
    "--prior",
    type=float,
    default=1.0,
    show_default=True,
    help="Pseudo-count of words without one: how often they count as seen in the whole training text. 1 is "
    "as rare as a known word can be; 10 or 100 make a word so many times as probable, at the expense of "
    "all others.",
)
@click.option(
    "--grow",
    type=click.Choice(["rows", "columns", "no"]),
    default="rows",
    show_default=True,
    help="What the table gets more of where free cells are too few.",
)
@click.option(
    "--finetune",
    type=click.IntRange(min=1),
    metavar="STEPS",
    help="Train the network for so many steps on the sentences of --text that hold new words, beside as many "
    "words of --replay, or of text that MODEL makes. Old words change too.",
)
@click.option(
    "--replay",
    type=_EXISTING,
    multiple=True,
    help="Old text, such as MODEL was trained on; may be repeated.",
)
@click.option(
    "--move",
    is_flag=True,
    help="Old words may move to other cells too, by --replay and --text. Best with --finetune.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Of the text that the model is asked to make.",
)
@_device_option
@user_errors
def add_words(path: Path, words: Path, output: Path, **options: Any) -> None:
    """Give the words of WORDS (`word` or `word<TAB>pseudo-count` a line, or made by `lexicon
    gazetteer`) cells in the table of MODEL.

    The model itself says where it expects them. Without --finetune and --move nothing is trained
    and remove-words brings the old probabilities back. MODEL stays as it is.
    """
    from rescorer.training.model_files import add_words_file

    add_words_file(path, words, output, say=_say, **options)


@lightrnn.command()
@_model_argument
@click.argument("texts", type=_EXISTING, nargs=-1, required=True)
@_new_model_option
@click.option(
    "--work",
    type=_FOLDER,
    help="Folder by which a call that was cut goes on; OUTPUT.work without it.",
)
@click.option(
    "--lists",
    type=_EXISTING,
    help="The .lists.tsv that `lexicon vocabulary --list` writes: words TEXTS "
    "lack go where others of their lists are.",
)
@_reallocation_options
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bands.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the processor; all without it.")
@_device_option
@user_errors
def reallocate(
    path: Path,
    texts: tuple[Path, ...],
    output: Path,
    work: Path | None,
    lists: Path | None,
    threads: int | None,
    device: str,
    **options: Any,
) -> None:
    """Place the words of MODEL anew, each where the network expects it in TEXTS; nothing is
    trained.

    The vectors that were trained for other words are shared anew: train on afterwards, or compare
    perplexities first.
    """
    from rescorer.training.model_files import reallocate_file

    reallocate_file(
        path,
        texts,
        output,
        options,
        work=work or output.with_name(f"{output.name}.work"),
        lists=lists,
        threads=threads,
        device=device,
        say=_say,
    )


@lightrnn.command("remove-words")
@_model_argument
@_words_argument
@_new_model_option
@user_errors
def remove_words(path: Path, words: Path, output: Path) -> None:
    """Take the words of WORDS out of MODEL; their cells become free."""
    from rescorer.training.model_files import remove_words_file

    remove_words_file(path, words, output, say=_say)


@lightrnn.command()
@_model_argument
@_new_model_option
@user_errors
def spell(path: Path, output: Path) -> None:
    """Let MODEL, of an older release, learn from its own words how unknown ones are spelled.

    Nothing is trained. With a model that can spell, `rescore` tells unknown words apart.
    """
    from rescorer.training.model_files import spell_file

    spell_file(path, output, say=_say)


@lightrnn.command()
@_model_argument
@click.option(
    "-o",
    "--output",
    type=_OUTPUT,
    required=True,
    help="Where the .onnx goes: network and words in one.",
)
@click.option(
    "--int8", is_flag=True, help="Store numbers in int8: a smaller and quicker file, slightly off."
)
@click.option(
    "--text",
    type=_EXISTING,
    help="Sentences, one a line, on which the file is compared with MODEL; random "
    "words without it.",
)
@user_errors
def export(path: Path, output: Path, int8: bool, text: Path | None) -> None:
    """Write MODEL, a lightrnn.pt, as ONNX for onnxruntime: scoring then needs no torch.

    Prints how large the file is and how far its log-probabilities are off; with --int8 and --text,
    what the perplexity loses. Unknown words are scored as <unk>: their spelling stays behind.
    """
    from rescorer.models.lightrnn import LightRNN
    from rescorer.models.lightrnn.onnx_export import export as export_model

    sentences = _sentences(text) if text else ()
    print_lines(export_model(LightRNN.load(path), output, int8=int8, sentences=sentences))


from rescorer.cli.rescore import rescore as rescore  # noqa: E402
