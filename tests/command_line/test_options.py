"""Options made from settings: what a command gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from tiny_command import Inner, Settings, line_of, run

from rescorer.command_line import Command, given_options, settings_options


def test_defaults_are_those_of_the_dataclass() -> None:
    assert run("a.txt").stdout == f"a.txt {Settings()}\n"


def test_options_reach_their_fields() -> None:
    result = run(
        "a",
        "--lr",
        "0.1",
        "--no-tied",
        "--rows",
        "3",
        "--after",
        "1",
        "--after",
        "2",
        "--sweeps",
        "0",
        "--kind",
        "log-linear",
    )
    wanted = Settings(lr=0.1, rows=3, tied=False, kind="log-linear", after=(1, 2), inner=Inner(0))
    assert result.stdout == f"a {wanted}\n"


def test_a_setting_that_is_no_option_keeps_its_default() -> None:
    assert f"{Settings(rows=3)}" in run("a", "--rows", "3").stdout
    assert Settings(rows=3).inner.rows == 64


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["a", "--dropout", "1.5"], "--dropout 1.5; expected at least 0 and less than 1"),
        (["a", "--lr", "nan"], "--lr nan; expected a number"),
        (["a", "--rows", "x"], "'x' is not a valid integer"),
        (["a", "--dropuot", "1"], "--dropout"),
        (["a", "--sweeps", "-1"], "expected at least 0"),
        (["a", "--kind", "cubic"], "'linear', 'log-linear'"),
        (["a", "--seed", "1"], "No such option"),
        ([], "Missing argument 'TEXT'"),
        (["a", "--config", "none.toml"], "none.toml: cannot be read"),
    ],
)
def test_bad_options(args: list[str], wanted: str) -> None:
    assert wanted in line_of(run(*args))


def test_a_command_can_ask_for_what_was_given_alone(tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text("dropout = 0.5\nlr = 0.3\n")

    @click.command(cls=Command)
    @given_options(Settings)
    def show(given: Mapping[str, object]) -> None:
        click.echo(repr(given))

    options = ["--config", str(tmp_path / "few.toml"), "--lr", "0.004", "--sweeps", "2"]
    assert run(*options, command=show).stdout == "{'dropout': 0.5, 'lr': 0.004, 'sweeps': 2}\n"
    assert run(command=show).stdout == "{}\n"
    assert "expected at least 0" in line_of(run("--dropout", "-1", command=show))
    printed = run("--rows", "3", "--print-config", command=show).stdout
    assert "rows = 3\n" in printed and "lr = 0.004\n" in printed


def test_two_settings_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two settings of one name"):
        settings_options(one=Inner, two=Inner)


def test_a_value_out_of_range_names_field_and_bounds() -> None:
    with pytest.raises(ValueError, match=r"dropout = 1.0: expected at least 0 and less than 1"):
        Settings(dropout=1.0)
