"""A look at the table: numbers worked out by hand, and the page in a real browser."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.browser import READY, Browser
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.reports.table_page import TableView, read_lists, share_in_fullest_rows

#              column 0   column 1   column 2
# row 0        paris      london     smith
# row 1        jones      the        </s>
# row 2        -          <unk>      -
# row 3        -          -          -
WORDS = ("the", "</s>", "<unk>", "paris", "london", "smith", "jones")
CELLS = (4, 5, 7, 0, 1, 2, 3)
COUNTS = (90, 80, 70, 5, 9, 9, 1)
LISTS = {
    "places": ["paris", "london", "elsewhere"],
    "surnames": ["london", "smith", "jones", "jones"],
}
# The page unpacks its data after it is loaded.


def model_of(
    words: Sequence[str], counts: Sequence[int], table: WordTable, case: str = "as-is"
) -> LightRNN:
    return LightRNN(
        LightRNNSettings(hidden_dim=2), Vocabulary(tuple(words), np.array(counts), case), table
    )


@pytest.fixture
def model() -> LightRNN:
    return model_of(WORDS, COUNTS, WordTable(4, 3, np.array(CELLS)))


@pytest.fixture
def view(model: LightRNN) -> TableView:
    return TableView(model, LISTS)


def test_summaries(view: TableView) -> None:
    found = [
        (row.row, row.words, row.listed, row.dominant, row.on_dominant, row.purity)
        for row in view.summaries
    ]
    assert found == [
        (0, 3, 3, "places", 2, 2 / 3),  # as many surnames: the list given first
        (1, 3, 1, "surnames", 1, 1.0),
        (2, 1, 0, "", 0, 0.0),
        (3, 0, 0, "", 0, 0.0),
    ]
    assert [row.row for row in view.ordered("fullest")] == [0, 1, 2], "row 3 holds no word"
    assert [row.row for row in view.ordered("purest")] == [1, 0, 2]


def test_without_lists(model: LightRNN) -> None:
    view = TableView(model)
    assert [row.row for row in view.ordered()] == [0, 1, 2]
    assert not any(row.listed or row.dominant or row.purity for row in view.summaries)


def test_words_most_frequent_first(view: TableView) -> None:
    assert view.row_words(0) == ["london", "smith", "paris"], (
        "of words seen as often, the first in the vocabulary"
    )
    assert view.column_words(1) == ["the", "<unk>", "london"]
    assert view.row_words(3) == []


def test_share_in_fullest_rows(model: LightRNN) -> None:
    names = ["paris", "smith", "jones", "paris", "nowhere"]
    assert share_in_fullest_rows(model, names, rows=1) == pytest.approx(2 / 3)
    assert share_in_fullest_rows(model, iter(names)) == 1, "a table of fewer rows than ten"
    with pytest.raises(InputError, match="no word of it"):
        share_in_fullest_rows(model, ["nowhere", "<unk>"])


def test_lines(view: TableView) -> None:
    size, places, surnames, _, first, second = view.overview_lines(rows=2, show=2)
    assert size == "4 rows × 3 columns, 7 words, 5 free cells"
    assert (
        places == "places: 2 of 3 words in the vocabulary, 100.0 % of these in its 10 fullest rows"
    )
    assert surnames.startswith("surnames: 3 of 3 words")
    assert first.split() == [
        "0",
        "3",
        "3",
        "66.7",
        "%",
        "2",
        "places",
        "london",
        "smith",
        "…",
        "1",
        "more",
    ]
    assert second.split() == [
        "1",
        "3",
        "1",
        "100.0",
        "%",
        "1",
        "surnames",
        "the",
        "</s>",
        "…",
        "1",
        "more",
    ]
    assert next(reversed([*view.overview_lines(1, 2, "purest")])).split()[0] == "1"
    assert view.row_line(2).split() == ["2", "1", "0", "-", "0", "-", "<unk>"]
    assert view.row_line(3).split() == ["3", "0", "0", "-", "0", "-"]


def test_neighbours(view: TableView) -> None:
    assert [*view.word_lines("london", show=1)] == [
        "london: row 0, column 1, seen 9 times, lists: places, surnames",
        "  row 0: smith … 1 more",
        "  column 1: the … 1 more",
    ]
    assert next(view.word_lines("<unk>", 1)).startswith("<unk>: row 2, column 1")


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda view: [*view.word_lines("London", 1)], "does not hold the word 'London'"),
        (lambda view: [*view.word_lines("<s>", 1)], "does not hold the word '<s>'"),
        (lambda view: view.row_line(4), "there is no row 4; expected 0 to 3"),
        (lambda view: view.row_line(-1), "there is no row -1"),
    ],
)
def test_unknown(view: TableView, ask: Callable[[TableView], object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ask(view)


def test_lower_case() -> None:
    model = model_of(("</s>", "<unk>", "rome"), (3, 2, 1), WordTable.shaped(3), "lower")
    view = TableView(model, {"places": ["Rome", "rome"]})
    assert [*view.overview_lines(1, 1)][1].startswith("places: 1 of 1 words")
    assert next(view.word_lines("ROME", 1)) == "rome: row 1, column 0, seen 1 times, lists: places"


def test_read_lists(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("paris\tFR\t2000000\n\nnew york\n")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"smith\n"))
    (tmp_path / "packed.xz").write_bytes(lzma.compress("müller\t3\r\n".encode()))
    lists = read_lists(f"{name}={tmp_path / name}" for name in ("plain", "packed.gz", "packed.xz"))
    assert lists == {
        "plain": ["paris", "new york"],
        "packed.gz": ["smith"],
        "packed.xz": ["müller"],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["places"], "the list 'places'; expected NAME=FILE"),
        (["=file"], "NAME=FILE"),
        (["places="], "NAME=FILE"),
        (["a={}", "a={}"], "two lists are named 'a'"),
        (["a={}.none"], "cannot be read"),
    ],
)
def test_bad_lists(tmp_path: Path, given: list[str], expected: str) -> None:
    path = tmp_path / "list"
    path.write_text("paris\n")
    with pytest.raises(InputError, match=expected):
        read_lists([text.format(path) for text in given])


def test_list_without_known_word(model: LightRNN) -> None:
    with pytest.raises(InputError, match="list rivers: no word of it is in the model's vocabulary"):
        TableView(model, {"rivers": ["rhine", ""]})


# ---- the page ----

NASTY = (
    "<b>bold</b>",
    '"',
    "&amp;",
    "</script><script>document.title='broken'</script>",
    "<!--",
    "'",
    "%41#=?",
    "日本",
    "@DATA@",
    "a\u2028b",
    "\\u0041",
    "__proto__",
)


class Elements(HTMLParser):
    """Every element's attributes, and the text within each element that has an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br"):
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name and data.strip():
                self.texts.setdefault(name, []).append(data)

    def text(self, name: str) -> str:
        return "".join(self.texts.get(name, []))


