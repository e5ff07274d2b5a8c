"""`python -m tests.sizes`: modules of at most 300 lines, functions of at most 40,
docstrings counted.

Every file that git tracks or would track is read, except vendored ones; exit status 1 when one is
too long.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 300
FUNCTION_LINES = 40


def source_files() -> list[Path]:
    """Python and JavaScript files of the checkout, relative to it."""
    command = [
        "git",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.py",
        "static/*.js",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in map(Path, listed) if path.exists() and "vendor" not in path.parts]


def too_long(path: Path, text: str) -> Iterator[str]:
    """One line per breach, as `path:line: what, length, limit`."""
    n_lines = text.count("\n")
    if n_lines > MODULE_LINES:
        yield f"{path}:1: module of {n_lines} lines, at most {MODULE_LINES}"
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {length} lines, at most "
                    f"{FUNCTION_LINES}"
                )


def main() -> int:
    files = source_files()
    breaches = [line for path in files for line in too_long(path, path.read_text(encoding="utf-8"))]
    print("\n".join([*breaches, f"{len(files)} files, {len(breaches)} too long"]))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
