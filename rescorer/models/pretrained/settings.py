"""What a pretrained model is given to read. This module imports nothing that takes long to load."""

from __future__ import annotations

from dataclasses import dataclass

from rescorer.settings import check, setting


@dataclass(frozen=True)
class PretrainedSettings:
    """How a pretrained model reads sentences."""

    hf_prompt: str = setting(
        "",
        "A line of text that --lm hf:DIR reads before each sentence, and does not score.",
        metavar="TEXT",
        group="",
    )
    hf_case: str = setting(
        "auto",
        "Case in which --lm hf:DIR reads a sentence. auto: lower case if all of it is in capitals, "
        "else as it is; keep: as it is; lower: lower case; sentence: lower case, with a capital "
        "first letter.",
        choices=("auto", "keep", "lower", "sentence"),
        group="",
    )
    hf_end: str = setting(
        "stop",
        "What ends a sentence for --lm hf:DIR, and is scored with it. stop: a full stop, unless a "
        "mark is there; newline; eos: the end-of-text token; none: nothing.",
        choices=("stop", "newline", "eos", "none"),
        group="",
    )
    hf_batch_tokens: int = setting(
        1024,
        "Tokens that --lm hf:DIR reads at once, at most; a longer sentence is read alone. The "
        "result does not depend on it.",
        minimum=1,
        metavar="N",
        group="",
    )

    def __post_init__(self) -> None:
        check(self)
