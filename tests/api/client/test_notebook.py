"""The example notebook runs, cell after cell, as a reader would run it."""

import contextlib
import io
import json
from pathlib import Path

import pytest
from functionscope import Client

NOTEBOOK = Path(__file__).resolve().parents[3] / "static" / "notebooks" / "client.ipynb"


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_example_notebook_runs(
    served_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_API_URL", served_url)
    monkeypatch.chdir(tmp_path)  # it writes a table
    space: dict[str, object] = {"__name__": "__main__"}
    said = []
    for place, source in enumerate(code_cells()):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(source, f"{NOTEBOOK.name} cell {place}", "exec"), space)
        said.append(out.getvalue())
    scope = space["scope"]
    assert isinstance(scope, Client)
    scope.close()
    assert all(said), "every cell says what it found"
    assert said[1].count("%") == 10
    assert "KL" in said[5]
    assert said[-1].startswith("422 ")
    assert "theta" in said[-1]
    assert (tmp_path / "tokens.csv").read_text("utf-8").startswith('"token_id",')


def test_the_notebook_is_kept_without_outputs() -> None:
    """Else it would show another machine's numbers as if they were the reader's."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    kept = [c for c in cells if c["cell_type"] == "code" and (c["outputs"] or c["execution_count"])]
    assert kept == []
