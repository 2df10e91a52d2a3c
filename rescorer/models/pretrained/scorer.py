"""The log-probability of a sentence under a causal language model of subwords.

    log P(sentence) = Σ_t log P(token t | start, prompt, tokens before t)

over the tokens of the sentence and what ends it.

Shapes: B sentences of a batch, T tokens of the longest one, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rescorer.errors import InputError, lacks_memory
from rescorer.extras import Foreign
from rescorer.models.pretrained.sentences import written
from rescorer.models.pretrained.settings import PretrainedSettings

_SHOWN_WORDS = 8  # of a sentence, in an error


@dataclass(frozen=True, eq=False)
class SubwordScorer:
    """A network of transformers with its tokenizer.

    Attributes:
        network: gives logits [B, T, V] of ids [B, T]; in eval mode, with float32 parameters.
        tokenizer: makes ids of text.
        start: ids before each sentence: a start token and the prompt.
        end: id of the end-of-text token.
        context: most ids that the network reads at once; None: any number.
    """

    network: Foreign
    tokenizer: Foreign
    settings: PretrainedSettings
    start: tuple[int, ...]
    end: int
    context: int | None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def score(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterator[list[tuple[Sequence[str], float]]]:
        """Batches of sentences with the natural log of their probabilities, longest first.

        Raises:
            InputError: a sentence is longer than the network's context, or memory is too small.
        """
        ids = self._ids(sentences)
        order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
        for batch in self._batches(ids, order):
            log_probs = self._log_probs([ids[index] for index in batch])
            yield [(sentences[index], value) for index, value in zip(batch, log_probs, strict=True)]

    def _ids(self, sentences: Sequence[Sequence[str]]) -> list[list[int]]:
        """The ids of each sentence and its end, without those before it."""
        if not sentences:
            return []
        texts = [written(words, self.settings) for words in sentences]
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        if self.settings.hf_end == "eos":
            ids = [[*each, self.end] for each in ids]
        for words, each in zip(sentences, ids, strict=True):
            self._check_length(words, len(self.start) + len(each))
        return ids

    def _check_length(self, words: Sequence[str], length: int) -> None:
        if self.context is not None and length > self.context:
            raise InputError(
                f"a hypothesis of {length} tokens, '{' '.join(words[:_SHOWN_WORDS])} …'",
                expected=f"at most {self.context}, the context of the pretrained model",
                remedy="split such utterances, or take a model with a longer context",
            )

    def _batches(self, ids: Sequence[Sequence[int]], order: Sequence[int]) -> Iterator[list[int]]:
        """Indices of sentences that are read together, of similar length."""
        begin = 0
        while begin < len(order):
            longest = len(self.start) + len(ids[order[begin]])
            size = max(1, self.settings.hf_batch_tokens // longest)
            yield list(order[begin : begin + size])
            begin += size

    def _log_probs(self, batch: Sequence[Sequence[int]]) -> list[float]:
        """log P of each sentence. The first one is the longest."""
        first = len(self.start)
        rows = [[*self.start, *each] for each in batch]
        longest = len(rows[0])
        # Padding stands after a sentence, where no causal model looks.
        padded = [row + [self.end] * (longest - len(row)) for row in rows]
        logits = self._logits(torch.tensor(padded, device=self.device))
        sums = [
            # the logits at a token give the next one
            _log_softmax_sum(scores[first - 1 : len(row) - 1], row[first:])
            for scores, row in zip(logits, rows, strict=True)
        ]
        return [float(value) for value in torch.stack(sums).cpu()]

    @torch.no_grad()
    def _logits(self, ids: Tensor) -> Tensor:
        """[B, T, V]"""
        try:
            logits: Tensor = self.network(input_ids=ids, use_cache=False).logits
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            raise InputError(
                f"not enough memory to read {ids.numel()} tokens at once",
                remedy="lower --hf-batch-tokens, or take a smaller pretrained model",
            ) from None
        return logits


def _log_softmax_sum(logits: Tensor, ids: Sequence[int]) -> Tensor:
    """The sum of the log-probabilities of ids [T] under logits [T, V], float64."""
    chosen = torch.tensor(ids, dtype=torch.int64, device=logits.device)
    log_probs = torch.log_softmax(logits.float(), -1).gather(-1, chosen[:, None])
    return log_probs.double().sum()
