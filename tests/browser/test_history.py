"""Back undoes what somebody chose, one choice at a time; Forward does it again."""

import re

from playwright.sync_api import Page, Route, expect

TABLE_ROW = "#coverage-table .ag-center-cols-container .ag-row"


def at(**query: str) -> re.Pattern[str]:
    """An address of the coverage page with these settings and no others."""
    return re.compile(
        r"/coverage"
        + (r"\?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")
        + "$"
    )


def choose(page: Page, control: str, label: str) -> None:
    page.locator(f"#coverage-{control}").get_by_text(label, exact=True).click()


def test_back_undoes_one_setting_after_another(page: Page, live_server_url: str) -> None:
    page.goto(live_server_url)
    page.locator(".fs-rail").get_by_role("link", name="Coverage").click()
    expect(page.locator(TABLE_ROW).first).to_be_visible()
    choose(page, "min_count", "2")
    expect(page).to_have_url(at(min_count="2"))
    choose(page, "min_count", "5")
    expect(page).to_have_url(at(min_count="5"))
    choose(page, "sae", "3")
    expect(page).to_have_url(at(sae="layer_3", min_count="5"))
    page.go_back()
    expect(page).to_have_url(at(min_count="5"))
    expect(page.locator("#coverage-sae input:checked")).to_have_value("layer_2")
    expect(page.locator("#coverage-min_count input:checked")).to_have_value("5")
    page.go_back()
    expect(page).to_have_url(at(min_count="2"))
    page.go_back()
    expect(page).to_have_url(at())
    expect(page.locator("#coverage-min_count input:checked")).to_have_value("1")
    page.go_forward()
    page.go_forward()
    page.go_forward()
    expect(page).to_have_url(at(sae="layer_3", min_count="5"))
    expect(page.locator("#coverage-sae input:checked")).to_have_value("layer_3")
    for _ in range(4):
        page.go_back()
    expect(page.locator("h1")).to_contain_text("function tokens")


def test_a_choice_is_in_the_address_before_the_server_answers(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/coverage")
    expect(page.locator(TABLE_ROW).first).to_be_visible()
    entries = page.evaluate("history.length")
    held: list[Route] = []
    page.route("**/_dash-update-component", lambda route: held.append(route))
    choose(page, "min_count", "2")
    choose(page, "min_count", "5")
    choose(page, "sae", "3")
    expect(page).to_have_url(re.compile("min_count=5"))
    expect(page).to_have_url(re.compile("sae=layer_3"))
    page.locator("#coverage-order").click()
    page.get_by_role("option", name="largest degree first").click()
    expect(page).to_have_url(at(sae="layer_3", min_count="5", order="degree"))
    assert page.evaluate("history.length") == entries + 4
    page.unroute("**/_dash-update-component")
    for route in held:
        route.continue_()
    page.go_back()
    page.go_back()
    expect(page).to_have_url(at(min_count="5"))
    expect(page.locator("#coverage-min_count input:checked")).to_have_value("5")


def test_every_control_of_consolidation_is_in_the_address_before_the_server_answers(
    page: Page, live_server_url: str
) -> None:
    page.goto(f"{live_server_url}/consolidation")
    expect(page.locator("#consolidation-predictions table")).to_be_visible()
    entries = page.evaluate("history.length")
    held: list[Route] = []
    page.route("**/_dash-update-component", lambda route: held.append(route))
    page.locator("#consolidation-measure").get_by_text("share of total loss").click()
    page.locator("#consolidation-axis label").nth(1).click()
    page.locator(".fs-consolidation__chips label").first.click()
    expect(page).to_have_url(re.compile("measure=.*axis=.*lines="))
    assert page.evaluate("history.length") == entries + 3
    page.unroute("**/_dash-update-component")
    for route in held:
        route.continue_()


def test_walking_along_a_prompt_is_one_step_back(page: Page, live_server_url: str) -> None:
    page.goto(f"{live_server_url}/reactivation")
    locked = page.locator(".fs-fm-strip .fs-token.is-locked")
    expect(locked).to_have_count(2)
    entries = page.evaluate("history.length")
    page.locator(".fs-fm-strip .fs-token[data-column='2']").first.click()
    expect(page).to_have_url(re.compile("at=2$"))
    for reached in (3, 4):  # the lock reaches on, key by key
        page.keyboard.press("Shift+ArrowRight")
        expect(page).to_have_url(re.compile(f"at=2-{reached}(&|$)"))
    assert page.evaluate("history.length") == entries + 1
    page.go_back()
    expect(page).not_to_have_url(re.compile("at="))
    expect(locked).to_have_count(2)
    expect(locked.first).not_to_have_attribute("data-column", "4")
