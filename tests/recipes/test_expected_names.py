"""The end of the demo: what expected names changed."""

import json
import subprocess
import sys
from pathlib import Path

MINI = Path(__file__).parents[2] / "recipes" / "mini"


def _report(rescored: int, oracle: int) -> dict[str, object]:
    """With ten names among 40 words, and all errors on names."""
    rows = {"rescored": rescored, "oracle": oracle}
    return {
        "rows": {name: {"errors": errors, "words": 40} for name, errors in rows.items()},
        "listed": {
            name: [{"errors": errors, "words": 10}, {"errors": 0, "words": 30}]
            for name, errors in rows.items()
        },
    }


def test_error_rates_and_sentences_before_and_after(tmp_path: Path) -> None:
    lists = [{"id": "one", "ref": "and saul went"}, {"id": "two", "ref": "and noah went"}]
    files = {
        "test.jsonl": "".join(json.dumps(line) + "\n" for line in lists),
        "wer.mixture.json": json.dumps(_report(4, 2)),
        "wer.names.json": json.dumps(_report(2, 1)),
        "test.mixture.txt": "one and soul went\ntwo and no a went\n",
        "test.names.txt": "one and saul went\ntwo and no a went\n",
        "changes.tsv": "utterance\twritten\tbecame\tclass\ttotal\none\tsoul\tsaul\t\t1.250\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, MINI / "expected_names.py", tmp_path / "test.jsonl", tmp_path]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["WER,", "%", "all", "names", "others"],
        ["mixture", "10.00", "40.00", "0.00"],
        ["mixture,", "with", "names", "5.00", "20.00", "0.00"],
        [],
        ["one:", "saul"],
        ["reference", "and", "saul", "went"],
        ["before", "and", "soul", "went"],
        ["after", "and", "saul", "went"],
    ]
