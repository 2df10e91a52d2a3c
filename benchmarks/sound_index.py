"""The index of words by their sound: time and memory of building, and milliseconds a span.

    python -m benchmarks.sound_index TEXT WORDS... [--entries 100 1000 …] [--sentences 10]

Entries are names and words of lists (.xz or plain), in random order. Simple letter-to-phone rules
pronounce them, which give realistic lengths and neighbours. Spans are one to four words of
sentences of a text (JSON lines with an n-best list). All spans of a sentence are searched together.
Costs are by phonetic class: 0.1 for a phone heard right, 1 to 4 nats for another one, 2 to 4 for a
deletion or an insertion. A bound is per phone of a span, plus a constant.

The peer is rapidfuzz, which compares each span with each entry (`process.cdist`). Its Levenshtein
distance has no costs by phone. With the bound as its cutoff, it is a filter before exact costs.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.files import read_lines
from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.index import SoundIndex
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.phones import ARPABET

BOUNDS = ((0.25, 1.0), (0.5, 2.0), (0.75, 2.0))  # nats a phone, and more for the span
PEER_BOUND = 1  # of these
MAX_WORDS = 4
COLUMNS = (
    Column("entries", "entries", ",d"),
    Column("nodes", "nodes of both tries", ",d"),
    Column("build", "build, CPU s", ".3f"),
    Column("peak", "peak of building beyond the entries, MB", ".1f"),
    Column("file", "file, MB", ".2f"),
    Column("load", "load, ms", ".1f"),
    *(
        Column(f"{key}_{number}", f"{label}, {per_phone:g} n + {more:g}", form)
        for number, (per_phone, more) in enumerate(BOUNDS)
        for key, label, form in (
            ("search", "CPU ms a span", ".3f"),
            ("matches", "matches a span", ".1f"),
        )
    ),
    Column("peer", "rapidfuzz, CPU ms a span", ".2f"),
)

_RULES = """
tch:CH sch:SH igh:AY ch:CH sh:SH th:TH ph:F ck:K ng:NG qu:K,W oo:UW ee:IY ea:IY ou:AW ow:OW oi:OY
oy:OY ai:EY ay:EY au:AO aw:AO ie:IY ei:AY er:ER ur:ER ir:ER ar:AA,R or:AO,R x:K,S a:AE b:B c:K d:D
e:EH f:F g:G h:HH i:IH j:JH k:K l:L m:M n:N o:AA p:P q:K r:R s:S t:T u:AH v:V w:W y:IY z:Z
"""
_PHONES = {
    letters: ARPABET.ids(phones.split(",")).tolist()
    for letters, phones in (rule.split(":") for rule in _RULES.split())
}
_LETTERS = re.compile("|".join(_PHONES))  # longer ones come first
_CLASSES = "P B|T D|K G|F V TH DH|S Z SH ZH CH JH|M N NG|L R W Y|HH"
_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"


def pronounce(text: str) -> list[int]:
    """Phones of words by rules; a doubled letter is one phone."""
    single = re.sub(r"(.)\1", r"\1", text.lower())
    return [phone for match in _LETTERS.finditer(single) for phone in _PHONES[match.group()]]


def read_entries(paths: Sequence[Path], number: int, seed: int) -> PhoneSequences:
    """The first distinct words and names of the lists, up to a number, in random order."""
    spoken: dict[str, list[int]] = {}
    for name in chain.from_iterable(map(read_names, paths)):
        if len(spoken) == number:
            break
        if name.isascii() and (phones := pronounce(name)):
            spoken[name.lower()] = phones
    entries = PhoneSequences.pack(spoken.values())
    return entries.take(np.random.default_rng(seed).permutation(len(entries)))


def read_names(path: Path) -> Iterator[str]:
    """The first column of a list, and the alternate names that places have in the fourth."""
    for _, line in read_lines(path):
        fields = line.split("\t")
        yield fields[0]
        if len(fields) > 3:
            yield from fields[3].split("|")


def read_spans(path: Path, number: int) -> list[PhoneSequences]:
    """The spans of each of the first sentences."""
    sentences = (json.loads(line)["nbest"][0]["text"].split() for _, line in read_lines(path))
    return [
        PhoneSequences.pack(
            [
                pronounce(" ".join(words[begin : begin + length]))
                for length in range(1, MAX_WORDS + 1)
                for begin in range(len(words) - length + 1)
            ]
        )
        for words in islice(sentences, number)
    ]


def class_costs(seed: int) -> EditCosts:
    """Costs by phonetic class."""
    random, size = np.random.default_rng(seed), len(ARPABET)
    substitution = random.uniform(3, 4, (size, size))
    for alike, low, high in (
        *((phones, 1, 2) for phones in _CLASSES.split("|")),
        (_VOWELS, 1.2, 3),
    ):
        ids = ARPABET.ids(alike.split())
        substitution[np.ix_(ids, ids)] = random.uniform(low, high, (len(ids), len(ids)))
    np.fill_diagonal(substitution, 0.1)
    return EditCosts(substitution, random.uniform(2, 4, size), random.uniform(2, 4, size))


def building(entries: PhoneSequences) -> tuple[SoundIndex, dict[str, float]]:
    """An index, with seconds and memory of building it."""
    began = time.process_time()
    index = SoundIndex.build(entries)
    seconds = time.process_time() - began
    tracemalloc.start()
    SoundIndex.build(entries)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    nodes = len(index.forward) + len(index.backward)
    return index, {"nodes": nodes, "build": seconds, "peak": peak / 1e6}


def loading(index: SoundIndex) -> tuple[SoundIndex, dict[str, float]]:
    """The index as its file has it, with the file's size and milliseconds of loading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sounds"
        index.save(path)
        began = time.process_time()
        loaded = SoundIndex.load(path)
        took = time.process_time() - began
        return loaded, {"file": path.stat().st_size / 1e6, "load": 1000 * took}


