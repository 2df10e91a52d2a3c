"""The documentation builds with warnings as errors, and nothing in it leads nowhere."""

from __future__ import annotations

import dataclasses
import re
from html import unescape
from pathlib import Path

import click
import pytest
from doc_examples import COMMANDS
from site_links import broken_links, hosts_loaded_from, read_site

import rescorer
from rescorer.models.lightrnn import LightRNNSettings
from rescorer.settings import settings_fields
from rescorer.training.settings import TrainingSettings


def text_of(path: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_no_link_or_image_is_broken(site: Path) -> None:
    pages = read_site(site)
    assert len(pages) > 25
    assert not list(broken_links(pages))


def test_no_page_needs_another_host(site: Path) -> None:
    assert not hosts_loaded_from(read_site(site))


def test_the_checker_finds_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<h1 id='there'>…</h1>")
    (tmp_path / "index.html").write_text(
        "<a href='other.html'></a><a href='other.html#there'></a><a href='https://host/x'></a>"
        "<a href='missing.html'></a><a href='other.html#gone'></a><a href='#here'></a>"
        "<img src='missing.svg'><script src='https://host/x.js'></script>"
    )
    pages = read_site(tmp_path)
    assert list(broken_links(pages)) == [
        "index.html: missing.html",
        "index.html: other.html#gone",
        "index.html: #here",
        "index.html: missing.svg",
    ]
    assert hosts_loaded_from(pages) == {"host"}


def test_every_command_is_described(site: Path) -> None:
    text = text_of(site / "reference/commands.html")
    for name, command in COMMANDS.items():
        members = command.commands if isinstance(command, click.Group) else {}
        for full_name in (name, *(f"{name} {member}" for member in members)):
            assert f"{full_name} [OPTIONS]" in text, full_name
    assert "Sentinel" not in text


def test_every_setting_is_described_with_its_default(site: Path) -> None:
    text = text_of(site / "reference/settings.html")
    for kind in (LightRNNSettings, TrainingSettings):
        section = text.split(f"{kind.__name__}", 2)[2]
        for field in settings_fields(kind):
            if dataclasses.is_dataclass(field.default):  # it has a section of its own
                continue
            assert re.search(rf"\b{field.name}\b", section), field.name
    assert re.search(r"hidden_dim\s+256\s+Width", text)
    assert re.search(r"lr\s+0.004\s+Peak", text)


def test_every_public_function_is_described(site: Path) -> None:
    anchors = read_site(site)[(site / "reference/python.html").resolve()].anchors
    names = {name for name in rescorer.__all__ if not name.startswith("_")}
    assert len(names) >= 7
    assert {f"rescorer.{name}" for name in names} <= anchors
