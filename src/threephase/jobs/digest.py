"""The digest of a rule's code: what it means, wherever it is read, and nothing of what keeps jobs alive."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
UNCOUNTED = "jobs"  # the room of the machinery: what is in it may not move a number (docs/architecture.md)


def code_of(step: str, scripts: Path) -> str:
    """Digest of a step's code: its script's, or that of the script that trains a phase, or baseline, with its module.

    Args:
        step: the name of a phase, a baseline or a script; `phases` stands for all phases, as a study trains them.
        scripts: folder of the scripts.
    """
    from threephase.settings import baselines
    from threephase.settings.phases import PHASES, module_of

    phases = PACKAGE / "phases"
    if step == "phases":
        return code_digest(phases / "all.py")
    if step in PHASES:
        return code_digest(scripts / "phase.py", phases / f"{module_of(step)}.py")
    if step in baselines.BASELINES:
        return code_digest(scripts / "baseline.py", PACKAGE / "baselines" / f"{baselines.module_of(step)}.py")
    return code_digest(scripts / f"{step}.py")


def code_digest(*files: Path) -> str:
    """Digest of what some files do: their own code and that of every module of the package that they reach.

    Comments, docstrings and layout do not count, nor does code that it does not import, nor what it reaches in
    `jobs/` and through `jobs/` alone. So a rule that depends on this digest reruns when its own code changes and not
    otherwise. Where the files lie does not count, nor which Python reads them.
    """
    digest = hashlib.sha256()
    for name, path in sorted((_name(path), path) for path in _reached(files)):
        digest.update(name.encode() + _meaning(path))
    return digest.hexdigest()[:16]


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name


def _reached(files: Iterable[Path]) -> set[Path]:
    found, waiting = set(files), list(files)
    while waiting:
        for path in _imports(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    return found


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Files of the package that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in _statements(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset().union(*(_files(PACKAGE, name) for name in names))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, block, ())


@cache
def _files(package: Path, name: str) -> frozenset[Path]:
    """Files that an import of this name runs: a module's, and those of the packages that it lies in."""
    top, *inner = name.split(".")
    if top != package.name or inner[:1] == [UNCOUNTED]:
        return frozenset()
    places = [package.joinpath(*inner[:depth]) for depth in range(1, len(inner) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return frozenset(file for file in files if file.is_file())


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _meaning(path: Path) -> bytes:
    """The file's syntax tree as a line of text, without docstrings and positions."""
    return f"\n{shown(_parsed(path))}\n".encode()


def shown(node: object) -> str:
    """A syntax tree as text, without docstrings, the same under every Python that reads the file.

    `ast.dump` is not: newer versions give nodes more fields, and leave out empty ones. Each process of Snakemake's
    walks the whole package, so this is written to be quick.
    """
    if isinstance(node, ast.Constant):
        return repr(node.value)
    if isinstance(node, ast.AST):
        fields = []
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(node, DOCUMENTED):
                value = _without_docstring(node.body)
            if value is not None and value != []:
                fields.append(f"{name}={shown(value)}")
        return f"{type(node).__name__}({', '.join(fields)})"
    if isinstance(node, list):
        return f"[{', '.join([shown(part) for part in node])}]"
    return repr(node)


DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Pass()]
    return body
