"""The log of a training run, as a CSV file."""

import math
from pathlib import Path

from rescorer.training.training_log import LogRow, TrainingLog


def row(interval: int, event: str = "") -> LogRow:
    return LogRow(
        interval=interval,
        step=10 * interval,
        tokens=100 * interval,
        train_perplexity=math.nan if event else 7.5,
        valid_perplexity=8.25,
        lr=0.004,
        seconds=1.5,
        event=event,
    )


def test_each_row_is_a_line_and_a_resumed_run_keeps_the_rows(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.append(row(1))
    log.append(row(1, "reallocated"))
    lines = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "interval,step,tokens,train_perplexity,valid_perplexity,lr,seconds,event",
        "1,10,100,7.5,8.25,0.004,1.5,",
        "1,10,100,nan,8.25,0.004,1.5,reallocated",
    ]
    resumed = TrainingLog(tmp_path)
    resumed.rows = log.rows[:1]  # as of an earlier checkpoint
    resumed.append(row(2))
    again = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()
    assert again == [*lines[:2], "2,20,200,7.5,8.25,0.004,1.5,"]
