"""What reads files, with whole inputs to damage, and what must hold of each input that is read.

A target's `read` raises InputError, or uses what it read: an AssertionError says that the result is
none.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from conftest import WORDS, make_model, make_vocabulary
from tiny import KNOWN, write_arpa
from tiny_lattices import HTK_LINKS, HTK_NODES, random_lattice

from fuzz.list_targets import LISTS, nbest_targets, reference_targets
from fuzz.mutations import Case
from fuzz.target import CommandError, Target, file_case, output_place, take_case
from lexicon_tools.counts import read_counts
from lexicon_tools.gazetteer import read_gazetteer
from lexicon_tools.normalise import normalise_files
from lexicon_tools.oov import count_source
from lexicon_tools.pieces import convert
from lexicon_tools.vocabulary import load_vocabulary
from lexicon_tools.word_lists import read_word_lists, write_word_lists
from lexicon_tools.words_txt import fit
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import load
from rescorer.models.ngram import Ngram
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_counts import count_words
from rescorer.models.word_list import WordList
from rescorer.recognition.formats import (
    LATTICE_FORMATS,
    read_lattices,
    words_txt,
    write_nbest,
)
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH
from rescorer.recognition.word_pieces import join_words, read_pieces
from rescorer.rescoring.names import read_names, read_names_by_utterance
from rescorer.rescoring.weights import TunedWeights, Weights
from rescorer.training.corpus import Corpus

_SENTENCE = ("the", "cat", "strange", "on", "mat")


def all_targets(folder: Path) -> list[Target]:
    """Every target; what they need lies in a folder."""
    model = make_model(num_layers=2)
    model.spelling = Spelling.learn(model.vocabulary.words)
    made = (nbest_targets, reference_targets, _lattices, _tables, _word_lists, _models, _commands)
    return [target for make in made for target in make(folder, model)]


# ---- lattices ----

_KALDI_TEXT = (
    "utt-1\n0\t1\tthe\t0.5,2.25,3_1_1_12\n0\t2\tcat\n1\t2\tsat\t-1,8,7\n2\t0.125,0,5_5\n\n"
    "utt-2\n0\t1\t3\t1,1,\n1\n\n"
)
_SYMBOLS = ("<eps>", *KNOWN)


def _drawn(*scores: str) -> list[Lattice]:
    draw = np.random.default_rng(3)
    found = []
    for number in range(3):
        lattice = random_lattice(draw, 7, 12, KNOWN)
        labels = np.array(
            [_SYMBOLS.index(lattice.symbols.labels[label] or "<eps>") for label in lattice.labels],
            dtype=np.int64,
        )
        found.append(
            Lattice(
                f"u{number}",
                Symbols(_SYMBOLS),
                lattice.states,
                lattice.sources,
                lattice.targets,
                labels,
                {name: draw.normal(size=lattice.arcs).round(3) for name in scores},
            )
        )
    return found


def _lattices(folder: Path, _: LightRNN) -> Iterator[Target]:
    symbols = folder / "words.txt"
    write_lines(symbols, (f"{word} {number}" for number, word in enumerate(_SYMBOLS)))
    made = {"kaldi-lattice": _drawn(GRAPH, ACOUSTIC), "k2": _drawn(ACOUSTIC, FIRST_LM)}
    made["htk"] = made["k2"]
    more = {"kaldi-lattice": [_KALDI_TEXT], "htk": [HTK_LINKS, HTK_NODES], "k2": []}
    tables = {"kaldi-lattice": symbols, "k2": symbols, "htk": None}
    for name, format in LATTICE_FORMATS.items():
        format.write(folder / "made", made[name])
        case = take_case(folder / "made")
        cases = [case, *map(file_case, more[name])]
        if name != "k2":
            cases += [{key: gzip.compress(content, mtime=0) for key, content in case.items()}]
        yield Target(
            f"lattice-{name}",
            cases,
            lambda path, name=name: _read_lattices(path, name, tables[name]),
            4,
        )
        yield Target(
            f"lattice-{name}-passing-over",
            cases,
            lambda path, name=name: list(
                read_lattices(path, tables[name], name, ErrorCollector(_pass_over))
            ),
            1,
        )
    archive = folder / "lat.ark"
    LATTICE_FORMATS["kaldi-lattice"].write(archive, made["kaldi-lattice"])
    keys = b"".join(
        f"u{number} {archive}:{place}\n".encode() for number, place in enumerate(_places(archive))
    )
    yield Target(
        "lattice-scp",
        [file_case(keys)],
        lambda path: _read_lattices(path, "kaldi-lattice", symbols),
        1,
        "in.scp",
    )


def _places(archive: Path) -> list[int]:
    content = archive.read_bytes()
    return [content.index(f"u{number} ".encode()) + 3 for number in range(3)]


def _pass_over(error: InputError) -> None:
    """As --skip-bad."""


def _read_lattices(path: Path, name: str, symbols: Path | None) -> None:
    """What is read can be written and read again, or is refused by the writer."""
    lattices = list(read_lattices(path, symbols, name))
    assert lattices, "no lattice, and no error"
    for lattice in lattices:
        assert all(np.isfinite(score).all() for score in lattice.scores.values()), (
            "a score is not finite"
        )
        assert (lattice.sources < lattice.targets).all(), "not in topological order"
    out = output_place(path, "out" + ("" if path.is_dir() else path.suffix))
    LATTICE_FORMATS[name].write(out, lattices)
    # a folder's by name
    again = {lattice.utterance: lattice for lattice in read_lattices(out, symbols, name)}
    assert again.keys() == {lattice.utterance for lattice in lattices}, "not the same utterances"
    for one in lattices:
        two = again[one.utterance]
        # The writer may put empty arcs before and after; what is said stays.
        assert np.sum(one.symbols.spoken[one.labels]) == np.sum(two.symbols.spoken[two.labels]), (
            "words were lost"
        )


# ---- tables of words ----


def _tables(folder: Path, _: LightRNN) -> Iterator[Target]:
    vocabulary = make_vocabulary()
    table = folder / "words.txt"
    yield Target("words.txt", [_case_of(table)], lambda path: words_txt.read(path).spoken.sum(), 3)
    yield Target("words.txt-fit", [_case_of(table)], lambda path: fit(path, vocabulary), 1)
    vocabulary.save(folder / "made")
    saved = take_case(folder / "made")
    yield Target("vocabulary", [saved], _read_vocabulary, 3)
    yield Target("vocabulary-of-model", [saved], load_vocabulary, 1)
    counts = "the\t12\ncat\t7\ndây\t3\n</s>\t5\n"
    yield Target(
        "counts",
        [file_case(counts), file_case(gzip.compress(counts.encode(), mtime=0))],
        _read_counts,
        3,
    )
    text = "the cat sat on the mat\nthe dog ran\n\nDây là 42 words at $3.50\n"
    yield Target("text-count", [file_case(text)], lambda path: count_words([path]), 2)
    yield Target(
        "text-encode",
        [file_case(text)],
        lambda path: Corpus.encode([path], vocabulary, output_place(path, "out")),
        2,
    )
    yield Target(
        "text-normalise",
        [file_case(text)],
        lambda path: normalise_files([path], output_place(path, "out")),
        2,
    )
    yield Target(
        "text-oov",
        [file_case(text), file_case(gzip.compress(text.encode(), mtime=0))],
        lambda path: count_source(path, vocabulary),
        1,
    )


def _case_of(path: Path) -> Case:
    return {"": path.read_bytes()}


def _read_vocabulary(path: Path) -> None:
    vocabulary = Vocabulary.load(path)
    out = output_place(path, "out")
    vocabulary.save(out)
    again = Vocabulary.load(out)
    assert again.words == vocabulary.words and (again.counts == vocabulary.counts).all(), (
        "not what was written"
    )


def _read_counts(path: Path) -> None:
    counts = read_counts(path, case="lower")
    assert counts and all(count >= 0 for count in counts.values())


# ---- lists of words ----

_NAMES_TSV = (
    "Name\tCount\tAlternate Names\nJosé García\t1200\tPepe|Jose\nNguyễn\t7\t\nO'Neill\t0\tONL\n"
)
_NAMES_CSV = 'first name,population\n"Smith, John",12\nZoë,3\n"two\nlines",4\n'


def _word_lists(folder: Path, _: LightRNN) -> Iterator[Target]:
    vocabulary = make_vocabulary(case="lower")
    listed = "Phúc\t12\tnames,places\nbudapest\t3\tplaces\ncat\n"
    yield Target(
        "word-list",
        [file_case("the\t3\nWizard\ndây\t0.5\n"), file_case("a\t2\tnames\n")],
        lambda path: WordList.read(path, vocabulary),
        3,
    )
    names = "dây\tweight=2\tclass=place\nmary ann\t12\tphones=M EH1 R IY AE N\n"
    yield Target(
        "names",
        [file_case(names), file_case(gzip.compress(names.encode(), mtime=0))],
        _read_names,
        2,
    )
    yield Target(
        "names-by-utterance",
        [file_case("utt-1\tmary ann\tdây\nutt-2\n")],
        read_names_by_utterance,
        1,
    )
    yield Target("word-lists", [file_case(listed)], _read_word_lists, 3)
    yield Target(
        "gazetteer-tsv",
        [file_case(_NAMES_TSV), file_case(gzip.compress(_NAMES_TSV.encode(), mtime=0))],
        _read_gazetteer,
        3,
        "names.tsv",
    )
    yield Target("gazetteer-csv", [file_case(_NAMES_CSV)], _read_gazetteer, 3, "names.csv")
    yield Target(
        "gazetteer-plain",
        [file_case("New York\nPhú Quốc\nO'Neill-Smith\n")],
        _read_gazetteer,
        2,
        "names.txt",
    )


def _read_names(path: Path) -> None:
    names = read_names(path)
    assert names and all(name.words and 0 < name.weight <= 100 for name in names)
    assert len({name.words for name in names}) == len(names), "a name is there twice"


def _read_word_lists(path: Path) -> None:
    words = read_word_lists(path, case="lower")
    out = output_place(path, "out")
    write_word_lists(out, words)
    assert read_word_lists(out) == words, "not what was written"


def _read_gazetteer(path: Path) -> None:
    found = read_gazetteer([path])
    assert found.words and all(words.strip() for words in found.words)
    found.save(output_place(path, "out"), report=output_place(path, "report"))


# ---- models ----

_WEIGHTS = TunedWeights(
    Weights({FIRST_PASS: 1.0}, 0.7, mixture={"lightrnn": 0.25, "ngram": 0.75}),
    Weights({FIRST_PASS: 1.0}, lm_scale=0.0),
)


def _models(folder: Path, model: LightRNN) -> Iterator[Target]:
    _WEIGHTS.save(folder / "made")
    yield Target("weights", [take_case(folder / "made")], _use_weights, 4)
    model.save(folder / "made")
    plain = make_model(tied=False, residual_dim=0, cell_bias=False, two_step=True)
    cases = [take_case(folder / "made")]
    plain.save(folder / "made")
    yield Target("lightrnn.pt", [*cases, take_case(folder / "made")], _use_light_rnn, 1.5, "in.pt")
    arpa = write_arpa(folder / "lm.arpa")
    yield Target(
        "arpa",
        [_case_of(arpa), file_case(gzip.compress(arpa.read_bytes(), mtime=0))],
        _use_ngram,
        1.5,
        remark="The ARPA file is missing <unk>.  Substituting log10 probability -100.",
    )
    if packed := _kenlm_binaries(arpa, folder):
        yield Target("kenlm-binary", packed, _use_ngram, 1.5)
    yield Target("sentencepiece", _piece_models(), _use_pieces, 1)
    if (exported := _onnx(model)) is not None:
        yield Target("onnx", [file_case(exported)], _use_onnx, 0.4, "in.onnx")


def _kenlm_binaries(arpa: Path, folder: Path) -> list[Case]:
    """None where KenLM's programs are not built."""
    program = shutil.which("build_binary")
    if program is None:
        return []
    cases = []
    for kind in (["probing"], ["trie"], ["-q", "8", "trie"], ["-a", "64", "trie"]):
        subprocess.run(
            [program, *kind, str(arpa), str(folder / "made")], check=True, capture_output=True
        )
        cases.append(take_case(folder / "made"))
    return cases


