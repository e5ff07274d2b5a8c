"""The browser, the tiny server and its build of the browser tests."""

from tests.browser.conftest import browser, browser_build, browser_preset, live_server_url

__all__ = ["browser", "browser_build", "browser_preset", "live_server_url"]
