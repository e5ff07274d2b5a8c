"""Every control that a page's state.py declares has a link that is tested."""

import pytest

from tests.golden_links.declared import PAGES, names_of


@pytest.mark.parametrize("name", PAGES)
def test_every_control_of_a_page_is_in_one_of_its_states(name: str) -> None:
    page = PAGES[name]
    declared = {key for state in page["state"] for key in state}
    left_out = set(page.get("untested", ()))
    lacking = names_of(page) - left_out - declared
    assert not lacking, f"pages/{name}.toml has no state with {sorted(lacking)}"
