"""Damage: what disks, editors, transfers and ill will do to a file.

A case is what lies at a path: {"": content} for a file, {name: content} for the files of a folder.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Case = Mapping[str, bytes]
_Chance = random.Random

MOST = 1 << 20  # bytes of a damaged file
TOKENS = [
    b"nan",
    b"-inf",
    b"inf",
    b"1e999",
    b"1e308",
    b"-1e308",
    b"1e-320",
    b"1_0",
    b"9" * 30,
    b"9" * 5000,
    b"-",
    b"--1",
    b"\0",
    b"\n",
    b"\n\n",
    b"\r",
    b"\t",
    b" ",
    b"\x0b",
    b"\x0c",
    b"\x1b[2J",
    b"\x1c",
    b"\x7f",
    b"\xc2\x85",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    "\u2028".encode(),
    "\u0663".encode(),
    "\u202e".encode(),
    "\ufeff".encode(),
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\x1f\x8b",
    b'"',
    b"'",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\\u000a",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'"id"',
    b'"scores": {"lm": 1}, ',
    b'"key": "7", ',
    b'"ref": "x", ',
    b"<s>",
    b"</s>",
    b"<unk>",
    b"<eps>",
    b"#0",
    b"../",
    b"/dev/zero",
    b"%s%n",
]
_NUMBERS = [
    b"0",
    b"-0",
    b"-1",
    b"1",
    b"255",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"-2147483649",
    b"4294967295",
    b"9223372036854775807",
    b"9223372036854775808",
    b"1000000000",
    b"1e308",
    b"-1e308",
    b"1e309",
    b"1e-400",
    b"nan",
    b"inf",
    b"-inf",
    b"0x10",
    b"1e5",
    b"0.1.2",
    "١٢".encode(),
    b"9" * 400,
]
_PACKED_NUMBERS = [
    *(
        struct.pack("<i", number)
        for number in (0, 1, -1, 255, 1 << 16, 10**6, 10**9, 2**31 - 1, -(2**31))
    ),
    *(
        struct.pack("<q", number)
        for number in (0, -1, 2**31, 2**32, 10**12, 2**62, 2**63 - 1, -(2**63))
    ),
    *(
        struct.pack("<f", number)
        for number in (float("nan"), float("inf"), -float("inf"), 3e38, 1e-45, -1.0)
    ),
    struct.pack(">I", 2**31 - 1),
    b"\0" * 8,
    b"\xff" * 8,
]
_NUMBER = re.compile(rb"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


# ---- of bytes: each changes its first argument; none gets an empty one ----


def flip_bit(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def set_byte(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] = chance.choice(
        (0, 10, 32, 127, 128, 255, chance.randrange(256))
    )


def delete(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 1, 2, 4, 5, 8, 40, 400))]


def duplicate(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    data[start:start] = data[start : start + chance.choice((1, 3, 4, 8, 20, 80, 800))]


def repeat_often(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((1, 8, 60))]
    data[start:start] = piece * min(chance.choice((50, 500, 5000)), MOST // 4 // len(piece))


def cut(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data)) :]


def insert_token(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.choice(TOKENS)


def nest(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.choice((b"[", b'{"a":', b"(", b"<")) * chance.choice(
        (5, 900, 3000, 60_000)
    )


def splice(data: bytearray, chance: _Chance, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    data[chance.randrange(len(data)) :] = other[chance.randrange(len(other) + 1) :]


def repeat_line(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    lines = data.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    data[:] = b"".join(lines)


def drop_line(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    data[:] = b"".join(lines)


def swap_lines(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    lines = data.splitlines(keepends=True)
    chance.shuffle(lines)
    data[:] = b"".join(lines)


def swap_tokens(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    tokens = re.split(rb"([ \t\n,:]+)", bytes(data))
    one, two = (2 * chance.randrange(len(tokens) // 2 + 1) for _ in range(2))
    tokens[one], tokens[two] = tokens[two], tokens[one]
    data[:] = b"".join(tokens)


def change_number(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    found = list(_NUMBER.finditer(data[: 1 << 16]))
    if found:
        start, end = chance.choice(found).span()
        data[start:end] = chance.choice(_NUMBERS)


def change_packed_number(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    number = chance.choice(_PACKED_NUMBERS)
    near_head = chance.random() < 0.5  # where headers are
    start = chance.randrange(min(len(data), 200) if near_head else len(data))
    data[start : start + len(number)] = number


def damage_encoding(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    text = data.decode("utf-8", "replace")
    data[:] = text.encode(
        chance.choice(("utf-16", "utf-16-be", "latin-1", "cp1252", "utf-8-sig")), "replace"
    )


def change_line_ends(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    data[:] = data.replace(
        b"\n", chance.choice((b"\r\n", b"\r", "\u2028".encode(), b"\n\n", b"\x0b", b""))
    )


def pack_badly(data: bytearray, chance: _Chance, _: Sequence[bytes]) -> None:
    packed = bytearray(gzip.compress(bytes(data), 1, mtime=0))
    chance.choice((cut, flip_bit, set_byte))(packed, chance, ())
    data[:] = packed


Damage = Callable[[bytearray, _Chance, Sequence[bytes]], None]
DAMAGES: Mapping[str, tuple[Damage, int]] = {  # with how often each comes
    damage.__name__: (damage, weight)
    for damage, weight in (
        (flip_bit, 6),
        (set_byte, 4),
        (delete, 4),
        (duplicate, 4),
        (repeat_often, 1),
        (cut, 2),
        (insert_token, 10),
        (nest, 1),
        (splice, 2),
        (repeat_line, 3),
        (drop_line, 2),
        (swap_lines, 1),
        (swap_tokens, 4),
        (change_number, 6),
        (change_packed_number, 4),
        (damage_encoding, 1),
        (change_line_ends, 1),
        (pack_badly, 1),
    )
}
_WEIGHTS = [weight for _, weight in DAMAGES.values()]


def damaged_bytes(content: bytes, chance: _Chance, others: Sequence[bytes]) -> bytes:
    """One to four damages, one after the other."""
    data = bytearray(content)
    for damage, _ in chance.choices(
        list(DAMAGES.values()), _WEIGHTS, k=chance.choice((1, 1, 1, 2, 2, 3, 4))
    ):
        if data:
            damage(data, chance, others)
    return bytes(data[:MOST])


# ---- that know the format: what is packed is damaged inside, and packed again with checksums that
# fit ----


def damaged(content: bytes, chance: _Chance, others: Sequence[bytes]) -> bytes:
    """Damage a file: one time in four whatever it is, else inside what is packed."""
    if chance.random() < 0.25:
        return damaged_bytes(content, chance, others)
    for inside in (_in_gzip, _in_zip, _in_json):
        if (found := inside(content, chance, others)) is not None:
            return found
    return damaged_bytes(content, chance, others)


def _in_gzip(content: bytes, chance: _Chance, others: Sequence[bytes]) -> bytes | None:
    if not content.startswith(b"\x1f\x8b"):
        return None
    unpacked = zlib.decompressobj(31).decompress(content)
    return gzip.compress(damaged(unpacked, chance, others), 1, mtime=0)


def _in_zip(content: bytes, chance: _Chance, others: Sequence[bytes]) -> bytes | None:
    """A member changed, left out, renamed or packed with compression; sizes and checksums fit."""
    if not content.startswith(b"PK\x03\x04"):
        return None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(
        [name for name in members for _ in range(4 if name.endswith(".pkl") else 1)]
    )
    change = chance.random()
    if change < 0.05:
        del members[name]
    elif change < 0.1:
        members[chance.choice((name + "x", "../" + name, name.replace("data", "Data")))] = (
            members.pop(name)
        )
    elif name.endswith(".pkl") and change < 0.6:
        members[name] = _in_pickle(members[name], chance)
    else:
        members[name] = damaged_bytes(members[name], chance, list(members.values()))
    packed = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if chance.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(packed, "w", method) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data, method)
    return packed.getvalue()


_TEXT = re.compile(rb"X(....)", re.DOTALL)  # a pickled text: its length, then UTF-8


def _in_pickle(content: bytes, chance: _Chance) -> bytes:
    """A pickled text (settings as JSON are one) changed with its length; or a number."""
    found = []
    for match in _TEXT.finditer(content):
        (size,) = struct.unpack("<I", match[1])
        if 0 < size <= len(content) - match.end():
            found.append((match.start(), match.end(), size))
    if not found or chance.random() < 0.3:
        return damaged_bytes(content, chance, [content])
    # Long texts more often: they hold the settings.
    start, begin, size = chance.choices(found, [entry[2] for entry in found])[0]
    text = content[begin : begin + size]
    new = _in_json(text, chance, [text]) or damaged_bytes(text, chance, [text])
    return content[:start] + b"X" + struct.pack("<I", len(new)) + new + content[begin + size :]


_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**18,
    10**30,
    -0.5,
    1e308,
    -1e308,
    1e-320,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    " ",
    "a",
    "1",
    "nan",
    "\n",
    "\u2028",
    "\ud800",
    "\0",
    "x" * 5000,
    [],
    {},
    [[]],
    [0],
    [None],
    {"a": 1},
    ["a"] * 3,
]


def _in_json(content: bytes, chance: _Chance, _: Sequence[bytes]) -> bytes | None:
    """One value of a JSON document, or of one of its lines, replaced, left out or given another
    name.
    """
    lines = content.split(b"\n")
    places = [place for place, line in enumerate(lines) if line[:1] in (b"{", b"[")]
    if not places:
        return None
    try:
        value = json.loads(content)
        lines, place = [b""], 0
    except ValueError:
        place = chance.choice(places)
        try:
            value = json.loads(lines[place])
        except ValueError:
            return None
    for _ in range(chance.choice((1, 1, 2))):
        value = _other_value(value, chance)
    lines[place] = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )
    return b"\n".join(lines)


def _other_value(value: Any, chance: _Chance) -> Any:
    if isinstance(value, (dict, list)) and value and chance.random() < 0.9:
        return _other_member(value, chance)
    return copy.deepcopy(chance.choice(_VALUES))


def _other_member(value: Any, chance: _Chance) -> Any:
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = chance.choice(keys)
    change = chance.random()
    if change < 0.1:
        del value[key]
    elif change < 0.2 and isinstance(value, dict):
        value[
            str(chance.choice(_VALUES))[:20] if chance.random() < 0.5 else chance.choice(keys)
        ] = value.pop(key)
    elif change < 0.25 and isinstance(value, list):
        value.insert(key, value[key])
    else:
        value[key] = _other_value(value[key], chance)
    return value


def damaged_case(case: Case, chance: _Chance, others: Sequence[bytes]) -> Case:
    """A file or folder of which one file is damaged, or gone, or takes the place of another."""
    names = list(case)
    name = chance.choice(names)
    change = chance.random()
    if len(names) > 1 and change < 0.05:
        return {each: content for each, content in case.items() if each != name}
    if len(names) > 1 and change < 0.1:
        return {**case, name: case[chance.choice(names)]}
    return {**case, name: damaged(case[name], chance, others)}
