"""The house as text: its files, what they import, what they define. Read with ast, so nothing of it has to run."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "keystore", "providers", "sandbox")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*places: str) -> list[Path]:
    """Every Python file under these folders, files or globs."""
    found = {
        path
        for place in places
        for match in ROOT.glob(place)
        for path in (match.rglob("*.py") if match.is_dir() else [match])
    }
    return sorted(found)


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(), filename=str(path))


def name(path: Path, node: ast.AST | None = None) -> str:
    """How a finding is named: a path from the root, and a line."""
    line = f":{node.lineno}" if node is not None and hasattr(node, "lineno") else ""
    return f"{path.relative_to(ROOT)}{line}"


def imports(path: Path) -> set[str]:
    """Every dotted name the file imports, wherever in it: `from app import keys` is both `app` and `app.keys`."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(path, node)
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - node.level + 1] if node.level else ()
    return ".".join((*base, *filter(None, [node.module])))


def imported_from(path: Path, modules: Iterable[str]) -> set[str]:
    """The names among `imports` that are one of these modules or lie below one."""
    wanted = tuple(modules)
    return {
        found
        for found in imports(path)
        if found.startswith(tuple(f"{module}." for module in wanted)) or found in wanted
    }


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in the file with the dotted name that is called: `datetime.now`, `self._clock`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def functions(path: Path) -> Iterator[Function]:
    """Every function in the file, methods and nested ones too."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def public(path: Path) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """The module, its public classes and functions, and their public methods. No overloads, nothing nested in a function."""
    yield tree(path)
    yield from _public_in(tree(path))


def _public_in(parent: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_") or is_overload(node):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _public_in(node)


def is_overload(node: ast.ClassDef | Function) -> bool:
    """A signature that typing.overload announces; the implementation speaks for it."""
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def length(node: Function) -> int:
    """Lines from `def` to the end."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def branches(node: Function) -> bool:
    """Whether statements in it choose or repeat. Comprehensions and conditional expressions may."""
    return any(isinstance(inner, ast.If | ast.For | ast.AsyncFor | ast.While | ast.Match) for inner in ast.walk(node))
