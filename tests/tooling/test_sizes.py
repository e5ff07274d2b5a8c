"""What `make check` counts as too long, by hand."""

from pathlib import Path

from tests.sizes import too_full, too_long

SCRIPT = Path("static/js/room/thing.js")


def script(n_lines: int, opening: str, closing: str) -> str:
    return "\n".join([f"  {opening}", *["    thing();"] * (n_lines - 2), f"  {closing}", ""])


def test_a_function_of_the_browsers_code_has_at_most_60_lines() -> None:
    for opening, closing in (
        ("export function draw(data) {", "}"),
        ("const draw = (data) => {", "};"),
        ("const draw = (data) =>", "]"),
        ("window.addEventListener(() => {", "});"),
    ):
        assert list(too_long(SCRIPT, script(60, opening, closing))) == []
        long = list(too_long(SCRIPT, script(61, opening, closing)))
        assert long == [(f"{SCRIPT}:1 function", 61, 60)], opening


def test_lines_of_the_browsers_code_have_at_most_100_columns() -> None:
    assert list(too_long(SCRIPT, "a" * 100 + "\n")) == []
    assert list(too_long(SCRIPT, "\n" + "é" * 101 + "\n")) == [(f"{SCRIPT}:2 columns", 101, 100)]


def test_a_folder_of_ours_holds_at_most_20_files() -> None:
    twenty = [Path(f"app/room/{n}.py") for n in range(20)]
    assert list(too_full(twenty)) == []
    assert list(too_full([*twenty, Path("app/room/more.py")])) == [("app/room files", 21, 20)]
    assert list(too_full([Path(f"tests/{n}.py") for n in range(30)])) == []
