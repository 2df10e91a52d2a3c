"""The command `lightrnn perplexity`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import (
    READ,
    device_option,
    lm_option,
    memory_option,
    models_of,
    ngram_option,
    sentences_of,
)
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("text", type=READ)
@lm_option
@ngram_option
@click.option(
    "--fit", type=READ, help="Validation text on which the weights of the mixture are fitted."
)
@click.option(
    "--context",
    type=click.Choice(["sentence", "text"]),
    default="sentence",
    show_default=True,
    help="text: a LightRNN remembers the sentences before, as in published figures.",
)
@click.option(
    "--open",
    "spelled",
    is_flag=True,
    help="Unknown words are spelled out, not counted as one <unk>: no "
    "standard perplexity, which is over a stated vocabulary.",
)
@device_option
@memory_option
@user_errors
def perplexity(
    text: Path,
    lm: tuple[Path, ...],
    ngram: Path | None,
    fit: Path | None,
    context: str,
    spelled: bool,
    device: str,
    memory: int,
) -> None:
    """Print the standard perplexity of TEXT: every word and </s> once."""
    from rescorer.models.open_vocabulary import open_vocabulary
    from rescorer.rescoring.perplexity import TextScores, score_text

    models = models_of(lm, ngram, device)
    if spelled:
        models = open_vocabulary(models)

    def scored(path: Path) -> TextScores:
        return score_text(sentences_of(path), models, context=context, memory=memory << 20)

    scores = scored(text)
    lines = [
        f"{scores.words} words, {len(scores.log_probs) - scores.words} sentences, context: "
        f"{context}"
    ]
    for (name, value), unknown in zip(scores.perplexities().items(), scores.unknown, strict=True):
        lines.append(f"{name:<20} perplexity {value:10.2f}   unknown words {unknown}")
    if fit:
        weights = scored(fit).best_weights()
        shares = ", ".join(
            f"{name} {weight:.3f}" for name, weight in zip(scores.names, weights, strict=True)
        )
        lines.append(
            f"{'mixture':<20} perplexity {scores.mixed(weights):10.2f}   weights {shares}, "
            f"fitted on {fit}"
        )
    print_lines(lines)
