"""Make the pages of docs/results, their figures, and the table of the README from the results.

    python -m benchmarks.render

Pages and the README's block are made from benchmarks/results/*.json. A test checks that they are
up to date. A result is marked if a source that it measures has changed. Learning curves of results
without curves are figures that were drawn when they were measured; they stay.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.baselines.plots import draw_by_parameters, draw_by_seconds
from benchmarks.results import Column, Result, read_all, table_head, table_row
from benchmarks.sources import ROOT, digest, digest_of
from rescorer.files import write_lines

DOCS = Path("docs/results")
FIGURES = DOCS / "figures"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_MADE = "<!-- Made by `python -m benchmarks.render` from benchmarks/results: edit neither. -->"


@dataclass(frozen=True)
class Page:
    """A page of results.

    Attributes:
        name: of its file, without `.md`.
        introduction: sentences above the results.
        results: names of results, in order; `PREFIX*` stands for all names with that prefix.
    """

    name: str
    title: str
    introduction: str
    results: tuple[str, ...]


PAGES = (
    Page(
        "perplexity",
        "Perplexity",
        "Perplexity of running text, lower is better.",
        (
            "english_perplexity",
            "ptb_perplexity",
            "ptb_full_softmax",
            "wikitext2_perplexity",
            "parts",
            "auto_settings*",
        ),
    ),
    Page(
        "baselines",
        "Baselines",
        "LightRNN beside other output layers of the same LSTM, each with the same budget of one "
        "core; and beside subword models, by the perplexity a word of the open text. An entry is a "
        "model with its settings; the n-gram is lmplz's of the same words. "
        "Labels in older learning curves are option names of their time.",
        (
            "baselines_ptb",
            "baselines_wikitext2",
            "baselines_wikipedia_33k",
            "baselines_wikipedia_200k",
            "baselines_wikipedia_200k_bfloat16",
            "baselines_wikipedia_200k_600s",
            "baselines_wikipedia_1m",
            "baselines_subword*",
            "subword_speed",
            "nce_by_rank",
            "baselines*",
        ),
    ),
    Page(
        "word_error_rate",
        "Word error rate",
        "Weights are tuned on development data and measured on test data.",
        ("wer_english", "wer_mini", "safe_defaults", "wer*"),
    ),
    Page(
        "lattices",
        "Lattices",
        "Lattices beside n-best lists, and how time and memory grow.",
        (
            "lattice_wer_kaldi",
            "lattice_wer_sphinx",
            "lattice_scaling",
            "lattice_reading",
            "lattice_density",
            "great_lattices",
            "lattice*",
        ),
    ),
    Page(
        "names",
        "Expected names",
        "Names that no hypothesis holds: candidates that sound like what was written.",
        ("names", "expected_names*", "names_size", "g2p", "confusions", "sound_index"),
    ),
    Page(
        "new_words",
        "New words",
        "Words that are added to a model without training it again.",
        (
            "names_whisper",
            "names_sphinx_fair",
            "names_sphinx",
            "names*",
            "new_words",
            "row_purity",
        ),
    ),
    Page(
        "reallocation",
        "Table initialisation and reallocation",
        "How words get their cells: before the training, and between epochs.",
        ("table_initialisation", "reallocation*", "assignment*"),
    ),
    Page(
        "speed_and_memory",
        "Speed and memory",
        "Training, scoring, tuning, completion, decoding and reports.",
        (
            "scoring_speed_large",
            "scoring_speed*",
            "training_and_scoring",
            "prefix_sharing",
            "rescoring_speed",
            "list_scaling",
            "tuning_speed",
            "completion",
            "vocabulary_size",
            "million_words",
            "data_parallel",
            "format_speed",
            "report_page",
            "audio",
            "audio*",
        ),
    ),
    Page("export", "Export", "Models as ONNX files, for small machines.", ("export*",)),
    Page("robustness", "Robustness", "Broken, strange and hostile input.", ("fuzz*", "torture")),
    Page("other", "Other measurements", "Results that no other page holds.", ("*",)),
)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for result in read_all().values():
        if not result.sources:
            stamped(result).write()
    results = read_all()
    draw_figures(results, ROOT / FIGURES)
    for path, text in make_pages(results).items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        write_lines(ROOT / path, text.splitlines())
        print(path)
    for old in set((ROOT / DOCS).glob("*.md")) - {ROOT / path for path in make_pages(results)}:
        old.unlink()
    readme = ROOT / "README.md"
    write_lines(readme, with_block(readme.read_text(encoding="utf-8"), results).splitlines())


# ---- pages ----


def make_pages(results: Mapping[str, Result], root: Path = ROOT) -> dict[Path, str]:
    """The text of each page by its path from the root."""
    placed = place(results)
    made = {DOCS / f"{page.name}.md": _page(page, held, root) for page, held in placed if held}
    return {DOCS / "index.md": _index(placed, root), **made}


def place(results: Mapping[str, Result]) -> list[tuple[Page, list[Result]]]:
    """The results of each page; each result is on the first page that names it."""
    named = {name for page in PAGES for name in page.results if not name.endswith("*")}
    left = dict(results)
    placed = []
    for page in PAGES:
        held: list[Result] = []
        for name in page.results:
            begin = name.removesuffix("*")
            alike = [key for key in left if key.startswith(begin) and key not in named]
            found = alike if name.endswith("*") else [name]
            held += [left.pop(key) for key in found if key in left]
        placed.append((page, held))
    return placed


def _page(page: Page, results: Iterable[Result], root: Path) -> str:
    parts = [f"# {page.title}", _MADE, page.introduction]
    for result in results:
        parts += _section(result, root)
    return "\n\n".join(parts) + "\n"


def _section(result: Result, root: Path) -> list[str]:
    table = [*table_head(result.columns, result.rows)]
    table += [table_row(result.columns, row) for row in result.rows]
    settings = "; ".join(f"{key} {value}" for key, value in result.settings.items())
    return [
        f"## {result.title}",
        f"*{result.question}*",
        *([f"**Due**: {reason_due(result, root)}"] if reason_due(result, root) else []),
        "\n".join(table),
        *(["\n".join(f"- {note}" for note in result.notes)] if result.notes else []),
        *_figures(result, root),
        f"```text\n{result.command}\n```",
        f"{result.date}, commit {result.commit}; {result.machine}."
        + (f" Settings: {settings}." if settings else ""),
    ]


def reason_due(result: Result, root: Path = ROOT) -> str:
    """Why the result should be measured again; empty if it need not be."""
    changed = "measured on earlier code." if result.changed_sources(root) else ""
    return " ".join(filter(None, [changed, result.outdated]))


def _figures(result: Result, root: Path) -> list[str]:
    return [
        f"![{result.title}: {what}](figures/{result.name}-{kind}.svg)"
        for kind, what in (
            ("seconds", "validation perplexity by seconds"),
            ("parameters", "test perplexity by parameters"),
        )
        if (root / FIGURES / f"{result.name}-{kind}.svg").exists()
    ]


def _index(placed: Iterable[tuple[Page, list[Result]]], root: Path) -> str:
    pages = [(page, held) for page, held in placed if held]
    contents = [f"- [{page.title}]({page.name}.md): {page.introduction}" for page, _ in pages]
    due = [
        f"- [{result.title}]({page.name}.md), {result.date}: {reason_due(result, root)}"
        for page, held in pages
        for result in held
        if reason_due(result, root)
    ]
    parts = [
        "# Results",
        _MADE,
        "Every table comes from one file of `benchmarks/results`, which holds the command, the "
        "machine, the date, the commit and the sources that it measures. `python -m "
        "benchmarks.NAME --record` writes such a file, `python -m benchmarks.render` these pages. "
        "DATA is the folder of the data that the recipes name. Results that were recorded before "
        "there were such files carry the commit that recorded them; option names in their "
        "commands are those of the time. What was tried and left out is in "
        "[experiments](../experiments.md).",
        "\n".join(contents),
    ]
    if due:
        parts += [
            "## Due",
            "To be measured again: a measured source has changed, or the settings are no longer "
            "the defaults.",
            "\n".join(due),
        ]
    return "\n\n".join(parts) + "\n"


# ---- the README's table ----

_TASKS = {
    "kaldi_lattices": "Kaldi lattices",
    "sphinx_lattices": "PocketSphinx lattices",
    "kaldi_nbest": "Kaldi 100-best",
    "whisper": "Whisper tiny.en lists",
}


def with_block(readme: str, results: Mapping[str, Result], root: Path = ROOT) -> str:
    """The README with the table of word error rates between the markers."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    block = f"{BEGIN}\n{_error_rates(results['wer_english'], root)}\n{END}"
    return pattern.sub(lambda _: block, readme)


