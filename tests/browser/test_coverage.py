"""Coverage: numbers equal the API's, every setting is in the address,
and the address reopens it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.parts.numbers import percent
from backend.core.companions.file import companion_path
from precompute.cli import main
from tests.browser.test_drawers import codes, printed
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def statistics(browser_build: Path) -> Iterator[Path]:
    """The statistics beside the browser's build, while this module runs."""
    path = companion_path(browser_build, "statistics")
    work = browser_build.parent / "work"
    assert main(["statistics", "--build", str(browser_build), "--work", str(work)]) == 0
    yield path
    path.unlink()


def ready(page: Page) -> None:
    expect(page.locator("#coverage-headline")).to_contain_text("most frequent token")
    expect(page.locator("#coverage-table .ag-center-cols-container .ag-row").first).to_be_visible()


def choose(page: Page, control: str, label: str) -> None:
    page.locator(f"#coverage-{control}").get_by_text(label, exact=True).click()


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_the_headline_is_the_contrast_of_the_api(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    answer = page.request.get(f"{live_server_url}/api/coverage?sae_id=layer_2").json()
    contrast = max((one for one in answer["contrast"] if one["k"] <= 10), key=lambda one: one["k"])
    expect(page.locator("#coverage-headline")).to_contain_text(percent(contrast["coverage"]))
    if contrast["content_coverage"] is not None:
        expect(page.locator("#coverage-headline")).to_contain_text(
            percent(contrast["content_coverage"])
        )


def test_the_table_is_the_api_row_for_row(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?order=degree")
    ready(page)
    rows = page.request.get(f"{live_server_url}/api/coverage?sae_id=layer_2&order=degree").json()[
        "rows"
    ]
    for i, row in enumerate(rows[:5]):
        line = page.locator(f"#coverage-table .ag-center-cols-container [row-index='{i}']")
        expect(line.locator("[col-id='degree']")).to_have_text(f"{row['degree']:,}")
        expect(line.locator("[col-id='new_features']")).to_have_text(f"{row['new_features']:,}")


def test_defaults_leave_the_address_clean(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    page.wait_for_load_state("networkidle")
    assert urlsplit(page.url).query == ""


def test_every_control_is_in_the_address_and_the_address_reopens_it(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    choose(page, "sae", "3")
    choose(page, "min_count", "2")
    choose(page, "denominator", "whole dictionary")
    choose(page, "cut", "50")
    until(page, "location.search.includes('cut=50')")
    expected = {
        "sae": ["layer_3"],
        "min_count": ["2"],
        "denominator": ["dictionary"],
        "cut": ["50"],
    }
    assert query_of(page) == expected
    expect(page.locator("#coverage-headline")).to_contain_text("whole dictionary of layer 3")
    said = page.locator("#coverage-curve-panel-note")
    expect(said).to_contain_text("2 firings")
    expect(said).to_contain_text(re.compile(r"make 50\s%"))
    sentence = said.inner_text()
    page.reload()
    ready(page)
    expect(said).to_have_text(sentence)
    expect(page.locator("#coverage-cut input:checked")).to_have_value("50")
    assert query_of(page) == expected


def test_another_layer_keeps_the_place_in_its_own_grid_of_theta(
    page: Page, live_server_url: str
) -> None:
    """θ is a quantile of one SAE's activations:
    the numbers, the control and the address say the new layer's.
    """
    saes = page.request.get(f"{live_server_url}/api/capabilities").json()["saes"]
    grids = {sae["sae_id"]: sae["theta_grid"] for sae in saes}
    page.goto(f"{live_server_url}/coverage?theta={grids['layer_2'][1]!r}")
    ready(page)
    choose(page, "sae", "3")
    until(page, "(theta) => location.search.includes(theta)", repr(grids["layer_3"][1]))
    assert query_of(page) == {"sae": ["layer_3"], "theta": [repr(grids["layer_3"][1])]}
    note = page.locator("#coverage-curve-panel-note")
    expect(note).to_contain_text(f"At θ {grids['layer_3'][1]:.3g}")
    expect(note).to_contain_text(f"layer 2 {grids['layer_2'][1]:.3g}")
    expect(page.locator("#coverage-laws-panel-note")).to_contain_text(
        "at θ 0 and one firing an edge"
    )
    page.locator("#coverage-theta").click()
    expect(page.get_by_role("option")).to_have_text([f"{theta:.3g}" for theta in grids["layer_3"]])


def test_the_numbers_follow_the_controls(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?denominator=dictionary&min_count=2")
    ready(page)
    wanted = page.request.get(
        f"{live_server_url}/api/coverage?sae_id=layer_2&min_count=2&denominator=dictionary&max_rank=10"
    ).json()["rows"][-1]
    expect(page.locator("#coverage-curve-panel-note")).to_contain_text(percent(wanted["coverage"]))


def test_a_choice_draws_again_what_it_changed_alone(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    page.wait_for_load_state("networkidle")

    def drawn(control: str, label: str) -> set[str]:
        """The charts that the page is told of at a click."""
        view = '"..coverage-headline.children...'
        with page.expect_response(lambda got: view in (got.request.post_data or "")) as got:
            choose(page, control, label)
        told = got.value.json()["response"]
        return {name.removeprefix("coverage-") for name, what in told.items() if "figure" in what}

    assert drawn("denominator", "whole dictionary") == {"curve"}
    assert drawn("min_count", "2") == {"curve", "equal", "degree"}
    assert drawn("sae", "3") >= {"curve", "equal", "degree"}
    assert drawn("min_count", "1") >= {"curve"}  # and what is back is told again


def test_an_address_that_cannot_be_honoured_says_so(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?order=alphabet&colour=red")
    complaint = page.locator("#coverage-complaints")
    expect(complaint).to_contain_text("order: got 'alphabet', allowed are frequency")
    expect(complaint).to_contain_text("colour: this page has no such setting")


def tick(page: Page, row: int) -> str:
    """Ticks a row of the table; answers its token's id."""
    line = page.locator(f"#coverage-table .ag-center-cols-container [row-index='{row}']")
    page.locator(f"#coverage-table [row-index='{row}'] .ag-selection-checkbox input").click()
    address = line.locator("a.fs-token-link").get_attribute("href") or ""
    return address.partition("?")[0].rpartition("/")[2]


def test_a_row_opens_its_tokens_page(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    page.locator(
        "#coverage-table .ag-center-cols-container [row-index='1'] [col-id='degree']"
    ).click()
    until(page, "location.pathname.startsWith('/token/')")
    token = urlsplit(page.url).path.rpartition("/")[2]
    detail = page.request.get(f"{live_server_url}/api/tokens/{token}").json()
    expect(page.locator("#token-page")).to_contain_text(f"{detail['occurrences']:,}")


def test_ticked_tokens_show_what_they_share_and_the_link_reopens_it(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    shared = page.locator("#coverage-shared-panel")
    expect(shared).to_be_hidden()
    first, third = tick(page, 0), tick(page, 2)
    # the first tick is written before the second
    until(page, "(id) => location.search.includes(id)", third)
    assert query_of(page)["tokens"] == [f"{first},{third}"]
    expect(shared).to_be_visible()
    answer = page.request.get(
        f"{live_server_url}/api/intersections?sae_id=layer_2&token_ids={first},{third}"
    ).json()
    both = next(one["n_features"] for one in answer["intersections"] if len(one["token_ids"]) == 2)
    expect(page.locator("#coverage-shared-panel-note")).to_contain_text(f"all 2 share {both:,}")
    page.reload()
    ready(page)
    expect(page.locator("#coverage-shared-panel-note")).to_contain_text(f"all 2 share {both:,}")
    expect(page.locator("#coverage-table .ag-selection-checkbox input:checked")).to_have_count(2)


def test_the_table_says_what_frequency_explains(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    rows = page.request.get(
        f"{live_server_url}/api/statistics/tokens?sae_id=layer_2&limit=3"
    ).json()["rows"]
    for i, row in enumerate(rows):
        line = page.locator(f"#coverage-table .ag-center-cols-container [row-index='{i}']")
        expect(line.locator("[col-id='expected']")).to_have_text(f"{row['expected']:,.0f}")
        expect(line.locator("[col-id='evenness']")).to_have_text(f"{row['evenness']:.2f}")


def test_the_headline_follows_the_controls(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?min_count=5")
    ready(page)
    rows = page.request.get(f"{live_server_url}/api/statistics?sae_id=layer_2&min_count=5").json()[
        "equal_occurrence"
    ]
    row = max(
        (one for one in rows if one["cut"] is None and one["k"] <= 10), key=lambda one: one["k"]
    )
    expect(page.locator("#coverage-headline")).to_contain_text("at least 5 firings an edge")
    expect(page.locator("#coverage-headline")).to_contain_text(percent(row["coverage"]))


def test_the_cut_that_is_chosen_is_marked(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?cut=30")
    ready(page)
    chosen = page.locator("#coverage-cuts tr.fs-plain__chosen")
    expect(chosen).to_have_count(1)
    expect(chosen.locator("th")).to_contain_text("30")
    expect(page.locator("#coverage-kinds table")).to_contain_text("content, by frequency")


def test_without_statistics_the_page_says_how_to_make_them(
    page: Page, live_server_url: str, statistics: Path, page_problems: list[str]
) -> None:
    away = statistics.with_suffix(".away")
    statistics.rename(away)
    try:
        page.goto(f"{live_server_url}/coverage")
        ready(page)
        expect(page.locator("#coverage-lacking")).to_contain_text(
            "functionscope precompute statistics"
        )
        expect(page.locator("#coverage-curve-panel-note")).to_contain_text("most frequent tokens")
    finally:
        away.rename(statistics)


def test_the_copied_request_gives_the_drawn_numbers(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage?min_count=2")
    ready(page)
    code = page.locator("#coverage-curve-panel-curl")
    expect(code).to_contain_text("min_count=2")
    address = code.text_content() or ""
    first = address.split("\n\n")[0]  # the chosen layer; the others follow
    answer = page.request.get(first.removeprefix("curl -s ").strip("'")).json()
    assert answer["effective"]["min_count"] == 2
    expect(page.locator("#coverage-table [row-index='0'] [col-id='degree']").last).to_have_text(
        f"{answer['rows'][0]['degree']:,}"
    )


def test_the_paper_is_not_laid_over_another_model(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/coverage")
    ready(page)
    assert "paper" not in (page.locator("#coverage-curve").inner_text())


def test_a_layer_each_stands_in_the_drawer_of_the_coverage_curve(
    page: Page, live_server_url: str
) -> None:
    found = codes(page, f"{live_server_url}/coverage")
    saes = page.request.get(f"{live_server_url}/api/capabilities").json()["saes"]
    curve = found["Reached by the first k tokens"]
    assert all(f"sae_id={sae['sae_id']}" in curve for sae in saes if sae["in_build"])


def test_the_drawer_of_the_degrees_gives_the_slope_that_the_panel_says(
    page: Page, live_server_url: str
) -> None:
    found = codes(page, f"{live_server_url}/coverage")
    note = page.locator("#coverage-degree-panel-note").inner_text()
    last = printed(found["Degree"]).strip().splitlines()[-1]
    slope = float(last.partition("slope=")[2].partition(",")[0])
    assert f"occurrences^{slope:.2f} " in note


def test_the_code_in_every_drawer_runs(page: Page, live_server_url: str) -> None:
    for code in set(codes(page, f"{live_server_url}/coverage").values()):
        assert printed(code)
