"""What `rescore` can be told: its settings, and the files that it reads and writes.

This module imports nothing that takes long to load: the options of the command are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rescorer.recognition.format_names import LATTICE_FORMATS, NBEST_FORMATS, REFERENCE_FORMATS
from rescorer.settings import check, setting


@dataclass(frozen=True)
class RescoreSettings:
    """Settings of lists and lattices alike."""

    format: str | None = setting(
        None,
        f"Format of the input: {', '.join((*NBEST_FORMATS, *LATTICE_FORMATS))}. "
        "The content tells it by default.",
        group="Input",
        metavar="FORMAT",
    )
    ref_format: str | None = setting(
        None,
        f"Format of the references: {', '.join(REFERENCE_FORMATS)}. The content tells it by "
        "default.",
        group="Report",
        metavar="FORMAT",
    )
    mixture: str = setting(
        "linear", "How --tune mixes several models.", choices=("linear", "log-linear")
    )
    normalise: str = setting(
        "none",
        "How words are brought into one style before errors are counted: none; spoken: lower case, "
        "no punctuation, numbers in English words; whisper: the English normaliser of Whisper's "
        "evaluations, of the package whisper-normalizer. Outputs and scores do not change.",
        choices=("none", "spoken", "whisper"),
        group="Report",
    )
    device: str = setting("cpu", "Device of the models: cpu, cuda or cuda:N.", group="Models")
    memory: int = setting(
        1024,
        "Memory for histories in MiB. It changes totals by float32 rounding (1e-5), and so the "
        "order of hypotheses that are as close.",
        minimum=1,
        metavar="MIB",
    )
    scheduler: str | None = setting(
        None,
        "Address of a Dask scheduler whose workers score; the result is the same.",
        metavar="tcp://HOST:PORT",
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def memory_bytes(self) -> int:
        return self.memory << 20


@dataclass(frozen=True)
class ExpansionSettings:
    """How far a lattice is expanded.

    `ExpansionSettings(order=0, beam=math.inf, max_histories=0)` is exact.
    """

    order: int = setting(
        4,
        "Histories with the same last N-1 words merge; 0: none merge, which is exact.",
        minimum=0,
        metavar="N",
    )
    beam: float = setting(
        16.0,
        "Beam in nats of the total: histories outside it are pruned; inf: none are.",
        above=0,
        group="Lattices",
    )
    max_histories: int = setting(
        32, "Largest number of histories of a lattice state; 0: no limit.", minimum=0
    )
    compact: bool = setting(
        False,
        "Write small lattices: of paths with the same words only the best, as Kaldi does; paths "
        "more than a quarter of the beam behind the best share histories, not more than half.",
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def apart(self) -> float:
        """Nats behind the best path; paths within have totals of their own history."""
        return self.beam / (4 if self.compact else 2)


@dataclass(frozen=True)
class LatticeSettings:
    """Settings of lattices alone."""

    expansion: ExpansionSettings = setting(ExpansionSettings(), "How far a lattice is expanded.")
    old_lm: str = setting(
        "keep",
        "Keep or drop the score of the first pass's language model: first_lm, or Kaldi's graph "
        "costs.",
        choices=("keep", "drop"),
        group="Lattices",
    )
    nbest: int = setting(
        100,
        "Hypotheses of each lattice in --nbest-output, and those that --lm hf:DIR scores.",
        minimum=1,
        metavar="N",
    )
    mbr: bool = setting(
        False,
        "Print the minimum-Bayes-risk hypothesis (the best of several local optima), not the best "
        "path.",
        group="Lattices",
    )
    skip_bad: bool = setting(False, "Skip utterances that cannot be used, and list them.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class CandidateSettings:
    """Which names enter as candidates: those that sound like a span of words.

    A name is a candidate if hearing it as what was written costs at most `sound_bound` nats and
    `sound_bound_per_phone` more for each phone of the shorter of the two.
    """

    sound_bound: float = setting(
        6.0,
        "A name is a candidate if hearing it as what was written costs at most this many nats, …",
        minimum=0,
        maximum=100,
        group="",
    )
    sound_bound_per_phone: float = setting(
        1.5,
        "… and this many nats more for each phone of the shorter of both.",
        minimum=0,
        maximum=100,
        group="",
    )
    unknown_bound_per_phone: float | None = setting(
        None,
        "The same for words that no model and no list of names has; None: the same.",
        minimum=0,
        maximum=100,
        option=False,
    )
    span_words: int = setting(
        4, "Most words in a row that a name may replace.", minimum=1, maximum=10, group=""
    )
    candidate_paths: int = setting(
        10, "Candidates are searched for the words of so many best paths.", minimum=1, group=""
    )
    most_candidates: int = setting(
        60,
        "Most candidates of an utterance: pairs of a name and of words that it may replace. Those "
        "that gain most by sound and frequency are kept.",
        minimum=1,
        group="",
    )
    pronunciations: int = setting(
        3, "Most pronunciations of a word that are compared.", minimum=1, maximum=16, group=""
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class InputFiles:
    """The files that `rescore` reads beside the models.

    Attributes:
        paths: lists or lattices, in one or several files of one format.
        weights: tuned weights; None if there are none yet.
        tune_reference: references on which weights are tuned.
        reference: references against which errors are counted.
        listed: words whose errors are reported apart.
        names: names that are expected in any utterance.
        names_of_model: whether the rarer words of the model are expected.
        names_by_utterance: names that are expected in one utterance.
        lexicon: pronunciations that precede those of the package.
        confusions: what phones are heard as; None: those of the package.
        utterances: the only utterances that are rescored.
        manifest: NeMo's manifest, for beams without ids; None: the one beside them.
        symbols, bpe_model: the words or word pieces of lattices.
        old_lm_model: the n-gram model in the graph costs of Kaldi's lattices.
    """

    paths: tuple[Path, ...]
    weights: Path | None = None
    tune_reference: Path | None = None
    reference: Path | None = None
    listed: Path | None = None
    names: Path | None = None
    names_of_model: bool = False
    names_by_utterance: Path | None = None
    lexicon: Path | None = None
    confusions: Path | None = None
    utterances: Path | None = None
    manifest: Path | None = None
    symbols: Path | None = None
    bpe_model: Path | None = None
    old_lm_model: Path | None = None

    @property
    def expects_names(self) -> bool:
        """Whether any names are expected."""
        return bool(self.names or self.names_of_model or self.names_by_utterance)

    @property
    def name(self) -> Path:
        """The input as messages name it."""
        first, last = self.paths[0], self.paths[-1]
        return first if len(self.paths) == 1 else Path(f"{first} … {last}")


@dataclass(frozen=True)
class OutputFiles:
    """The files that `rescore` writes; None: not written.

    Attributes:
        weights: the weights that were tuned.
        nbest: the lists with all scores, best hypothesis first.
        lattices: the rescored lattices.
        confidences: the minimum-Bayes-risk words with their confidences.
        unknown_words: the words that a model does not know.
        report: the report as JSON.
        page: the report as a page.
        utterances: the errors of each utterance, as a table.
        drawing: the lattice of the utterance that the file is named for, before and after.
        changes: what names replaced, as a table.
    """

    weights: Path | None = None
    nbest: Path | None = None
    lattices: Path | None = None
    confidences: Path | None = None
    unknown_words: Path | None = None
    report: Path | None = None
    page: Path | None = None
    utterances: Path | None = None
    drawing: Path | None = None
    changes: Path | None = None