def _piece_models() -> list[Case]:
    import sentencepiece

    cases = []
    for kind, more in (("unigram", {}), ("bpe", {"byte_fallback": True})):
        written = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(KNOWN),
            model_writer=written,
            model_type=kind,
            vocab_size=300 if more else 25,
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=3,
            **more,
        )
        cases.append(file_case(written.getvalue()))
    return cases


def _onnx(model: LightRNN) -> bytes | None:
    """None where onnx is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        return None
    from rescorer.models.lightrnn.onnx_export import as_onnx

    return as_onnx(model)


def _use_weights(path: Path) -> None:
    """As `rescore --weights` does, with a mixture of two models."""
    tuned = TunedWeights.load(path)
    lists = path.parent / "lists.jsonl"
    if not lists.exists():
        write_nbest(lists, LISTS, "jsonl")
    rows = np.log(np.array([[0.5, 0.25], [1e-9, 0.125]]))
    from rescorer.rescoring.word_kinds import WordKinds

    kinds = WordKinds.of(["the", "strange"], _two_models())
    for weights in (tuned.weights, tuned.first_pass):
        if weights.mixture.keys() == {"lightrnn", "ngram"}:
            mixed = weights.mixed(rows, kinds, ("lightrnn", "ngram"))
            assert not np.isnan(mixed).any(), "NaN from the mixture"
    out = output_place(path, "out")
    tuned.save(out)
    assert TunedWeights.load(out) == tuned, "not what was written"


_held: list[LanguageModel] = []


def _two_models() -> list[LanguageModel]:
    if not _held:
        light, other = make_model(), make_model(seed=1)
        other.name = "ngram"
        _held.extend((light, other))
    return _held


def _use_light_rnn(path: Path) -> None:
    model = load(path)
    total = model.logprob(_SENTENCE)
    assert np.isfinite(total) and total <= 1e-3, "log P is not finite, or above 0"
    assert len(model.next_words(["the"], 3, prefix="")) <= 3
    model.log_spellings(_SENTENCE)


def _use_ngram(path: Path) -> None:
    model = Ngram.load(path)
    total = model.logprob([*_SENTENCE, *WORDS])
    assert not np.isnan(total), "log P is NaN"
    model.knows(WORDS)


def _use_pieces(path: Path) -> None:
    symbols = read_pieces(path)
    join_words(symbols.words)
    text = path.parent / "pieces.txt"
    if not text.exists():
        text.write_text("the cat\n", encoding="utf-8")
    from lexicon_tools.pieces import PieceModel

    pieces = PieceModel(path)
    convert(text, output_place(path, "out"), pieces.to_pieces)
    convert(path.parent / "out", output_place(path, "words"), pieces.to_words)


def _use_onnx(path: Path) -> None:
    from rescorer.models.onnx_scorer import OnnxScorer

    scorer = OnnxScorer.load(path)
    total = scorer.logprob(_SENTENCE)
    assert not np.isnan(total), "log P is NaN"


# ---- commands, from end to end ----


def _commands(folder: Path, model: LightRNN) -> Iterator[Target]:
    lm = folder / "lightrnn.pt"
    model.save(lm)
    references = folder / "ref"
    references.write_text(
        "".join(f"utt-{number} the dây\n" for number in range(3)), encoding="utf-8"
    )
    symbols = folder / "words.txt"
    write_nbest(folder / "lists.jsonl", LISTS, "jsonl")
    write_nbest(folder / "made", LISTS, "text")
    lists = [take_case(folder / "made"), _case_of(folder / "lists.jsonl")]
    yield Target("command-lists", lists, lambda path: _run(path, "--lm", lm), 0.3)
    LATTICE_FORMATS["htk"].write(folder / "made", _drawn(ACOUSTIC, FIRST_LM))
    yield Target(
        "command-htk",
        [take_case(folder / "made"), file_case(HTK_LINKS)],
        lambda path: _run(path, "--lm", lm),
        0.3,
    )
    LATTICE_FORMATS["kaldi-lattice"].write(folder / "made", _drawn(GRAPH, ACOUSTIC))
    yield Target(
        "command-kaldi",
        [take_case(folder / "made"), file_case(_KALDI_TEXT)],
        lambda path: _run(
            path, "--lm", lm, "--symbols", symbols, "--nbest-output", output_place(path, "n")
        ),
        0.3,
    )
    _WEIGHTS.save(folder / "made")
    given = json.loads(take_case(folder / "made")[""])
    for weights in given.values():
        weights["mixture"] = {"lightrnn": 1.0} if weights["mixture"] else {}
    yield Target(
        "command-weights",
        [file_case(json.dumps(given, indent=2))],
        lambda path: _run(folder / "lists.jsonl", "--lm", lm, "--weights", path, out=path),
        0.3,
    )
    yield Target(
        "command-references",
        [_case_of(references)],
        lambda path: _run(folder / "lists.jsonl", "--lm", lm, "--ref", path, out=path),
        0.2,
    )
    yield Target(
        "command-names",
        [file_case("the\ndây\t2\tweight=2\nmary ann\tphones=M EH R IY AE N\n")],
        lambda path: _run(folder / "lists.jsonl", "--lm", lm, "--names", path, out=path),
        0.1,
    )


def _run(given: Path, *options: str | Path, out: Path | None = None) -> None:
    output = output_place(out or given, "best")
    result = CliRunner().invoke(rescore, [str(given), *map(str, options), "--output", str(output)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 2), f"status {result.exit_code}"
    assert output.exists() == (result.exit_code == 0), "a status that does not fit the output"
    if result.exit_code:
        raise CommandError(_error_line(result.stderr))


def _error_line(said: str) -> str:
    """What follows `error: `, which is the last line."""
    _, mark, message = said.partition("error: ")
    assert mark and message.endswith("\n"), f"no error line: {said[-200:]!r}"
    return message[:-1]
