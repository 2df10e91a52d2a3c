"""Makes what a training was not given: the vocabulary of its text, and settings that suit it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.lightrnn import LightRNN
from rescorer.models.vocabulary import SENTENCE_END, UNKNOWN, Vocabulary
from rescorer.models.word_counts import count_words, make_vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.auto_settings import (
    Choice,
    Settings,
    TextSize,
    choose,
    choose_vocabulary,
)
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.settings import RunSettings, TableSettings

Say = Callable[[str], None]

_WARM_UP_STEPS, _TIMED_STEPS = 2, 6


# ---- the vocabulary ----


def write_vocabulary(texts: Sequence[Path], path: Path, say: Say) -> None:
    """Write the vocabulary that suits the texts.

    Raises:
        InputError: a text cannot be read, or there is no word.
    """
    counts = count_words(texts, once=False)
    choice = choose_vocabulary(has_unknown=UNKNOWN in counts)
    words = make_vocabulary(counts, min_count=choice.min_count, max_size=choice.max_size)
    words.save(path)
    unknown = words.counts[words.unknown_id] / counts.total()
    which = "that occur twice or more" if choice.min_count == 2 else "of the text, which has <unk>"
    say(
        f"the text has {counts.total():,} words with the ends of sentences, {len(counts):,} "
        f"different ones; vocabulary: {len(words):,} words {which}, {100 * unknown:.2f} % of the "
        f"text unknown; {_case(counts)}"
    )


def _case(counts: Counter[str]) -> str:
    """How the text is written, in a few words."""
    letters = counts.total() - counts[SENTENCE_END] - counts[UNKNOWN]
    cased = sum(count for word, count in counts.items() if word != word.lower())
    if not cased:
        return "all in lower case"
    share = f"{100 * cased / max(letters, 1):.0f} % of the words have capitals"
    return f"case kept, as a recogniser must write it ({share}); `lexicon vocabulary` can lower it"


# ---- settings ----


@dataclass(frozen=True)
class Chooser:
    """Chooses the settings of a training on texts as ids, and records them in its work folder.

    Attributes:
        processes: number of processes that train together.
        clock: tells seconds.
    """

    words: Vocabulary
    train: Corpus
    valid: Corpus
    work: Path
    device: str = "cpu"
    processes: int = 1
    clock: Callable[[], float] = time.monotonic

    def choose(self, given: Settings, seconds: float | None, spent: float, say: Say) -> Settings:
        """The settings that are not given.

        Args:
            seconds: what the whole run may take; None: as long as the text is worth.
            spent: seconds that went before.

        Raises:
            InputError: the text or the time is too short.
        """
        size = TextSize(len(self.train), len(self.words), len(self.valid))
        choice = choose(size, given, None if seconds is None else seconds - spent, self.speed)
        _save(choice, self.work)
        for line in describe(choice, seconds):
            say(line)
        return choice.settings

    def speed(self, values: Settings) -> float:
        """Words a second that training with these settings reads, from a few steps of a network
        that is thrown away.
        """
        settings = RunSettings.of(values)
        table = table_of(self.words, settings.table)
        model = LightRNN(settings.network, self.words, table).to(self.device)
        unused = self.work / "unused.pt"
        trainer = Trainer(model, self.train, self.valid, settings.training, unused, self.work)
        for _ in range(_WARM_UP_STEPS):
            trainer.train_step()
        speeds = []
        for _ in range(_TIMED_STEPS):
            began = self.clock()
            read = trainer.train_step()
            speeds.append(read / max(self.clock() - began, 1e-9))
        return median(speeds) * self.processes


def table_of(words: Vocabulary, settings: TableSettings) -> WordTable:
    """A table of the shape that the settings say. Raises InputError if the words do not fit."""
    try:
        return WordTable.shaped(len(words), settings.rows, settings.columns)
    except ValueError as error:
        raise InputError(str(error), remedy="correct --rows and --columns") from None


def describe(choice: Choice, seconds: float | None) -> list[str]:
    """What was chosen, and how long the training takes."""
    values = (
        f"{name.replace('_', '-')} {_shown(value)}" for name, value in choice.settings.items()
    )
    speed = f"{choice.words_a_second:,.0f} words a second"
    lines = [
        f"chosen by the size of the text: {', '.join(values)}",
        f"reads the text {choice.readings:g} times, about {duration(choice.seconds)} at {speed}",
    ]
    if seconds is None:
        lines[1] += "; --hours chooses what fits into that time"
    elif "epochs" not in choice.settings and choice.seconds > seconds:
        lines[1] += "; that is more than --hours, because --epochs is given"
    elif choice.readings < 1:
        lines[1] += "; more --hours would read all of it"
    return lines


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def duration(seconds: float) -> str:
    """A rounded time, such as `1 h 50 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


# ---- the record of a choice, by which a resumed run keeps it ----


def _save(choice: Choice, work: Path) -> None:
    write_lines(_record(work), [json.dumps(asdict(choice), indent=1)])


def saved_choice(work: Path) -> Mapping[str, object]:
    """The settings that were chosen for the run in the work folder; none without a record.

    Raises:
        InputError: the record is damaged.
    """
    path = _record(work)
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "no record of chosen settings",
            remedy=f"remove the checkpoint in {work} to start anew",
            file=path,
        ) from None


def _record(work: Path) -> Path:
    return work / "choice.json"
