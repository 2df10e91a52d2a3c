"""Settings of all that trains a network or changes its table. The module imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rescorer.models.lightrnn.settings import LightRNNSettings
from rescorer.settings import build, check, setting

PRECISIONS = ("auto", "float32", "bfloat16")
TABLE_INITS = ("ppmi", "frequency")
GROW = ("rows", "columns", "no")  # what a table may get more of for new words
_TRAINING = "Training"


@dataclass(frozen=True)
class TableSettings:
    """The shape of the table and its initialisation."""

    rows: int | None = setting(
        None,
        "Table rows. [default: four words a row, at most 3,000 rows]",
        minimum=1,
        group="Table",
    )
    columns: int | None = setting(
        None, "Table columns. [default: as many as the words need]", minimum=1, group="Table"
    )
    table_init: str = setting(
        "ppmi",
        "ppmi: words are clustered into rows by their PPMI-SVD embeddings, which initialise rows "
        "and frequent words; frequency: words in the order of their counts, random embeddings.",
        choices=TABLE_INITS,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class AssignmentSettings:
    """How hard the minimum-cost assignment of words to cells is searched."""

    exact_limit: int = setting(
        2000, "Words up to which the joint problem is solved exactly.", minimum=0, option=False
    )
    block_size: int = setting(
        50_000,
        "Words assigned together; a larger table is cut into blocks of rows, then of columns.",
        minimum=1,
    )
    sweeps: int = setting(2, "Passes of block coordinate descent over a large table.", minimum=0)
    temperatures: tuple[float, ...] = setting(
        (0.1, 0.05, 0.02, 0.01, 0.005),
        "Falling temperatures of the dual ascent, in units of each word's spread of costs.",
        above=0,
        option=False,
    )
    iterations: int = setting(15, "Dual ascent steps at each temperature.", minimum=1, option=False)
    candidates: int = setting(
        24, "Candidate cells of a word in the exact matching.", minimum=1, option=False
    )
    processes: int = setting(1, "Processes that assign blocks in parallel.", minimum=1)
    seed: int = setting(0, "Seed of the random blocks.", minimum=0, option=False)

    def __post_init__(self) -> None:
        check(self)
        if not self.temperatures:
            raise ValueError("temperatures = (): expected one or more")


@dataclass(frozen=True)
class ReallocationSettings:
    """How a trained network's words are reallocated."""

    cost_words: int = setting(
        20_000_000,
        "Words at the start of the text on which the costs are measured.",
        minimum=1,
    )
    unseen_weight: float = setting(
        0.5,
        "Tokens that a zero-count word counts as, at the costs of similar words.",
        above=0,
        option=False,
    )
    min_gain: float = setting(0.0, "Nats a token that a move must save.", minimum=0, option=False)
    batch_size: int = setting(64, "Streams of text read side by side.", minimum=1, option=False)
    bptt: int = setting(64, "Words read at a time.", minimum=1, option=False)
    assignment: AssignmentSettings = setting(
        AssignmentSettings(), "How the assignment is searched."
    )

    def __post_init__(self) -> None:
        check(self)

    def with_seed(self, seed: int) -> ReallocationSettings:
        """The same with another seed of the blocks."""
        return replace(self, assignment=replace(self.assignment, seed=seed))


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained: AdamW, a linear warm-up, then cosine decay."""

    epochs: float = setting(
        10,
        "Passes over the training text; 0.5 reads the first half of each stream.",
        above=0,
        below=math.inf,
        group=_TRAINING,
    )
    batch_size: int = setting(
        32,
        "Streams of text read side by side, by all processes together.",
        minimum=1,
        group=_TRAINING,
    )
    bptt: int = setting(35, "Words that gradients flow through.", minimum=1)
    lr: float = setting(
        4e-3,
        "Peak learning rate, after a warm-up over 2 % of the steps.",
        above=0,
        group=_TRAINING,
    )
    weight_decay: float = setting(0.0, "Weight decay of AdamW.", minimum=0, group="Regularisation")
    clip: float = setting(1.0, "Largest norm of the gradient.", above=0)
    intervals: int | None = setting(
        None,
        "Validations in the whole training. [default: one an epoch]",
        minimum=1,
    )
    reallocate_after: tuple[int, ...] = setting(
        (), "Interval after which the table is reallocated; may be repeated.", minimum=1
    )
    precision: str = setting(
        "float32",
        "Type of matrix products; auto measures whether bfloat16 is faster.",
        choices=PRECISIONS,
        group=_TRAINING,
    )
    seed: int = setting(1, "Random seed; every process adds its rank.", minimum=0)
    checkpoint_seconds: float = setting(
        60.0, "Seconds between checkpoints within an interval.", minimum=0, option=False
    )
    reallocation: ReallocationSettings = setting(
        ReallocationSettings(), "How the table is reallocated."
    )

    def __post_init__(self) -> None:
        check(self)
        if any(interval >= self.interval_count for interval in self.reallocate_after):
            raise ValueError(
                f"reallocate_after = {self.reallocate_after}: expected numbers from 1 to "
                f"{self.interval_count - 1}, so that training follows"
            )

    @property
    def interval_count(self) -> int:
        return self.intervals or math.ceil(self.epochs)


@dataclass(frozen=True)
class RunSettings:
    """All settings of a training run."""

    network: LightRNNSettings
    table: TableSettings
    training: TrainingSettings

    @classmethod
    def of(cls, values: Mapping[str, object]) -> RunSettings:
        """Defaults, and the values of others by name.

        Raises:
            InputError: a value is out of its range.
        """
        return cls(
            build(LightRNNSettings, values),
            build(TableSettings, values),
            build(TrainingSettings, values),
        )


@dataclass(frozen=True)
class ContextSettings:
    """How the contexts of new words are collected."""

    seed: int = setting(1, "Random seed.", minimum=0)
    text_words: int = setting(
        16_384, "Words of text sampled from the model.", minimum=1, option=False
    )
    row_contexts: int = setting(
        256, "Contexts in which the columns of a row are scored.", minimum=1, option=False
    )
    examples: int = setting(
        16, "Largest number of example contexts of a word.", minimum=1, option=False
    )
    like_contexts: int = setting(
        16, "Contexts of similar words sampled for each new word.", minimum=1, option=False
    )
    like_weight: float = setting(
        1.0,
        "Weight of all contexts of similar words, in examples.",
        above=0,
        option=False,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class FineTuningSettings:
    """How a network is fine-tuned on example sentences and replayed text."""

    batch_size: int = setting(32, "Streams of text read side by side.", minimum=2)
    bptt: int = setting(35, "Words that gradients flow through.", minimum=1)
    example_share: float = setting(
        0.5,
        "Share of the streams that read examples; the others replay old text.",
        above=0,
        below=1,
    )
    lr: float = setting(2e-4, "Learning rate of the first step; it falls linearly to 0.", above=0)
    clip: float = setting(1.0, "Largest norm of the gradient.", above=0)
    replay_words: int = setting(
        65_536, "Words sampled from the old model if there is no old text.", minimum=1
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def example_streams(self) -> int:
        return min(max(1, round(self.example_share * self.batch_size)), self.batch_size - 1)

    def replayed_words(self, steps: int) -> int:
        """Words of old text that so many steps read."""
        return steps * self.bptt * (self.batch_size - self.example_streams)


@dataclass(frozen=True)
class NewWordSettings(ContextSettings):
    """How words are added.

    `min_gain` of the reallocation keeps a word in its cell if the text has little evidence of it.
    """

    prior: float = setting(
        1.0,
        "Pseudo-count of a new word without one: its count in the vocabulary's text.",
        above=0,
        below=math.inf,
    )
    grow: str = setting("rows", "What the table adds if the free cells are too few.", choices=GROW)
    move: bool = setting(False, "Reallocate all words, on the replayed text.")
    finetune: int | None = setting(
        None,
        "Train the network for so many steps on the sentences of --text that hold new words, "
        "beside as many words of --replay, or of text that MODEL samples. Old words change, too.",
        minimum=1,
        group="Fine-tuning",
        metavar="STEPS",
    )
    fine_tuning: FineTuningSettings = setting(
        FineTuningSettings(), "How the network is fine-tuned.", option=False
    )
    reallocation: ReallocationSettings = setting(
        ReallocationSettings(min_gain=0.01), "How all words are reallocated.", option=False
    )

    @property
    def changes_network(self) -> bool:
        """Whether old words change, too."""
        return self.move or self.finetune is not None
