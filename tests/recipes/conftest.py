"""The commands for recipes, which start many of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_server import command_clients


@pytest.fixture(scope="session")
def commands() -> Iterator[Path]:
    """A folder for the PATH with `rescore`, which is quick to start."""
    with command_clients() as folder:
        yield folder
