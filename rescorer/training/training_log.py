"""The log of a training run: one row for each validation, as CSV and for TensorBoard."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TypedDict

from rescorer.files import whole_path


class LogRow(TypedDict):
    """One row of the log: an interval's end, or an event such as `reallocated` after it."""

    interval: int
    step: int
    tokens: int
    train_perplexity: float
    valid_perplexity: float
    lr: float
    seconds: float
    event: str


class TrainingLog:
    """`log.csv` and the folder `tensorboard` of a work folder."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.rows: list[LogRow] = []

    def append(self, row: LogRow) -> None:
        """Add a row and write both files.

        The CSV file is written anew: after a resume it then holds exactly the rows of the
        checkpoint and those that follow.
        """
        self.rows.append(row)
        self._write_csv()
        self._write_tensorboard(row)

    def _write_csv(self) -> None:
        with (
            whole_path(self.work / "log.csv") as path,
            open(path, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(LogRow.__annotations__))
            writer.writeheader()
            writer.writerows(self.rows)

    def _write_tensorboard(self, row: LogRow) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        scalars = {
            "train_perplexity": row["train_perplexity"],
            "valid_perplexity": row["valid_perplexity"],
            "lr": row["lr"],
        }
        with SummaryWriter(str(self.work / "tensorboard")) as writer:
            for name, value in scalars.items():
                if not math.isnan(value):
                    writer.add_scalar(name, value, row["step"])
