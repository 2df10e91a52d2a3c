"""Checks a KenLM binary before KenLM maps it, because a damaged one would crash the process.

KenLM trusts sizes of tables, ids of words and positions in the next table. All of these are checked
here, as well as that the tables lie within the file and all numbers are finite. Wrong but valid
numbers cannot be detected, because the format has no checksum. The format is version 5 on
little-endian machines, as in KenLM's lm/binary_format.cc, vocab.cc, search_hashed.hh, trie.cc,
bhiksha.cc and quantize.cc.

Shapes: N n-grams of an order, B buckets of a hash table.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_TEST_VALUES = 32  # bytes of numbers that follow, which KenLM checks
_FIXED = struct.Struct("<B3xfIB3xI")  # order, probing multiplier, kind, has words, version
_HEAD = 4096  # bytes that hold the header with the number of n-grams of 255 orders
_PROBING, _REST_PROBING, _TRIE, _QUANT_TRIE, _ARRAY_TRIE, _QUANT_ARRAY_TRIE = range(6)
_WORD = np.dtype([("key", "<u8"), ("id", "<u4")])
_WORDS_BEGIN = b"<unk>\0"
_MAX_LOG = 1e6  # of log10 probabilities and backoffs; sums of much larger ones may be infinite
_BLOCK = 1 << 20  # n-grams checked together


def check_kenlm_binary(path: str | Path) -> None:
    """Raises ValueError for a file that KenLM would read beyond its end or search without end.

    KenLM itself reports a file of another version.
    """
    data = np.memmap(path, np.uint8, "r")
    head, begin = data[:_HEAD].tobytes(), _aligned(len(_MAGIC) + 1) + _TEST_VALUES
    if not head.startswith(_MAGIC):
        return
    if len(head) < begin + _FIXED.size:
        raise ValueError("cut short")
    order, multiplier, kind, has_words, _ = _FIXED.unpack_from(head, begin)
    begin += _FIXED.size
    if kind > _QUANT_ARRAY_TRIE:
        return
    if order < 2 or len(head) < begin + 8 * order or not 1 <= multiplier < np.inf or has_words > 1:
        raise ValueError("its header is damaged")
    counts = struct.unpack_from(f"<{order}Q", head, begin)
    if not 1 <= counts[0] < 1 << 32 or max(counts) > 8 * len(data):  # at least a bit an n-gram
        raise ValueError("more n-grams than the file has room for")
    parts = _Parts(data, _aligned(begin + 8 * order))
    if kind in (_PROBING, _REST_PROBING):
        _check_probing(parts, counts, multiplier, 3 if kind == _REST_PROBING else 2)
    else:
        _check_trie(parts, counts, kind)
    if has_words and parts.take(len(_WORDS_BEGIN)).tobytes() != _WORDS_BEGIN:
        raise ValueError("its words are at another position")


class _Parts:
    """Reads the parts of a file in their order."""

    def __init__(self, data: np.ndarray, place: int) -> None:
        self._data, self.place = data, place

    def take(self, size: int) -> np.ndarray:
        """[size] the next bytes of the file."""
        self.place += size
        if self.place > len(self._data):
            raise ValueError(
                f"cut short: {len(self._data):,} bytes instead of at least {self.place:,}"
            )
        return self._data[self.place - size : self.place]


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


def _check_logs(found: np.ndarray, most: float = _MAX_LOG) -> None:
    """Raises ValueError for log probabilities or backoffs that are not finite or too large."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        if len(found) and not (found.min() >= -_MAX_LOG and found.max() <= most):  # NaN, too
            raise ValueError("a probability that is not finite")


# ---- hash tables ----


def _check_probing(parts: _Parts, counts: tuple[int, ...], multiplier: float, numbers: int) -> None:
    """Check the hash tables.

    Args:
        numbers: numbers a n-gram (log probability, backoff, …) of all orders but the highest.
    """
    _, bound = struct.unpack("<II", parts.take(8).tobytes())
    if not 1 <= bound <= counts[0] + 1:
        raise ValueError(f"{bound:,} words instead of {counts[0]:,}")
    words = _table(parts, _WORD, counts[0], multiplier)
    if words["id"].max() >= bound:
        raise ValueError("a word's id beyond the number of words")
    _check_logs(parts.take((counts[0] + 1) * 4 * numbers).view("<f4"))
    for order, count in enumerate(counts[1:], start=2):
        size = numbers if order < len(counts) else 1
        entry = np.dtype([("key", "<u8"), ("logs", "<f4", (size,))])
        table = _table(parts, entry, count, multiplier)
        for begin in range(0, len(table), _BLOCK):
            _check_logs(table["logs"][begin : begin + _BLOCK])