def unpacked(page: str) -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(base64.b64decode(Elements(page).text("data")))))


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    words = ("</s>", "<unk>", *NASTY)
    model = model_of(words, range(len(words), 0, -1), WordTable.shaped(len(words)))
    path = tmp_path / "nasty.html"
    TableView(model, {"<i>odd</i> & more": list(NASTY[::2])}).write_page(
        path, "<u>nasty</u> & @DATA@"
    )
    return path


def test_page_holds_everything_and_fetches_nothing(nasty: Path) -> None:
    page = nasty.read_text(encoding="utf-8")
    data = unpacked(page)
    assert data["words"].split("\n")[2:] == [*NASTY] and data["title"] == "<u>nasty</u> & @DATA@"
    assert all(word not in page for word in NASTY if len(word) > 10)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", page)
    policy = [attributes for tag, attributes in Elements(page).all if attributes.get("http-equiv")]
    assert [str(attributes["content"]).split(";")[0] for attributes in policy] == [
        "default-src 'none'"
    ]
    assert not any({"src", "href"} & attributes.keys() for _, attributes in Elements(page).all)


def test_page_data(view: TableView, tmp_path: Path) -> None:
    view.write_page(tmp_path / "page.html", "tiny")
    first = (tmp_path / "page.html").read_bytes()
    data = unpacked(first.decode())
    assert data["cells"] == [*CELLS] and data["counts"] == [*COUNTS]
    assert data["lists"] == [
        {"name": "places", "steps": [3, 1]},
        {"name": "surnames", "steps": [4, 1, 1]},
    ]
    assert data["onLists"] == [[2, 0, 0, 0], [2, 1, 0, 0]] and data["listed"] == [3, 1, 0, 0]
    assert data["dominant"] == [0, 1, -1, -1] and data["purest"] == [1, 0, 2]
    view.write_page(tmp_path / "page.html", "tiny")
    assert (tmp_path / "page.html").read_bytes() == first, "the same table gives the same file"


