"""Lattices of spoken sentences from PocketSphinx, by `nbest pocketsphinx`, with a first-pass n-gram
that knows rare names as unigrams only.

    pip install '.[pocketsphinx]' pocketsphinx==5.1.1 numpy==2.4.6
    OMP_NUM_THREADS=1 python decode_sphinx.py spoken.tsv wav out --text without.txt \\
      --names names.txt [--pronunciations recogniser/lexicon.txt]

`wav` holds the sound files that speak.py makes from spoken.tsv, and `without.txt` is text without
the names. KenLM's lmplz must be on the PATH. The folder `out` gets

    sphinx.dict                      the dictionary: PocketSphinx's and --pronunciations
    sphinx.arpa                      the first-pass model, unless it exists
    sphinx-lattices/ID.slf.gz        HTK lattices as PocketSphinx writes them
    refs.dev.txt, refs.test.txt      lines `id words`

Sentences with a lattice are skipped, so an interrupted run can be started again. Sentences without
sound are skipped, too. Sentences are in random order: the first lattices are a random sample.

The vocabulary consists of the words of the dictionary that are in the text or are names. Each name
gets the probability of the least probable word of the text, or an equal part of --share. The other
words lose that probability in proportion.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pocketsphinx import get_model_path

# isort: split
from spoken import Sentence, read_sentences, wav_path

DICTIONARY = Path(get_model_path("en-us/cmudict-en-us.dict"))
BLOCK = 200  # sentences that are decoded at a time
LMPLZ = ("lmplz", "-o", "3", "--prune", "0", "1", "2", "--discount_fallback", "-S", "1G")


def make_dictionary(pronunciations: Path | None, dictionary: Path) -> None:
    """PocketSphinx's dictionary, and entries of names that it lacks."""
    entries = DICTIONARY.read_text(encoding="utf-8")
    if pronunciations is not None:
        entries += pronunciations.read_text(encoding="utf-8")
    dictionary.write_text(entries, encoding="utf-8")


def dictionary_words(dictionary: Path) -> set[str]:
    """The words that have a pronunciation; variants are written as `word(2)`."""
    lines = dictionary.read_text(encoding="utf-8").splitlines()
    return {line.split()[0].split("(")[0] for line in lines if line}


def make_lm(text: Path, names: set[str], known: set[str], share: float, arpa: Path) -> None:
    """Estimate the first-pass model from a text and add the names.

    Args:
        known: the words of the dictionary.
    """
    words, plain = arpa.with_suffix(".words"), arpa.with_suffix(".plain")
    words.write_text("\n".join(sorted(known - names)), encoding="utf-8")
    with text.open("rb") as source:
        options = ["-T", f"{arpa.parent}/", "--limit_vocab_file", str(words), "--arpa", str(plain)]
        subprocess.run([*LMPLZ, *options], stdin=source, check=True)
    partial = arpa.with_suffix(".part")
    with plain.open(encoding="utf-8") as lines, partial.open("w", encoding="utf-8") as out:
        out.writelines(add_unigrams(list(lines), sorted(names & known), share))
    partial.rename(arpa)
    words.unlink()
    plain.unlink()


def add_unigrams(arpa: list[str], added: list[str], share: float) -> Iterator[str]:
    """The lines of a model with additional words.

    Args:
        share: probability of all additional words, relative to that of the others; 0: each word
            gets the lowest probability of the model's words.
    """
    start, end = arpa.index("\\1-grams:\n") + 1, arpa.index("\\2-grams:\n") - 1
    unigrams = [line.split("\t") for line in arpa[start:end]]
    lowest = min(float(cost) for cost, word, *_ in unigrams if word not in ("<s>", "<unk>"))
    each = math.log10(share / len(added)) if share else lowest
    taken = math.log10(1 + len(added) * 10**each)
    for line in arpa[: start - 1]:
        yield f"ngram 1={len(unigrams) + len(added)}\n" if line.startswith("ngram 1=") else line
    yield "\\1-grams:\n"
    for cost, word, *backoff in unigrams:
        yield "\t".join([cost if word == "<s>" else f"{float(cost) - taken:.7f}", word, *backoff])
    for word in added:
        yield f"{each - taken:.7f}\t{word}\t0\n"
    yield from arpa[end:]


def decode(wavs: list[Path], arpa: Path, dictionary: Path, out: Path) -> None:
    """Write the lattices of sound files."""
    new = out / "sphinx-new"
    command = ["nbest", "pocketsphinx", *map(str, wavs), "-o", str(new)]
    subprocess.run([*command, "--lm", str(arpa), "--dict", str(dictionary)], check=True)
    for path in new.iterdir():
        path.rename(out / "sphinx-lattices" / path.name)
    shutil.rmtree(new)


def lattice_path(out: Path, sentence: Sentence) -> Path:
    return out / "sphinx-lattices" / f"{sentence.id}.slf.gz"


def write_references(sentences: list[Sentence], out: Path) -> None:
    for part in {sentence.part for sentence in sentences}:
        lines = sorted(
            f"{sentence.id} {sentence.text}\n" for sentence in sentences if sentence.part == part
        )
        (out / f"refs.{part}.txt").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Lattices of spoken sentences from PocketSphinx.")
    parser.add_argument("sentences", type=Path, help="lines `id TAB text`")
    parser.add_argument("wav", type=Path, help="folder of their sound files")
    parser.add_argument("out", type=Path, help="folder for the lattices")
    parser.add_argument(
        "--text", type=Path, required=True, help="text of the first-pass model, one sentence a line"
    )
    parser.add_argument(
        "--names", type=Path, required=True, help="names to add as unigrams, one a line"
    )
    parser.add_argument(
        "--pronunciations",
        type=Path,
        help="entries of names that the dictionary lacks: the lexicon.txt of `lexicon add-words "
        "--recogniser-output`",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=0.0,
        help="probability of all names, relative to that of all other words; 0: each name gets the "
        "probability of the least probable word",
    )
    parser.add_argument(
        "--first", type=int, metavar="N", help="only the first N sentences of the random order"
    )
    args = parser.parse_args()

    (args.out / "sphinx-lattices").mkdir(parents=True, exist_ok=True)
    sentences = read_sentences(args.sentences)
    write_references(sentences, args.out)
    names = set(args.names.read_text(encoding="utf-8").split())
    arpa, dictionary = args.out / "sphinx.arpa", args.out / "sphinx.dict"
    make_dictionary(args.pronunciations, dictionary)
    if not arpa.exists():
        known = dictionary_words(dictionary)
        make_lm(args.text, names, known, args.share, arpa)
        print(f"{len(names & known)} of {len(names)} names are in the dictionary", flush=True)
    waiting = [
        wav_path(args.wav, sentence)
        for sentence in sentences[: args.first]
        if not lattice_path(args.out, sentence).exists() and wav_path(args.wav, sentence).exists()
    ]
    for start in range(0, len(waiting), BLOCK):
        decode(waiting[start : start + BLOCK], arpa, dictionary, args.out)


if __name__ == "__main__":
    main()
