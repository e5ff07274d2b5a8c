"""Every page draws itself whatever its address says: a layout that raises leaves an empty page."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.links import page_query
from app.main import PAGES, find_page
from app.parts.page import Page
from tests.browser.xss_corpus import CORPUS

NAMES = (
    "prompt",
    "sae",
    "order",
    "theta",
    "token",
    "tokens",
    "at",
    "pins",
    "f",
    "q",
    "cut",
    "verdict",
    "path",
    "page",
)


@pytest.mark.parametrize("page", PAGES, ids=[page.path for page in PAGES])
def test_a_layout_builds_from_any_address(page: Page) -> None:
    variables = dict.fromkeys(re.findall(r"<(\w+)>", page.path), "1")
    for query in ({}, *(dict.fromkeys(NAMES, text) for text in CORPUS[::13])):
        with ThreadPoolExecutor(1) as aside:  # the browser's loop may be running in this thread
            built = aside.submit(
                asyncio.run, page.layout(**variables, **page_query(page.path, query))
            ).result()
        assert json.dumps(built.to_plotly_json(), default=lambda part: part.to_plotly_json())


def test_every_page_in_the_rail_declares_its_states() -> None:
    """A page that comes later must say here what its links may hold."""
    declared = {
        path.stem: path.read_text() for path in (Path(__file__).parent / "pages").glob("*.toml")
    }
    paths = [re.search(r'^path = "([^"]*)"', text, re.MULTILINE)[1] for text in declared.values()]  # type: ignore[index]
    found = [find_page(PAGES, re.sub(r"@\w+", "1", path)) for path in paths]
    covered = {one[0].path for one in found if one is not None}
    without_state = {"/", "/unlock", "/r/<run_id>"}
    assert {page.path for page in PAGES} - without_state <= covered


def test_old_names_of_parameters_are_read_as_their_new_ones() -> None:
    assert page_query("/coverage", {"token": "5", "b": "1-00aa11bb", "embed": "1"}) == {
        "tokens": "5"
    }
    assert page_query("/coverage", {"token": "5", "tokens": "6"}) == {"tokens": "6"}
    assert page_query("/feature/<sae_id>/<feature_index>", {"token": "5"}) == {"token": "5"}