def _table(parts: _Parts, entry: np.dtype, count: int, multiplier: float) -> np.ndarray:
    """[B] a hash table. A search in it ends at an empty bucket."""
    buckets = max(count + 1, int(np.float32(multiplier) * np.float32(count)))
    table = parts.take(buckets * entry.itemsize).view(entry)
    if table["key"].all():
        raise ValueError("a hash table without an empty bucket")
    return table


# ---- tries ----


def _check_trie(parts: _Parts, counts: tuple[int, ...], kind: int) -> None:
    (words,) = struct.unpack("<Q", parts.take(8).tobytes())
    hashes = parts.take(8 * counts[0]).view("<u8")
    if words >= counts[0] or (hashes[1:words] <= hashes[: max(0, words - 1)]).any():
        raise ValueError("its words are not in order")
    bins = _Bins.read(parts, len(counts)) if kind in (_QUANT_TRIE, _QUANT_ARRAY_TRIE) else None
    _check_unigrams(parts.take(16 * (counts[0] + 2)), counts)
    array_bits = None
    for order in range(2, len(counts) + 1):
        longest = order == len(counts)
        if kind in (_ARRAY_TRIE, _QUANT_ARRAY_TRIE) and not longest and array_bits is None:
            array_bits = _array_bits(parts)
        following, high = None if longest else counts[order], None
        count = counts[order - 1]
        if following is not None and array_bits is not None:
            high = _HighBits.read(parts, count + 1, following, array_bits)
        _NGrams.read(parts, counts[0], count, following, bins, high).check(order)


def _check_unigrams(data: np.ndarray, counts: tuple[int, ...]) -> None:
    entries = data.view(np.dtype([("log", "<f4"), ("backoff", "<f4"), ("next", "<u8")]))
    _check_logs(entries["log"], 0.0)
    _check_logs(entries["backoff"])
    _check_places(entries["next"][: counts[0] + 1], counts[1])


def _check_places(places: np.ndarray, count: int) -> None:
    """Check positions in the table of the next order.

    The range of an n-gram ends where the range of the next one begins.
    """
    if places[-1] > count or (places[1:] < places[:-1]).any():
        raise ValueError("an n-gram beyond the table")


def _array_bits(parts: _Parts) -> int:
    """The number of bits that arrays may save, from the header of the first array.

    KenLM checks the version, which precedes it.
    """
    _, bits = parts.take(2)
    parts.place -= 2
    return int(bits)


@dataclass(frozen=True)
class _Bins:
    """The values of quantised log probabilities and backoffs.

    Attributes:
        tables: float32 log probabilities and backoffs of bigrams, trigrams, and so on; the highest
            order has no backoffs.
    """

    log_bits: int
    backoff_bits: int
    tables: np.ndarray

    @classmethod
    def read(cls, parts: _Parts, orders: int) -> _Bins:
        _, log_bits, backoff_bits = (int(byte) for byte in parts.take(8)[:3])
        if not (1 <= log_bits <= 25 and 1 <= backoff_bits <= 25):
            raise ValueError(f"quantised to {log_bits} and {backoff_bits} bits")
        size = (orders - 2) * ((1 << log_bits) + (1 << backoff_bits)) + (1 << log_bits)
        return cls(log_bits, backoff_bits, parts.take(4 * size).view("<f4"))

    def of(self, order: int) -> tuple[np.ndarray, np.ndarray]:
        """The log probabilities and backoffs of an order; no backoffs for the highest."""
        begin = (order - 2) * ((1 << self.log_bits) + (1 << self.backoff_bits))
        middle = begin + (1 << self.log_bits)
        return self.tables[begin:middle], self.tables[middle : middle + (1 << self.backoff_bits)]