def _error_rates(result: Result, root: Path) -> str:
    """WER and interval in one cell, a column a task."""
    columns = [Column("system", "WER, %, and 95 % interval")]
    columns += [Column(key, f"{task}, {result.settings[task]}") for key, task in _TASKS.items()]
    by_key = {column.key: column for column in result.columns}
    rows = [
        {
            "system": row["system"],
            **{key: f"{by_key[key].shown(row)} ({row[f'{key}_interval']})" for key in _TASKS},
        }
        for row in result.rows
    ]
    lines = [*table_head(columns, rows), *(table_row(columns, row) for row in rows)]
    mark = ["", "(Measured on earlier code.)"] if result.changed_sources(root) else []
    return "\n".join([*lines, *mark])


# ---- figures ----


def draw_figures(results: Mapping[str, Result], folder: Path) -> list[Path]:
    """Draw the figures of the tables of baselines; returns the files."""
    drawn = []
    for name, result in results.items():
        if not any("entry" in row for row in result.rows):
            continue
        path = folder / f"{name}-parameters.svg"
        draw_by_parameters(result.rows, path, result.title)
        drawn.append(path)
        if any(row.get("curve") for row in result.rows):
            path = folder / f"{name}-seconds.svg"
            draw_by_seconds(result.rows, path, result.title)
            drawn.append(path)
    return drawn


# ---- sources of results that were written without them ----


def stamped(result: Result, root: Path = ROOT) -> Result:
    """The result with the digests of its sources as its commit holds them.

    A file that the commit lacks was not committed when it was measured: as it is here.
    """
    sources = {path: _at_commit(result.commit, path, root) for path in result.measures}
    return replace(result, sources={path: found for path, found in sources.items() if found})


def _at_commit(commit: str, path: str, root: Path) -> str:
    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True).stdout

    listed = git("ls-tree", "-r", "--name-only", commit, "--", path).decode().splitlines()
    files = [file for file in listed if file == path or file.endswith(".py")]
    contents = {file: git("show", f"{commit}:{file}") for file in files}
    return digest_of(contents) or digest(path, root)


if __name__ == "__main__":
    main()
