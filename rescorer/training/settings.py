"""Settings of the training loop."""

from __future__ import annotations

from dataclasses import dataclass

from rescorer.settings import check, setting
from rescorer.training.reallocation.reallocate import ReallocationSettings

PRECISIONS = ("auto", "float32", "bfloat16")
_TRAINING = "Training"


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained: AdamW, a linear warm-up, then cosine decay."""

    epochs: int = setting(10, "Passes over the training text.", minimum=1, group=_TRAINING)
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
        return self.intervals or self.epochs
