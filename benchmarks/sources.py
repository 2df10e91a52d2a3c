"""The source files that a result measures, and digests that tell whether their code changed."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# No figure depends on these.
_PLAIN = (
    "rescorer/errors.py",
    "rescorer/files.py",
    "benchmarks/results.py",
    "benchmarks/sources.py",
    "benchmarks/machine.py",
)


def digest(path: str, root: Path = ROOT) -> str:
    """Digest of a file, or of all Python files of a folder; empty if there is none.

    Of Python files, only the code counts: no comments, docstrings or formatting.
    """
    whole = root / path
    files = whole.rglob("*.py") if whole.is_dir() else [whole] if whole.is_file() else []
    return digest_of({file.as_posix(): file.read_bytes() for file in files})


def digest_of(contents: Mapping[str, bytes]) -> str:
    """Digest of the contents of files by their paths; empty if there are none."""
    parts = [
        _code(content) if path.endswith(".py") else content
        for path, content in sorted(contents.items())
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16] if parts else ""


@cache  # many results measure the same files
def _code(source: bytes) -> bytes:
    """Digest of the syntax tree of a Python file, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return hashlib.sha256(repr(_fields(tree)).encode()).digest()


def _fields(node: Any) -> Any:
    """A node as nested lists, without empty fields, of which newer Pythons have more."""
    if isinstance(node, list):
        return [_fields(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    fields = [(name, _fields(value)) for name, value in ast.iter_fields(node)]
    return [type(node).__name__, *(field for field in fields if field[1] not in (None, []))]


def sources_of(program: Path, root: Path = ROOT) -> list[str]:
    """The program and its imports from rescorer and benchmarks, as paths from the root."""
    seen: list[str] = []
    waiting = [program.relative_to(root).as_posix()]
    while waiting:
        path = waiting.pop()
        if path in seen or path in _PLAIN:
            continue
        seen.append(path)
        if path.startswith("benchmarks/"):
            waiting += _imported(root / path, root)
    return sorted(seen)


def _imported(file: Path, root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith(("rescorer", "benchmarks"))
        ):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            paths = [name.replace(".", "/") + ".py" for name in names]
            yield from (path for path in paths if (root / path).is_file())
            package = root / node.module.replace(".", "/") / "__init__.py"
            if package.is_file() and package != file:  # it re-exports what its modules define
                yield from _imported(package, root)
