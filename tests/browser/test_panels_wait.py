"""What a panel says between the page's first moment and its answer: that it waits, and no more."""

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser

READING = "Reading the prompts"
SHOWN = ("matrix", "next", "compare", "source")
OPENS, FIRINGS = '"output":"..reactivation-prompt.value', '"output":"..reactivation-matrix.prompts'
SHUFFLES = '"id":"reactivation-asked","property":"data","value":{'
STEERS = '"output":"..steer-prompt.value'


class Gate:
    """Holds the page's requests whose bodies have one of these pieces until they are let through,
    piece by piece.
    """

    def __init__(self, page: Page, *pieces: str) -> None:
        self.page = page
        self.held: dict[str, list[Route]] = {piece: [] for piece in pieces}
        page.route("**/_dash-update-component*", self._hold)

    def _hold(self, route: Route) -> None:
        body = route.request.post_data or ""
        piece = next((piece for piece in self.held if piece in body), None)
        if piece is None:
            route.continue_()
        else:
            self.held[piece].append(route)

    def arrived(self, piece: str) -> None:
        for _ in range(1200):
            if self.held[piece]:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no request has {piece}")

    def let_through(self, piece: str) -> None:
        self.arrived(piece)
        while self.held[piece]:
            self.held[piece].pop().continue_()


def test_reactivation_waits_in_every_panel(page: Page, live_server_url: str) -> None:
    gate = Gate(page, OPENS, FIRINGS, SHUFFLES)

    def says(*panels: str) -> None:
        for name in panels:
            expect(page.locator(f"#reactivation-{name}")).to_contain_text(READING)

    page.goto(f"{live_server_url}/reactivation?prompt=The+cat+sat+on+the+mat.")
    gate.arrived(OPENS)
    says(*SHOWN, "index")
    gate.let_through(OPENS)
    gate.arrived(FIRINGS)
    says(*SHOWN, "index")
    gate.let_through(FIRINGS)
    expect(page.locator(".fs-fm-lane")).to_be_visible()
    for name in SHOWN:
        expect(page.locator(f"#reactivation-{name}")).not_to_contain_text(READING)
    gate.arrived(SHUFFLES)
    says("index")
    gate.let_through(SHUFFLES)
    expect(page.locator("#reactivation-index table")).to_be_visible()
    expect(page.get_by_text(READING)).to_have_count(0)


def test_steering_waits_for_what_its_address_says(page: Page, live_server_url: str) -> None:
    gate = Gate(page, STEERS)
    shift = page.locator("#steer-shift")
    page.goto(f"{live_server_url}/steer")
    gate.arrived(STEERS)
    expect(shift).to_have_text("Reading the prompt…")
    gate.let_through(STEERS)
    expect(page.locator("#steer-kl")).to_be_visible()
    page.goto(f"{live_server_url}/steer?prompt=&f=")
    gate.let_through(STEERS)
    expect(shift).to_have_text("Type a prompt to see what comes next.")
