"""The house keeps its order: no import circle, no folder in which one has to search, no line kept
from the formatter. Who may import whom is in .importlinter.
"""

import ast
import subprocess
from collections import Counter
from pathlib import Path

CODE = ("app", "backend", "precompute")
MOST_FILES = 20

Imports = dict[str, set[str]]


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [path for path in map(Path, listed.splitlines()) if path.exists()]


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports_of(source: str, modules: frozenset[str]) -> set[str]:
    """Which of `modules` a source text names in its imports, wherever they stand: inside
    functions and under TYPE_CHECKING too.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules or {node.module}
    return found & modules


def circle_in(imports: Imports) -> list[str]:
    """One circle, each importing the next; empty where there is none."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return way[way.index(module) :]
        if module not in done:
            for other in sorted(imports[module] - {module}):
                found = walk(other, [*way, module])
                if found:
                    return found
            done.add(module)
        return []

    return next((found for module in sorted(imports) if (found := walk(module, []))), [])


def test_a_circle_is_found_wherever_its_imports_stand() -> None:
    names = frozenset({"a", "a.b", "c"})
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import b\n"
    assert imports_of(typed, names) == {"a.b"}
    assert imports_of("def f():\n    import c\n", names) == {"c"}
    assert imports_of("from a.b import Name\nimport torch\n", names) == {"a.b"}
    assert circle_in({"a.b": {"c"}, "c": {"a.b"}, "a": {"c"}}) == ["c", "a.b"]
    assert circle_in({"a": {"a.b", "c"}, "a.b": {"c"}, "c": set()}) == []


def test_no_module_imports_itself_through_others() -> None:
    paths = tracked(*(f"{folder}/*.py" for folder in CODE))
    modules = frozenset(map(module_of, paths))
    imports = {module_of(path): imports_of(path.read_text(), modules) for path in paths}
    assert len(imports) > 300
    assert circle_in(imports) == []


def test_no_folder_holds_more_than_one_can_look_over() -> None:
    files = [path for path in tracked(*CODE, "static") if "vendor" not in path.parts]
    held = Counter(str(path.parent) for path in files)
    assert len(held) > 40
    over = {folder: n for folder, n in held.items() if n > MOST_FILES}
    assert over == {}


def test_no_line_is_kept_from_the_formatter() -> None:
    mark = "# fmt" + ":"
    assert [str(path) for path in tracked("*.py") if mark in path.read_text()] == []


def test_the_core_names_no_address_of_the_web() -> None:
    named = [path for path in tracked("backend/core/*.py") if "/api/" in path.read_text()]
    assert named == []
