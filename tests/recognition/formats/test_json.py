"""The JSON formats: json_values, json_lines, mlm_scoring, hyporadise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rescorer.errors import InputError
from rescorer.recognition.formats import NBestFile, read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest

GOOD = '{"id": "a", "nbest": [{"text": "x", "score": -1}]}'


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(
        '{"id": "a", "ref": " x  y ", "nbest": [{"text": "x y", "score": -1, "tokens": [1]},'
        ' {"text": "", "score": -2e0}], "lang": "en"}\n\n{"nbest": [{"text": "z", "score": 0}], '
        '"id": 17}\n'
    )
    assert read_nbest(tmp_path / "in").lists == (
        NBest(
            "a",
            (Hypothesis("1", ("x", "y"), {FIRST_PASS: -1}), Hypothesis("2", (), {FIRST_PASS: -2})),
            ("x", "y"),
        ),
        NBest("17", (Hypothesis("1", ("z",), {FIRST_PASS: 0.0}),)),
    )


def test_json_lines_hold_named_scores_and_keys(tmp_path: Path) -> None:
    second = Hypothesis("2", ("b",), {FIRST_PASS: -2.0, "lm": -0.5})
    first = Hypothesis("1", ("a",), {FIRST_PASS: -1.0, "lm": -9.5})
    write_nbest(
        tmp_path / "out", [NBest("u", (second, first, Hypothesis("3", (), first.scores)))], "jsonl"
    )
    assert json.loads((tmp_path / "out").read_text()) == {
        "id": "u",
        "nbest": [
            {"text": "b", "score": -2.0, "scores": {"lm": -0.5}, "key": "2"},
            {"text": "a", "score": -1.0, "scores": {"lm": -9.5}, "key": "1"},
            {"text": "", "score": -1.0, "scores": {"lm": -9.5}},
        ],
    }


def test_json_lines_without_a_first_pass(tmp_path: Path) -> None:
    for scores in ({"acoustic": -1.0}, {}):
        lists = (NBest("u", (Hypothesis("1", ("a",), scores),)),)
        write_nbest(tmp_path / "out", lists, "jsonl")
        assert '"score"' not in (tmp_path / "out").read_text()
        assert read_nbest(tmp_path / "out").lists == lists


def test_mlm_scoring_joins_by_number_not_by_the_order_of_members(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(
        '{\n\t"u-1":\n\t{\n\t"hyp_1": {"score": -1, "text": " one "}, "hyp_10": {"score": -10, '
        '"text": "ten"},\n'
        '"hyp_2": {"score": -2, "text": "two"}, "ref": "one", "speaker": 3}}'
    )
    (nbest,) = read_nbest(tmp_path / "in").lists
    assert [(h.key, h.words, h.scores) for h in nbest.hypotheses] == [
        ("1", ("one",), {FIRST_PASS: -1.0}),
        ("2", ("two",), {FIRST_PASS: -2.0}),
        ("10", ("ten",), {FIRST_PASS: -10.0}),
    ]
    assert (nbest.utterance, nbest.reference) == ("u-1", ("one",))


def test_mlm_scoring_is_written_as_mlm_scoring_reads_it(tmp_path: Path) -> None:
    hypotheses = (
        Hypothesis("1", ("a", "b"), {FIRST_PASS: -1.0}),
        Hypothesis("2", (), {FIRST_PASS: -2.0}),
    )
    write_nbest(tmp_path / "out", [NBest("u", hypotheses, ("a",))], "mlm-scoring")
    assert json.loads((tmp_path / "out").read_text()) == {
        "u": {
            "hyp_1": {"text": "a b", "score": -1.0},
            "hyp_2": {"text": "", "score": -2.0},
            "ref": "a",
        }
    }


def test_hyporadise_has_no_scores_but_the_rank(tmp_path: Path) -> None:
    content = (
        '[{"input": ["x y", ""], "output": "x y"}, {"id": "named", "input": ["z"]}, '
        '{"uid": 7, "input": ["z"]}]'
    )
    (tmp_path / "in").write_text(content)
    lists = read_nbest(tmp_path / "in").lists
    assert lists == (
        NBest(
            "1",
            (Hypothesis("1", ("x", "y"), {RANK: 0.0}), Hypothesis("2", (), {RANK: -1.0})),
            ("x", "y"),
        ),
        NBest("named", (Hypothesis("1", ("z",), {RANK: 0.0}),)),
        NBest("7", (Hypothesis("1", ("z",), {RANK: 0.0}),)),
    )
    write_nbest(tmp_path / "out", lists, "hyporadise")
    assert json.loads((tmp_path / "out").read_text()) == [
        {"id": "1", "input": ["x y", ""], "output": "x y"},
        {"id": "named", "input": ["z"]},
        {"id": "7", "input": ["z"]},
    ]


def test_hyporadise_keeps_scores_and_places_beside(tmp_path: Path) -> None:
    reranked = (
        Hypothesis("2", ("b",), {RANK: -1.0, "lm": -0.5}),
        Hypothesis("1", ("a",), {RANK: 0.0, "lm": -9.5}),
    )
    write_nbest(tmp_path / "out", [NBest("u", reranked)], "hyporadise")
    assert json.loads((tmp_path / "out").read_text()) == [
        {
            "id": "u",
            "input": ["b", "a"],
            "input_keys": ["2", "1"],
            "input_scores": [{"rank": -1.0, "lm": -0.5}, {"rank": 0.0, "lm": -9.5}],
        }
    ]
    assert read_nbest(tmp_path / "out").lists[0].hypotheses == reranked


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"id": "b", "nbest": [', ["JSON does not parse at column 23"]),
        ('{"id": "b"', ["JSON does not parse"]),
        (
            GOOD.replace('"a"', '"b"') * 2,
            ["JSON does not parse", "Extra data", "one JSON object a line"],
        ),
        ("a-1 -2 words", ["JSON does not parse"]),
        ("[" * 100_000, ["nested too deeply"]),
        ('{"id": "b", "nbest": ' + "[" * 100_000, ["nested too deeply"]),
        ('{"a":' * 100_000, ["nested too deeply"]),
        ("[]", ["the line is a list", "expected an object"]),
        ("null", ["the line is null"]),
        ('{"nbest": []}', ['no "id"']),
        ('{"id": "b"}', ['no "nbest"']),
        ('{"id": null, "nbest": []}', ["utterance id is null", "expected a string"]),
        ('{"id": true, "nbest": []}', ["utterance id is true"]),
        ('{"id": 1.5, "nbest": []}', ["utterance id is 1.5"]),
        ('{"id": ["b"], "nbest": []}', ["utterance id is a list"]),
        ('{"id": "", "nbest": []}', ["utterance id '' is empty"]),
        ('{"id": "b c", "nbest": []}', ["utterance id 'b c'", "white space"]),
        ('{"id": "b\\u00a0c", "nbest": []}', ["utterance id", "white space"]),
        ('{"id": "b\\u0000", "nbest": []}', ["utterance id", "control characters"]),
        ('{"id": "b\\n", "nbest": []}', ["utterance id", "white space"]),
        ('{"id": "\\ud800", "nbest": []}', ["utterance id", r"\ud800"]),
        ('{"id": "b", "id": "b", "nbest": []}', ["member 'id' is there twice"]),
        ('{"id": "b", "nbest": {}}', ["nbest is an object", "expected a list"]),
        ('{"id": "b", "nbest": "x"}', ["nbest is 'x'", "expected a list"]),
        ('{"id": "b", "nbest": []}', ["utterance 'b'", "no hypotheses"]),
        ('{"id": "b", "nbest": [], "ref": 1}', ["ref is 1", "expected a string"]),
        ('{"id": "b", "nbest": [], "ref": "\\udfff"}', [r"'\udfff'"]),
        (GOOD, ["utterance 'a' is there twice"]),
    ],
)
def test_a_bad_line_of_json_lines_is_told(tmp_path: Path, line: str, expected: list[str]) -> None:
    _refused(tmp_path / "in", f"{GOOD}\n\n{line}\n", "jsonl", [":3: ", *expected])


BAD_HYPOTHESES = [
    ('"x"', ["the hypothesis is 'x'", "expected an object"]),
    ("null", ["the hypothesis is null"]),
    ('{"score": -1}', ['no "text"']),
    ('{"text": "x"}', ['no "score"']),
    ('{"text": 1, "score": -1}', ["text is 1", "expected a string"]),
    ('{"text": null, "score": -1}', ["text is null"]),
    ('{"text": ["x"], "score": -1}', ["text is a list"]),
    ('{"text": "\\ud83d", "score": -1}', [r"'\ud83d'"]),
    ('{"text": "a\\u0000b", "score": -1}', [r"'\x00'"]),
    ('{"text": "x", "score": "-1"}', ["score is '-1'", "expected a number"]),
    ('{"text": "x", "score": true}', ["score is true"]),
    ('{"text": "x", "score": null}', ["score is null"]),
    ('{"text": "x", "score": [1]}', ["score is a list"]),
    ('{"text": "x", "score": NaN}', ["nan is not finite"]),
    ('{"text": "x", "score": -Infinity}', ["-inf is not finite"]),
    ('{"text": "x", "score": 1e400}', ["inf is not finite"]),
    ('{"text": "x", "score": 1' + "0" * 400 + "}", ["score", "is too large"]),
    ('{"text": "x", "score": 1' + "0" * 5000 + "}", ["too l"]),
    ('{"text": "x", "score": -1, "scores": []}', ["scores is a list", "expected an object"]),
    ('{"text": "x", "score": -1, "scores": {"lm": "1"}}', ["lm is '1'", "expected a number"]),
    ('{"text": "x", "score": -1, "scores": {"a/b": 1}}', ["score name 'a/b'"]),
    ('{"text": "x", "score": -1, "scores": {"first_pass": 1}}', ["'first_pass'", "one score"]),
    (
        '{"text": "x", "score": -1, "scores": {"lm": 1}}',
        ["scores 'first_pass', 'lm'", "as in the first hypothesis"],
    ),
    ('{"text": "x", "score": -1, "key": ""}', ["key '' is empty"]),
    ('{"text": "x", "score": -1, "key": false}', ["key is false"]),
    ('{"text": "x", "score": -1, "key": "1"}', ["hypothesis key '1' is there twice"]),
]


@pytest.mark.parametrize(("hypothesis", "expected"), BAD_HYPOTHESES)
def test_a_bad_hypothesis_is_told_with_line_and_utterance(
    tmp_path: Path, hypothesis: str, expected: list[str]
) -> None:
    good = '{"text": "y", "score": -2}'
    _refused(
        tmp_path / "in",
        f'{GOOD}\n{{"id": "b", "nbest": [{good}, {hypothesis}]}}',
        "jsonl",
        [":2: ", *expected],
    )
    content = f'{{"a": {{"hyp_1": {good}}},\n"b": {{"hyp_1": {good}, "hyp_2": {hypothesis}}}}}'
    # Numbers of thousands of digits stop the JSON parser itself, on some Pythons: it does not say
    # where.
    _refused(
        tmp_path / "in2",
        content,
        "mlm-scoring",
        expected if len(hypothesis) > 5000 else ["utterance 'b'", *expected],
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{}", ["empty"]),
        ('{"a": {"ref": "x"}}', ["utterance 'a': no hypotheses"]),
        ('{"a": {"hyp_1":\n{"text" "x"}}}', [":2: ", "JSON does not parse at column 9"]),
        (
            '{"a": {"hyp_x": {"text": "x", "score": 1}}}',
            ["utterance 'a': member 'hyp_x'", "expected hyp_N"],
        ),
        ('{"a": {"hyp1": {"text": "x", "score": 1}}}', ["member 'hyp1'"]),
        ('{"a": {"hyp_1": {"text": "x", "score": 1}, "ref": 5}}', ["ref is 5"]),
        ('{"a": {"hyp_1": {"text": "x", "score": 1}}, "b": 5}', ["utterance 'b': its value is 5"]),
        ('{"a": {"hyp_1": {"text": "x", "score": 1}}, "a": {}}', ["utterance 'a' is there twice"]),
        ('{"a b": {"hyp_1": {"text": "x", "score": 1}}}', ["utterance id 'a b'"]),
        (
            '{"a": {"hyp_1": {"text": "x", "score": 1}}}]',
            [":1: ", "JSON does not parse", "Extra data"],
        ),
        ('{"a": ' * 100_000, ["nested too deeply"]),
    ],
)
def test_a_bad_mlm_scoring_file_is_told(tmp_path: Path, content: str, expected: list[str]) -> None:
    _refused(tmp_path / "in", content, "mlm-scoring", expected)


def _record(**members: Any) -> str:
    return json.dumps([{"input": ["good"]}, {"input": ["x", "y"], **members}])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[]", ["empty"]),
        ("[\n{]", [":2: ", "JSON does not parse"]),
        ("[" * 100_000, ["nested too deeply"]),
        ('[{"input": ["x"]}, 5]', ["record 2: it is 5", "expected an object"]),
        ('[{"input": ["x"]}, {"output": "x"}]', ['record 2: no "input"']),
        (_record(input="x"), ["record 2: input is 'x'", "expected a list"]),
        (_record(input=[]), ["record 2, utterance '2': no hypotheses"]),
        (_record(input=["x", 1]), ["record 2, hypothesis 2: text is 1"]),
        (_record(input=["x", None]), ["record 2, hypothesis 2: text is null"]),
        (_record(input=["x", "\ud800"]), ["record 2, hypothesis 2: ", r"'\ud800'"]),
        (_record(output=["x"]), ["record 2: output is a list"]),
        (_record(id="a b"), ["record 2: utterance id 'a b'"]),
        (_record(id=None), ["record 2: utterance id is null"]),
        (_record(uid={}), ["record 2: utterance id is an object"]),
        (_record(id=1), ["record 2: utterance '1' is there twice"]),
        (_record(input_scores={}), ["record 2: input_scores is an object"]),
        (_record(input_scores=[{}]), ["record 2: input_scores has 1 members", "expected 2"]),
        (
            _record(input_scores=[{"rank": 0}, {"rank": "1"}]),
            ["record 2, hypothesis 2: rank is '1'"],
        ),
        (
            _record(input_scores=[{"rank": 0}, {"rank": float("inf")}]),
            ["record 2, hypothesis 2: ", "not finite"],
        ),
        (
            _record(input_scores=[{"lm": 0}, {"lm": 1}]),
            ["record 2, ", "scores 'lm'", "expected 'rank'"],
        ),
        (_record(input_keys=["1", "1"]), ["record 2, ", "key '1' is there twice"]),
        (_record(input_keys=["1", " "]), ["record 2, hypothesis 2: key ' '"]),
    ],
)
def test_a_bad_hyporadise_file_is_told(tmp_path: Path, content: str, expected: list[str]) -> None:
    _refused(tmp_path / "in", content, "hyporadise", expected)


@pytest.mark.parametrize("name", ["jsonl", "mlm-scoring", "hyporadise", "text"])
@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_told(tmp_path: Path, name: str, content: str) -> None:
    _refused(tmp_path / "in", content, name, ["the file is empty"])


def _refused(path: Path, content: str, name: str, expected: list[str]) -> None:
    """Refused in one line with file, remedy and what is expected, by the format forced and by the
    format found.
    """
    path.write_text(content, encoding="utf-8")
    for format in (name, None):
        with pytest.raises(InputError) as caught:
            read_nbest(path, format)
        message = str(caught.value)
        assert str(path) in message and "remedy: " in message
        assert all(part in message for part in expected), message
        assert len(message.splitlines()) == 1 and len(message) < len(str(path)) + 350


def _records(*members: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"input": ["a b", "a"], "output": "a b", **each} for each in members]


def _read_hyporadise(path: Path, records: list[dict[str, Any]]) -> NBestFile:
    path.write_text(json.dumps(records))
    return read_nbest(path)


def test_hyporadise_takes_numbers_beside_input_as_scores(tmp_path: Path) -> None:
    file = _read_hyporadise(
        tmp_path / "in",
        _records(
            {"score": [-1.5, -2], "am_score": [-10, -20.25], "uid": 7},
            {"am_score": [-3, -4], "score": [0, 1e3]},
        ),
    )
    assert [h.scores for nbest in file.lists for h in nbest.hypotheses] == [
        {FIRST_PASS: -1.5, "am_score": -10.0},
        {FIRST_PASS: -2.0, "am_score": -20.25},
        {FIRST_PASS: 0.0, "am_score": -3.0},
        {FIRST_PASS: 1000.0, "am_score": -4.0},
    ]
    assert file.remarks == (
        f"{tmp_path / 'in'}: read as scores, greater is better: score, am_score",
    )


@pytest.mark.parametrize(
    ("member", "values", "reason"),
    [
        ("score", ([-1, -2], [-1]), "it has not one number a hypothesis in 1 of 2 records"),
        (
            "score",
            ([-1, -2, -3], [-1, -2, -3]),
            "it has not one number a hypothesis in 2 of 2 records",
        ),
        ("score", ([-1, -2], [-1, "-2"]), "not all of it are numbers in 1 of 2 records"),
        ("score", ([-1, None], [-1, True]), "not all of it are numbers in 2 of 2 records"),
        ("duration", (1.5, 2), "it is no list in 2 of 2 records"),
        ("am_score", ([-1, -2], None), "it is not there in 1 of 2 records"),
        ("score", ([-1, -2], [-1, float("nan")]), "a number is not finite in 1 of 2 records"),
        ("score", ([-1, -2], [-1, 10**400]), "a number is not finite in 1 of 2 records"),
        ("am score", ([-1, -2], [-1, -2]), "a score's name has letters, digits and _ . + - only"),
    ],
)
def test_hyporadise_tells_which_numbers_are_no_scores(
    tmp_path: Path, member: str, values: tuple[Any, Any], reason: str
) -> None:
    file = _read_hyporadise(tmp_path / "in", _records(*({member: value} for value in values)))
    assert file.remarks == (f"{tmp_path / 'in'}: not read as scores: '{member}' ({reason})",)
    assert all(nbest.score_names == (RANK,) for nbest in file.lists)


def test_hyporadise_passes_over_texts_beside_input(tmp_path: Path) -> None:
    file = _read_hyporadise(
        tmp_path / "in", _records({"input1": "a b", "input2": ["a", "b"], "ok": True})
    )
    assert file.remarks == () and file.lists[0].score_names == (RANK,)


def test_hyporadise_members_beside_our_own_scores(tmp_path: Path) -> None:
    own = [{"am_score": -1.0}, {"am_score": -2.0}]
    file = _read_hyporadise(
        tmp_path / "in", _records({"input_scores": own, "am_score": [5, 6], "len": [2, 1]})
    )
    scores = [h.scores for h in file.lists[0].hypotheses]
    assert scores == [{"am_score": -1.0, "len": 2.0}, {"am_score": -2.0, "len": 1.0}]
    assert "'am_score' (there is a score 'am_score' already)" in file.remarks[1]
    write_nbest(tmp_path / "out", file.lists, "hyporadise")
    assert read_nbest(tmp_path / "out").lists == file.lists


def test_an_mlm_scoring_utterance_without_members_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").write_text('{"a": {}}')
    with pytest.raises(InputError, match="utterance 'a': no hypotheses"):
        read_nbest(tmp_path / "in", "mlm-scoring")
    with pytest.raises(InputError, match="in:1: JSON of no known format; expected one of kaldi, "):
        read_nbest(tmp_path / "in")
