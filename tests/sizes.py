"""`python -m tests.sizes`: modules of at most 300 lines, functions of at most 40 (JavaScript 60),
docstrings counted; lines of JavaScript of at most 100 columns; at most 20 files in a folder.

Every file that git tracks or would track is read, except vendored ones; exit status 1 when one is
too long. What was too long when the lines became shorter stands in sizes_known.txt with its length:
it may shrink, not grow, and leaves the list when it fits (`--known` writes the list anew).
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 300
FUNCTION_LINES = 40
SCRIPT_FUNCTION_LINES = 60
COLUMNS = 100
FOLDER_FILES = 20
FOLDERS = ("app", "backend", "precompute", "static")
# As Prettier lays functions out: what begins so ends at the next line that is indented as it is.
OPENS = re.compile(r"( *)(?!//|\*)\S.*(?:\bfunction\b.*\{|=> (?:\{|\(|\[)|=>)$")
KNOWN = Path("tests/sizes_known.txt")


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
        "static/*.ts",
        "tests/js/*.js",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in map(Path, listed) if path.exists() and "vendor" not in path.parts]


def too_long(path: Path, text: str) -> Iterator[tuple[str, int, int]]:
    """(what, lines, limit) of each breach; what is `path` or `path function`."""
    n_lines = text.count("\n")
    if n_lines > MODULE_LINES:
        yield str(path), n_lines, MODULE_LINES
    if path.suffix != ".py":
        yield from too_long_script(path, text.split("\n"))
        return
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path} {node.name}", length, FUNCTION_LINES


def too_long_script(path: Path, lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """Breaches of functions and columns in JavaScript that Prettier has laid out."""
    for at, line in enumerate(lines):
        if len(line) > COLUMNS:
            yield f"{path}:{at + 1} columns", len(line), COLUMNS
        if not (opened := OPENS.match(line)):
            continue
        indent = len(opened[1])
        after = enumerate(lines[at + 1 :], at + 1)
        inside = (k for k, one in after if one.strip() and len(one) - len(one.lstrip()) <= indent)
        length = next(inside, at) - at + 1
        if length > SCRIPT_FUNCTION_LINES:
            yield f"{path}:{at + 1} function", length, SCRIPT_FUNCTION_LINES


def too_full(files: list[Path]) -> Iterator[tuple[str, int, int]]:
    """Folders of ours with too many source files."""
    counts = Counter(path.parent for path in files if path.parts[0] in FOLDERS)
    for folder, n_files in counts.items():
        if n_files > FOLDER_FILES:
            yield f"{folder} files", n_files, FOLDER_FILES


def known() -> dict[str, int]:
    """Length of each that may stay too long for now."""
    lines = KNOWN.read_text().splitlines() if KNOWN.exists() else []
    return {what: int(lines_) for what, _, lines_ in (line.rpartition(" ") for line in lines)}


def main(argv: list[str]) -> int:
    files = source_files()
    found = [one for path in files for one in too_long(path, path.read_text(encoding="utf-8"))]
    found += too_full(files)
    if argv == ["--known"]:
        KNOWN.write_text("".join(f"{what} {lines}\n" for what, lines, _ in found))
        return 0
    allowed = known()
    breaches = [
        f"{what}: {lines}, at most {allowed.get(what, limit)}"
        for what, lines, limit in found
        if lines > allowed.get(what, limit)
    ]
    fits_now = sorted(allowed.keys() - {what for what, _, _ in found})
    breaches += [f"{what}: fits now; take it out of {KNOWN}" for what in fits_now]
    told = f"{len(files)} files, {len(breaches)} too long, {len(allowed)} known to be"
    print("\n".join([*breaches, told]))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