def test_page_cannot_be_written(view: TableView, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        view.write_page(tmp_path / "file" / "page.html", "tiny")


@pytest.fixture
def opened(browser: Browser) -> Callable[..., Elements]:
    """Opens a page at `#address` in a browser, lets a script act on it, and gives what is then
    there.
    """

    def open_page(path: Path, address: str = "", script: str = "") -> Elements:
        browser.resize(1280)
        browser.open(f"{path.as_uri()}{address}")
        browser.value(READY)
        browser.value(f"(() => {{ {script} }})()")
        browser.value("new Promise(done => setTimeout(done, 50))")  # after a change of address
        elements = Elements(browser.html())
        assert ("body", {"data-ready": "yes"}) in elements.all, elements.text("view")
        return elements

    return open_page


@pytest.fixture
def page(view: TableView, tmp_path: Path) -> Path:
    view.write_page(tmp_path / "page.html", "tiny")
    return tmp_path / "page.html"


def test_browser_overview(page: Path, opened: Callable[..., Elements]) -> None:
    shown = opened(page)
    assert shown.text("title") == "tiny: 4 rows × 3 columns, 7 words, 5 free cells"
    assert shown.texts["legend"] == [
        "fullest rows",
        "purest rows",
        "places",
        " 2",
        "surnames",
        " 3",
    ]
    cells = shown.texts["view"]
    assert cells[:8] == [
        "Rows, the fullest first",
        "row",
        "words",
        "listed",
        "dominant list",
        "on it",
        "purity",
        "most frequent words",
    ]
    assert cells[8:17] == ["0", "3", "3", "places", "2", "66.7 %", "london", "smith", "paris"]
    purest = opened(page, "#order=purest").texts["view"]
    assert purest[8:14] == ["1", "3", "1", "surnames", "1", "100.0 %"]
    colours = {
        attributes.get("style") for _, attributes in shown.all if attributes.get("class") == "word"
    }
    assert len(colours) == 3, "places, surnames, and words on no list"


def test_browser_word(page: Path, opened: Callable[..., Elements]) -> None:
    shown = opened(page, "#word=london")
    assert (
        shown.text("word") == "london"
        and shown.text("facts") == "seen 9 times; lists: places, surnames"
    )
    assert shown.texts["row"] == ["london", "smith", "paris"] and shown.texts["column"] == [
        "the",
        "<unk>",
        "london",
    ]
    here = [attributes for _, attributes in shown.all if attributes.get("class") == "word here"]
    assert [attributes["href"] for attributes in here] == ["#word=london"] * 2
    (mark,) = (attributes for _, attributes in shown.all if attributes.get("id") == "mark")
    assert "hidden" not in mark and mark["style"] == "left: 12.5%; top: 50%;"


def test_browser_search(page: Path, opened: Callable[..., Elements]) -> None:
    typed = (
        "const q = document.getElementById('query'); q.value = 'lon'; "
        "q.dispatchEvent(new Event('input'));"
    )
    shown = opened(page, script=typed)
    assert shown.texts["matches"] == ["london"] and shown.text("word") == ""
    asked = opened(
        page, script=typed + "q.value = 'jones'; document.getElementById('search').requestSubmit();"
    )
    assert asked.text("word") == "jones" and asked.texts["row"] == ["the", "</s>", "jones"]
    clicked = opened(page, script=typed + "document.querySelector('#matches a').click();")
    assert clicked.text("word") == "london"


def test_browser_map(page: Path, opened: Callable[..., Elements]) -> None:
    click = """
        const map = document.getElementById('map'), box = map.getBoundingClientRect();
        map.dispatchEvent(new MouseEvent('click', {{
            clientX: box.left + box.width * {} / 4, clientY: box.top + box.height * {} / 3}}));
    """
    assert opened(page, script=click.format(1.5, 2.5)).text("word") == "</s>", "row 1, column 2"
    assert opened(page, "#word=paris", click.format(2.5, 0.5)).text("word") == "paris", (
        "a free cell"
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "#row=1",
            [
                "Row 1",
                ": 3 words",
                "dominant list: surnames, 1 of 1 listed words (100.0 %) · ",
                "row 0",
                " · ",
                "row 2",
                "the",
                "</s>",
                "jones",
            ],
        ),
        ("#row=3", ["Row 3", ": 0 words", "dominant list: –, 0 of 0 listed words (–) · ", "row 2"]),
        ("#row=4", ["There is no row 4"]),
        ("#row=x", ["There is no row x"]),
        ("#column=3", ["There is no column 3"]),
        ("#column=0", ["Column 0", ": 2 words", "paris", "jones"]),
        ("#word=lon", ["There is no word “lon” in the table", "london"]),
        ("#word=%", ["There is no word “%” in the table"]),
        ("#list=rivers", ["There is no list “rivers”"]),
    ],
)
def test_browser_addresses(
    page: Path, opened: Callable[..., Elements], address: str, expected: list[str]
) -> None:
    assert [
        text for text in opened(page, address).texts["view"] if not text.startswith("more (")
    ] == expected


