"""Commands that make a model file from another one.

They are `lexicon add-words`, `lexicon remove-words`, `lightrnn reallocate` and `lightrnn spell`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from pathlib import Path

import torch

from rescorer.errors import InputError
from rescorer.files import sole_use
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import usable_device
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_list import WordList
from rescorer.progress import Progress, silent
from rescorer.training.corpus import Corpus, read_sentences
from rescorer.training.new_words.add_words import Addition, add_words, remove_words
from rescorer.training.reallocation.assign import Assignment
from rescorer.training.reallocation.reallocate import reallocate
from rescorer.training.reallocation.unseen import read_lists
from rescorer.training.settings import NewWordSettings, ReallocationSettings
from rescorer.work_folders import temporary_folder

_Say = Callable[[str], None]


def add_words_file(
    model_path: Path,
    list_path: Path,
    output: Path,
    settings: NewWordSettings | None = None,
    *,
    texts: Sequence[Path] = (),
    like: Path | None = None,
    replay: Sequence[Path] = (),
    device: str = "cpu",
    say: _Say,
) -> Addition | None:
    """Add words to a model (`lexicon add-words`).

    Args:
        list_path: the new words, `word` or `word<TAB>pseudo-count` a line.
        texts: example sentences, one a line.
        like: a list of known words that are similar to the new ones.
        replay: old text, for fine-tuning and for the reallocation.

    Returns:
        None if the model knows all the words already; the output is a copy of it then.

    Raises:
        InputError: a file or a setting cannot be used. No output is written then.
    """
    settings = settings or NewWordSettings()
    _check_texts(settings, texts, replay)
    model = _load(model_path, output, device)
    words = _read(list_path, model, settings.prior, say)
    known = model.knows(words.words)
    say(f"{len(words.words)} words in {list_path}, {known.sum()} of them known already: skipped")
    if known.all():
        model.save(output)
        return None
    words = words.take(~known)
    liked = _read_like(like, model) if like else ()
    with _corpus(replay, model.vocabulary) as old_text:
        new, addition = add_words(
            model,
            words.words,
            words.counts,
            examples=read_sentences(texts),
            like=liked,
            replay=old_text,
            settings=settings,
            say=say,
        )
    _describe(addition, texts, say)
    _note(
        new,
        "additions",
        pseudo_counts=float(words.counts.sum()),
        **_file_names(list=list_path, texts=texts, like=like, replay=replay),
        **_chosen(settings),
        **_outcome(addition),
    )
    new.save(output)
    return addition


def _describe(addition: Addition, texts: Sequence[Path], say: _Say) -> None:
    if texts and addition.with_examples < addition.words:
        say(
            f"{addition.words - addition.with_examples} of the {addition.words} new words are in "
            f"no sentence of {', '.join(map(str, texts))}: similar words decide their cells"
        )
    say(addition.describe())


def _file_names(**files: Path | Sequence[Path] | None) -> dict[str, object]:
    """The names of the files, without their folders."""
    return {
        key: [path.name for path in value] if isinstance(value, Sequence) else value and value.name
        for key, value in files.items()
    }


def _chosen(settings: NewWordSettings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in ("prior", "seed", "finetune", "move")}


def _outcome(addition: Addition) -> dict[str, object]:
    return {name: getattr(addition, name) for name in ("words", "rows", "columns", "mass")}


def reallocate_file(
    model_path: Path,
    texts: Sequence[Path],
    output: Path,
    settings: ReallocationSettings,
    *,
    work: Path,
    lists: Path | None,
    threads: int | None,
    device: str,
    say: _Say,
    progress: Progress = silent,
) -> Assignment:
    """Reallocate the words of a model (`lightrnn reallocate`), or resume an interrupted call.

    Args:
        work: the folder from which an interrupted call resumes.
        lists: the file of lists that `lexicon vocabulary --list` writes.

    Raises:
        InputError: a file or a setting cannot be used. No output is written then.
    """
    if threads:
        torch.set_num_threads(threads)
    model = _load(model_path, output, device)
    ids = read_lists(lists, model.vocabulary) if lists else ()
    with sole_use(work):
        corpus = Corpus.encode(texts, model.vocabulary, work / "texts.ids")
        found = reallocate(
            model, corpus, settings, lists=ids, work=work, say=say, progress=progress
        )
    say(found.describe())
    _note(
        model,
        "reallocations",
        texts=[path.name for path in texts],
        words=len(corpus),
        moved=found.moved,
    )
    model.save(output)
    return found


def remove_words_file(model_path: Path, list_path: Path, output: Path, *, say: _Say) -> int:
    """Remove words from a model (`lexicon remove-words`); returns the number of removed words.

    Raises:
        InputError: a file cannot be used, or the list holds a special token such as `<unk>`. No
            output is written then.
    """
    model = _load(model_path, output, "cpu")
    words = _read(list_path, model, 1.0, say)
    known = words.take(model.knows(words.words)).words
    say(f"{len(words.words)} words in {list_path}, {len(known)} of them known and removed")
    new = remove_words(model, known) if known else model
    _note(new, "removals", words=len(known), list=list_path.name)
    new.save(output)
    return len(known)


def spell_file(model_path: Path, output: Path, *, say: _Say) -> None:
    """Train the spelling model on the words of a model (`lightrnn spell`).

    Raises:
        InputError: a file cannot be used. No output is written then.
    """
    model = _load(model_path, output, "cpu")
    model.spelling = Spelling.learn(model.vocabulary.words)
    say(f"{len(model.spelling.pieces)} pieces of words, learnt from {len(model.vocabulary)} words")
    model.save(output)


def _check_texts(settings: NewWordSettings, texts: Sequence[Path], replay: Sequence[Path]) -> None:
    """Raises InputError if a setting needs a text that is missing, or a text has no use."""
    if settings.finetune and not texts:
        raise InputError(
            "--finetune without sentences to train on",
            remedy="give sentences with the new words by --text, or leave out --finetune",
        )
    if settings.move and not replay:
        raise InputError(
            "--move without text that tells where the old words belong",
            remedy="give text such as the model was trained on by --replay, or leave out --move",
        )
    if replay and not (settings.finetune or settings.move):
        raise InputError(
            "--replay is for --finetune and --move", remedy="give one of them, or leave it out"
        )


@contextmanager
def _corpus(texts: Sequence[Path], vocabulary: Vocabulary) -> Iterator[Corpus | None]:
    """The texts as ids in a temporary file; None if there are no texts."""
    if not texts:
        yield None
        return
    with temporary_folder() as folder:
        yield Corpus.encode(texts, vocabulary, folder / "replay.ids")


def _load(path: Path, output: Path, device: str) -> LightRNN:
    if output.exists() and output.resolve() == path.resolve():
        raise InputError(
            "is the model that is read",
            expected="a path of its own",
            remedy="give another --output; the old model stays as it is",
            file=output,
        )
    return LightRNN.load(path, usable_device(device))


def _read(path: Path, model: LightRNN, prior: float, say: _Say) -> WordList:
    words = WordList.read(path, model.vocabulary, count=prior)
    if words.lowered:
        say(f"{words.lowered} words lower-cased, as the vocabulary is")
    if words.repeated:
        say(f"{words.repeated} lines repeat a word and are passed over")
    return words


def _read_like(path: Path, model: LightRNN) -> list[str]:
    words = WordList.read(path, model.vocabulary).words
    known = list(compress(words, model.knows(words)))
    if not known:
        raise InputError(
            f"the model knows none of its {len(words)} words",
            expected="words of its vocabulary",
            remedy="list known words that the new ones are like",
            file=path,
        )
    return known


def _note(model: LightRNN, kind: str, **facts: object) -> None:
    """Add an entry to the provenance of the model."""
    earlier = model.provenance.get(kind, [])
    assert isinstance(earlier, list)  # reading the file checks it
    model.provenance = {**model.provenance, kind: [*earlier, facts]}
