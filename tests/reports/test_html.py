"""The report as a page: its data, and what a real browser shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_data import block

from benchmarks.browser import READY, Browser
from rescorer.recognition.nbest import Hypothesis, NBest
from rescorer.recognition.normalisers import normaliser
from rescorer.reports.html import HYPOTHESES, UTTERANCES, write_html
from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW, Report
from rescorer.reports.run_details import Replacement, RunDetails, WeightCurve

SCREENSHOTS = Path(__file__).parent.parent.parent / "build/screenshots"
EVIL = "</script><img src=x onerror=\"document.title='broken'\">"
EVIL_WORDS = tuple(EVIL.split())
REFERENCES = {
    "u-1": "the cat sat on the mat",
    "u-2": "a dog ran",
    EVIL: f"a {EVIL}",
    "u-4": "call mary ann now",
    "u-5": "",
}
FIRST_PASS = ["the kat sat on the big mat", "a dog ran", f"{EVIL} <!-- a", "call mary in now", "uh"]
RESULT = ["the kat sat on the mat", "a big dog ran", f"{EVIL}", "call mary ann now", "uh"]
ORACLE = ["the cat sat on the mat", "a dog ran", EVIL, "call mary ann now", ""]
CURVE = WeightCurve("lm_scale", (0.0, 0.5, 1.0), (30.0, 20.0, 25.0), 0.5, 20.0)


def split(texts: list[str]) -> list[tuple[str, ...]]:
    return [tuple(text.split()) for text in texts]


@pytest.fixture(scope="module")
def report() -> Report:
    rows = {FIRST_PASS_ROW: FIRST_PASS, ORACLE_ROW: ORACLE, RESCORED_ROW: RESULT}
    references = {name: tuple(text.split()) for name, text in REFERENCES.items()}
    words = {name: split(texts) for name, texts in rows.items()}
    return Report.of(references, words, FIRST_PASS_ROW, RESCORED_ROW, {"cat", "kat"})


def hypothesis(key: int, text: str) -> Hypothesis:
    scores = {"first_pass": -1.0 - key, EVIL: -0.5, "total": -1.5 - key}
    return Hypothesis(str(key), tuple(text.split()), scores)


@pytest.fixture(scope="module")
def details() -> RunDetails:
    ranked = zip(REFERENCES, zip(RESULT, FIRST_PASS, ORACLE, strict=True), strict=True)
    lists = [
        NBest(utterance, tuple(hypothesis(key, text) for key, text in enumerate(texts, start=1)))
        for utterance, texts in ranked
    ]
    replaced = [Replacement("u-4", ("in",), ("ann",)), Replacement("u-2", ("x",), ("absent",))]
    return RunDetails(f"lists {EVIL}", lists, [CURVE], replaced)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, report: Report, details: RunDetails) -> Path:
    written = tmp_path_factory.mktemp("page") / "report.html"
    write_html(written, report, details)
    return written


# ---- the data ----


def test_nothing_is_markup_and_nothing_is_fetched(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert "onerror" not in page and page.count("<script") == 3
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert not re.findall(r"https?:[^\"]*", page.replace("http://www.w3.org/2000/svg", ""))
    assert "default-src 'none'" in page


def test_data(path: Path, report: Report) -> None:
    data = block(path, "data")
    assert data["utterances"] == list(REFERENCES)
    words = data["words"]
    spelled = [" ".join(words[number] for number in line) for line in data["reference"]]
    assert spelled == list(REFERENCES.values())
    operations, wrong = data["before"][0]
    assert operations == "=S===I=" and [words[number] for number in wrong] == ["kat", "big"]
    assert data["after"][4] is None, "the same as before"
    assert data["oracle"] == [0, 0, 1, 0, 0]
    assert data["replaced"] == {"3": [[2, 1, "in"]]}
    assert {words[number] for number in data["listed"]} == {"cat", "kat"}
    pairs = {
        tuple(words[number] if number >= 0 else "" for number in pair[:2]): tuple(pair[2:])
        for pair in data["confusions"]
    }
    assert pairs[("cat", "kat")] == (1, 1) and pairs[("", "big")] == (1, 1)
    assert pairs[("ann", "in")] == (1, 0)
    total = report.rows[RESCORED_ROW].errors
    assert sum(after for _, after in pairs.values()) == total


def test_lists_hold_the_best_the_first_pass_and_the_fewest_errors(
    tmp_path: Path, report: Report
) -> None:
    texts = [RESULT[0], *[f"the {number}" for number in range(40)], FIRST_PASS[0], ORACLE[0]]
    long = NBest("u-1", tuple(hypothesis(key, text) for key, text in enumerate(texts)))
    write_html(tmp_path / "page.html", report, RunDetails("lists", [long]))
    shown, *others = block(tmp_path / "page.html", "lists-0")
    assert [line[0] for line in shown] == [*range(1, HYPOTHESES + 1), 42, 43]
    assert [line[2] for line in shown] == [*[0] * HYPOTHESES, 1, 0]
    assert shown[-1][1] == 0 and shown[0][1] == 1 and others == [[]] * 4
    assert shown[0][5:] == [["first_pass", EVIL, "total"], [-1.0, -0.5, -1.5]]


def test_lists_are_in_blocks(tmp_path: Path) -> None:
    references = {f"u-{number}": ("a",) for number in range(UTTERANCES + 1)}
    rows = dict.fromkeys((FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW), [("a",)] * len(references))
    lists = [NBest(name, (hypothesis(1, "a"),)) for name in reversed(references)]
    report = Report.of(references, rows, FIRST_PASS_ROW, RESCORED_ROW)
    write_html(tmp_path / "page.html", report, RunDetails("lists", lists))
    assert len(block(tmp_path / "page.html", "lists-0")) == UTTERANCES
    assert len(block(tmp_path / "page.html", "lists-1")) == 1


def test_errors_are_counted_in_one_style(tmp_path: Path) -> None:
    rows = {name: [("The", "20", "Cats!")] for name in (FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW)}
    references = {"u": ("the", "twenty", "cats")}
    report = Report.of(references, rows, FIRST_PASS_ROW, RESCORED_ROW, (), normaliser("spoken"))
    lists = [NBest("u", (Hypothesis("1", ("The", "20", "Cats!"), {"total": 0.0}),))]
    write_html(tmp_path / "page.html", report, RunDetails("lists", lists))
    assert block(tmp_path / "page.html", "data")["before"] == [["===", []]]
    (line,) = block(tmp_path / "page.html", "lists-0")[0]
    assert line[1] == 0 and line[2] == 1 and line[4] == "The 20 Cats!"


# ---- in a browser ----


@pytest.fixture
def shown(browser: Browser, path: Path) -> Iterator[Callable[..., Any]]:
    """Runs a script on the page; no script of the page may have failed at the end."""
    browser.resize(1280)
    browser.open(path.as_uri())
    browser.value(READY)
    yield browser.value
    assert browser.value("document.title") == f"lists {EVIL}" and browser.faults == []


IDS = "[...document.querySelectorAll('#utterances article strong')].map((each) => each.innerText)"


def choose(name: str, value: str) -> str:
    """A script that sets a filter, and gives the utterances that are left."""
    what = "checked" if value == "true" else "value"
    given = value if value == "true" else json.dumps(value)
    return (
        f"byId({name!r}).{what} = {given}; byId({name!r}).dispatchEvent(new Event('input')); {IDS}"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits(browser: Browser, path: Path, width: int) -> None:
    browser.resize(width)
    browser.open(path.as_uri())
    browser.value(READY)
    open_all = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    browser.value(open_all)
    rows = "document.querySelectorAll('.hypotheses tbody tr').length"
    browser.value(
        f"new Promise((done) => {{ const look = () => {rows} === 15 ? done() : "
        "setTimeout(look, 10); look(); })"
    )
    root = "document.documentElement"
    assert browser.value(f"{root}.scrollWidth - {root}.clientWidth") == 0
    assert browser.value("document.querySelectorAll('img').length") == 0
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.screenshot(SCREENSHOTS / f"report-page-{width}.png")
    assert browser.faults == []


def test_summary(shown: Callable[..., Any], report: Report) -> None:
    assert shown("byId('verdict').innerText") == report.verdict_line()
    names = shown(
        "[...byId('rates').querySelectorAll('tbody tr')].map((r) => r.cells[0].innerText)"
    )
    assert names[:3] == ["first pass", "oracle", "rescored"] and len(names) == 9
    first = "[...byId('rates').querySelectorAll('tbody tr')][0].cells[3].innerText"
    assert shown(first) == str(report.rows[FIRST_PASS_ROW].errors)
    assert shown("byId('curves').querySelector('figcaption').innerText") == (
        "lm_scale: 0.5 WER 20.00 %"
    )
    assert shown("byId('curves').querySelectorAll('polyline').length") == 1


def test_orders(shown: Callable[..., Any]) -> None:
    assert shown(IDS) == ["u-2", "u-5", "u-1", "u-4", EVIL], "the most harm first"
    assert shown(choose("order", "gain")) == [EVIL, "u-4", "u-1", "u-5", "u-2"]
    assert shown(choose("order", "errors")) == ["u-1", "u-2", EVIL, "u-5", "u-4"]
    assert shown(choose("order", "input")) == list(REFERENCES)
    assert shown("byId('count').innerText").startswith("5 of 5 utterances, ")


def test_filters(shown: Callable[..., Any]) -> None:
    shown(choose("order", "input"))
    assert shown(choose("text", "DOG")) == ["u-2"]
    assert shown(choose("text", "onerror")) == [EVIL]
    shown(choose("text", ""))
    assert shown(choose("kind", "I")) == ["u-2", "u-5"]
    assert shown(choose("kind", "D")) == [EVIL]
    assert shown(choose("kind", "SDI")) == ["u-1", "u-2", EVIL, "u-5"]
    assert shown(choose("kind", "S")) == ["u-1"]
    assert shown(choose("side", "before")) == ["u-1", "u-4"]
    shown(choose("kind", ""))
    assert shown(choose("oracle", "wrong")) == [EVIL]
    shown(choose("oracle", ""))
    assert shown(choose("listed", "true")) == ["u-1"]
    shown("byId('listed').checked = false")
    assert shown(choose("replaced", "true")) == ["u-4"]


def test_a_confusion_is_a_filter(shown: Callable[..., Any]) -> None:
    button = "[...byId('confusions').querySelectorAll('button')]"
    shown(f"{button}.find((each) => each.textContent === 'kat').click()")
    assert shown(IDS) == ["u-1"] and shown("byId('pair').innerText") == "cat → kat ×"
    shown("byId('pair').click()")
    assert len(shown(IDS)) == 5 and shown("byId('pair').hidden")


def test_words_are_aligned(shown: Callable[..., Any]) -> None:
    shown(choose("text", "u-1"))
    columns = (
        "[...document.querySelectorAll('.words > span:not(.sides)')]"
        ".map((column) => [...column.children].map((cell) => cell.innerText).join('/'))"
    )
    found = shown(columns)
    assert found[:3] == ["the/the/the", "cat/kat/kat", "sat/sat/sat"]
    said, before, after = (
        [part for part in parts if part not in ("", "–")]
        for parts in zip(*(column.split("/") for column in found), strict=True)
    )
    assert [said, before, after] == [
        text.split() for text in (REFERENCES["u-1"], FIRST_PASS[0], RESULT[0])
    ]
    assert shown("document.querySelector('.S').className") == "S listed"
    shown(choose("text", "u-4"))
    assert shown("document.querySelector('.name').innerText") == "ann"
    assert shown("document.querySelector('.name').title") == "a name in place of “in”"


def test_hypotheses_are_unpacked_on_a_click(shown: Callable[..., Any]) -> None:
    shown(choose("text", "onerror"))
    shown("document.querySelector('article summary').click()")
    table = "document.querySelector('.hypotheses table')"
    shown(
        f"new Promise((done) => {{ const look = () => {table} ? done() : "
        "setTimeout(look, 10); look(); })"
    )
    heads = shown(f"[...{table}.querySelectorAll('th')].map((head) => head.innerText)")
    assert heads == ["place", "errors", "first_pass", EVIL, "total", "hypothesis"]
    cells = shown(f"[...{table}.querySelectorAll('tbody tr')].map((row) => row.innerText)")
    assert len(cells) == 3 and cells[0].startswith("1\t") and "(best total" in cells[0]
    assert "first pass" in cells[1]