def test_browser_list(page: Path, opened: Callable[..., Elements]) -> None:
    shown = opened(page, "#list=surnames").texts["view"]
    assert shown[0] == "surnames: 3 words in 2 rows, 100.0 % in the ten fullest" and shown[8] == "0"


def test_browser_shows_any_word_as_text(nasty: Path, opened: Callable[..., Elements]) -> None:
    shown = opened(nasty)
    assert shown.text("title").startswith("<u>nasty</u> & @DATA@: ")
    assert {tag for tag, _ in shown.all}.isdisjoint({"b", "i", "u"})
    found = {text for texts in shown.texts.values() for text in texts}
    assert {*NASTY, "<i>odd</i> & more"} <= found
    links = [
        str(attributes["href"]) for _, attributes in shown.all if attributes.get("class") == "word"
    ]
    asked = {
        opened(nasty, link).text("word") for link in links if re.search("script|%2541|__|amp", link)
    }
    assert asked == {NASTY[2], NASTY[3], NASTY[6], NASTY[11]}


def test_browser_makes_only_what_is_asked_for(
    tmp_path: Path, opened: Callable[..., Elements]
) -> None:
    words = ("</s>", "<unk>", *(f"w{number}" for number in range(7498)))
    model = model_of(words, range(len(words), 0, -1), WordTable(2500, 3, np.arange(len(words))))
    TableView(model).write_page(tmp_path / "tall.html", "tall")
    shown = opened(tmp_path / "tall.html")
    assert [tag for tag, _ in shown.all].count("tr") == 51 and "more (2,450 left)" in shown.texts[
        "view"
    ]
    more = opened(tmp_path / "tall.html", script="document.querySelector('button.more').click();")
    assert [tag for tag, _ in more.all].count("tr") == 101
    assert len(opened(tmp_path / "tall.html", "#column=2").texts["column"]) == 2000