def searching(
    index: SoundIndex, sentences: Sequence[PhoneSequences], costs: EditCosts
) -> dict[str, float]:
    """Milliseconds and matches a span, by bound."""
    figures, spans = {}, sum(map(len, sentences))
    for number, (per_phone, more) in enumerate(BOUNDS):
        matches, began = 0, time.process_time()
        for sentence in sentences:
            bounds = per_phone * sentence.lengths + more
            matches += len(index.search(sentence, costs, bounds))
        figures[f"search_{number}"] = 1000 * (time.process_time() - began) / spans
        figures[f"matches_{number}"] = matches / spans
    return figures


def peer_milliseconds(entries: PhoneSequences, spans: PhoneSequences) -> float:
    """Of rapidfuzz, a span."""
    texts, asked = (
        ["".join(map(chr, each[number] + ord("0"))) for number in range(len(each))]
        for each in (entries, spans)
    )
    per_phone, more = BOUNDS[PEER_BOUND]
    began = time.process_time()
    for text in asked:
        cutoff = int(per_phone * len(text) + more)
        cdist([text], texts, scorer=Levenshtein.distance, score_cutoff=cutoff, dtype=np.uint8)
    return 1000 * (time.process_time() - began) / len(asked)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("words", type=Path, nargs="+")
    parser.add_argument("--entries", type=int, nargs="+", default=[10**n for n in range(2, 7)])
    parser.add_argument("--sentences", type=int, default=10)
    parser.add_argument("--peer-spans", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "Searching words by their sound",
        "How long does it take to find all entries that sound like a span of one to four words?",
        COLUMNS,
        machine("cpu", "rapidfuzz"),
    )
    every = read_entries(arguments.words, max(arguments.entries), arguments.seed)
    sentences = read_spans(arguments.text, arguments.sentences)
    costs, spans = class_costs(arguments.seed), sum(map(len, sentences))
    asked = sentences[0].take(
        np.linspace(0, len(sentences[0]) - 1, arguments.peer_spans).astype(int)
    )
    for number in arguments.entries:
        entries = every.take(np.arange(number))
        built, figures = building(entries)
        index, loaded = loading(built)
        figures |= loaded | searching(index, sentences, costs)
        measured.add(entries=len(entries), **figures, peer=peer_milliseconds(entries, asked))
    measured.note(
        f"{spans} spans of {len(sentences)} sentences; n is the number of phones of a span."
    )
    measured.note(
        "rapidfuzz counts edits, without costs by phone: what it keeps still needs exact costs."
    )
    measured.finish()


if __name__ == "__main__":
    main()