@dataclass(frozen=True)
class _HighBits:
    """High bits of positions in the next table: the first n-gram of each value."""

    low_bits: int
    first: np.ndarray  # [2^high]

    @classmethod
    def read(cls, parts: _Parts, entries: int, count: int, most: int) -> _HighBits:
        required = count.bit_length()
        chopped = min(
            range(min(required, most) + 1),
            key=lambda chop: (count >> (required - chop)) * 64 - entries * chop,
        )
        size = (count >> (required - chopped)) + 1
        begin = _aligned(parts.place) - parts.place + 8
        first = parts.take(8 * (1 + size) + 7)[begin : begin + 8 * size].view("<u8")
        if first[0] != 0 or (first[1:] < first[:-1]).any():
            raise ValueError("an array that is not in order")
        return cls(required - chopped, first)

    def of(self, ngrams: np.ndarray) -> np.ndarray:
        high: np.ndarray = np.searchsorted(self.first, ngrams, "right").astype(np.uint64)
        return (high - np.uint64(1)) << np.uint64(self.low_bits)


@dataclass(frozen=True)
class _NGrams:
    """N n-grams of an order, each in `bits` bits: word, values, position in the next table."""

    data: np.ndarray
    count: int
    following: int | None  # number of n-grams of the next order; None for the highest
    word_bits: int
    place_bits: int
    bins: _Bins | None
    high: _HighBits | None

    @classmethod
    def read(
        cls,
        parts: _Parts,
        words: int,
        count: int,
        following: int | None,
        bins: _Bins | None,
        high: _HighBits | None,
    ) -> _NGrams:
        place_bits = high.low_bits if high else (following or 0).bit_length()
        ngrams = cls(parts.take(0), count, following, words.bit_length(), place_bits, bins, high)
        size = ((1 + count) * ngrams.bits + 7) // 8 + 8  # KenLM reads eight bytes at a time
        return cls(parts.take(size), count, following, words.bit_length(), place_bits, bins, high)

    @property
    def value_bits(self) -> int:
        """Bits of backoff and log probability. KenLM does not store the sign of the latter."""
        if self.bins is None:
            return 31 if self.following is None else 63
        return self.bins.log_bits + (0 if self.following is None else self.bins.backoff_bits)

    @property
    def bits(self) -> int:
        return self.word_bits + self.value_bits + self.place_bits

    def check(self, order: int) -> None:
        """Raises ValueError for a value that is not finite, or a position beyond the next table."""
        for begin in range(0, self.count + 1, _BLOCK):
            ngrams = range(begin, min(begin + _BLOCK, self.count))
            if self.bins is None:
                self._check_floats(ngrams)
            else:
                self._check_bins(ngrams, order)
            if self.following is not None:
                self._check_places(range(ngrams.start, ngrams.stop + 1))

    def _check_places(self, ngrams: range) -> None:
        """The last position is the end of the range of the n-gram before it."""
        assert self.following is not None
        places = self._read(ngrams, self.word_bits + self.value_bits, self.place_bits)
        if self.high is not None:
            places |= self.high.of(np.arange(ngrams.start, ngrams.stop, dtype=np.uint64))
        _check_places(places, self.following)

    def _check_floats(self, ngrams: range) -> None:
        _check_logs(_as_floats(self._read(ngrams, self.word_bits, 31)))
        if self.following is not None:
            _check_logs(_as_floats(self._read(ngrams, self.word_bits + 31, 32)))

    def _check_bins(self, ngrams: range, order: int) -> None:
        """Check only bins in use, because unused ones may hold anything: KenLM fills the first with
        -inf.
        """
        assert self.bins is not None
        logs, backoffs = self.bins.of(order)
        backoff_bits = 0 if self.following is None else self.bins.backoff_bits
        for values, begin, bits, most in (
            (backoffs, 0, backoff_bits, _MAX_LOG),
            (logs, backoff_bits, self.bins.log_bits, 0.0),
        ):
            if bits:
                _check_logs(values[self._read(ngrams, self.word_bits + begin, bits)], most)

    def _read(self, ngrams: range, begin: int, bits: int) -> np.ndarray:
        """[N] the number in `bits` bits, from bit `begin` of each of these n-grams.

        Every eighth n-gram begins at the same bit of a byte, so these are read together.
        """
        found = np.empty(len(ngrams), np.uint64)
        for ngram in ngrams[:8]:
            part = found[ngram - ngrams.start :: 8]
            byte, bit = divmod(ngram * self.bits + begin, 8)
            numbers = np.ndarray(len(part), "<u8", self.data, byte, (self.bits,))
            np.bitwise_and(numbers >> np.uint64(bit), np.uint64((1 << bits) - 1), out=part)
        return found


def _as_floats(bits: np.ndarray) -> np.ndarray:
    return bits.astype("<u4").view("<f4")
