"""What the Steering page's browser tests share:
addresses, waiting, reading, and a gate for streams.
"""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

PROMPT = "What is the capital of Russia?\n"
ONE = "?prompt=What+is+the+capital+of+Russia%3F%0A&f=layer_2:3:add:20:last_function"
SHORT = ONE + "&tokens=6&controls=0"
TWO = SHORT.replace("last_function&", "last_function,layer_2:5:add:10:last&")
DONE = "#steer-stream[data-status=done][data-stale=false]"

# Lets frames of a stream through to the page one by one: window.gate.open(n) passes n more of
# `event`.
GATE = """
window.gate = { path: '', event: '', left: Infinity, passed: 0, wake: [] };
window.gate.hold = (path, event, left) =>
  Object.assign(window.gate, { path, event, left, passed: 0 });
window.gate.open = (n) => {
  window.gate.left += n;
  window.gate.wake.splice(0).forEach((go) => go());
};
const real = window.fetch.bind(window);
window.fetch = async (address, init) => {
  const response = await real(address, init);
  const asked = window.gate.path && String(address).endsWith(window.gate.path);
  if (!asked || !response.ok) return response;
  const encoder = new TextEncoder();
  const held = new ReadableStream({
    async start(controller) {
      const gone = new Promise((_, stop) =>
        init.signal.addEventListener('abort', () => stop(init.signal.reason)));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      try {
        for (;;) {
          const { done, value } = await Promise.race([reader.read(), gone]);
          if (done) break;
          const parts = (rest + value).split('\\n\\n');
          rest = parts.pop();
          for (const part of parts) {
            while (part.includes('event: ' + window.gate.event) && window.gate.left <= 0) {
              await Promise.race([new Promise((go) => window.gate.wake.push(go)), gone]);
            }
            if (part.includes('event: ' + window.gate.event)) {
              window.gate.left -= 1;
              window.gate.passed += 1;
            }
            controller.enqueue(encoder.encode(part + '\\n\\n'));
          }
        }
        controller.close();
      } catch (error) { controller.error(error); }
    },
  });
  return new Response(held, { status: response.status, headers: response.headers });
};
"""


def open_page(page: Page, url: str, query: str = ONE) -> None:
    page.goto(f"{url}/steer{query}")
    expect(page.locator("#steer-kl")).to_be_visible()


def written(page: Page) -> None:
    """Waits until the texts of what is on screen are complete."""
    expect(page.locator(DONE)).to_be_visible(timeout=60_000)


def texts(page: Page) -> dict[str, list[str]]:
    """By arm: greedy first, then the samples."""
    shown: dict[str, list[str]] = page.evaluate(
        """() => [...document.querySelectorAll('.fs-stream .fs-arm')].reduce((arms, arm) => {
          const spans = [...arm.querySelectorAll('.fs-text > span:not(.fs-caret)')];
          const text = spans.map((e) => e.textContent).join('');
          (arms[arm.dataset.arm] = arms[arm.dataset.arm] || []).push(text);
          return arms;
        }, {})"""
    )
    return shown


def count_tokens(page: Page) -> int:
    return page.locator(".fs-stream .fs-text > span:not(.fs-caret)").count()


def sent(page: Page) -> list[str]:
    """Paths of the live requests that `page` sends from now on."""
    paths: list[str] = []
    live = ("/api/steer", "/api/sweep", "/api/traits")
    page.on(
        "request",
        lambda asked: (
            paths.append(path) if (path := urlsplit(asked.url).path).startswith(live) else None
        ),
    )
    return paths


def steer(page: Page, url: str, **changes: Any) -> dict[str, Any]:
    intervention = {
        "sae_id": "layer_2",
        "feature_index": 3,
        "mode": "add",
        "value": 20,
        "positions": "last_function",
    }
    body = {"prompt": PROMPT, "interventions": [intervention], "max_new_tokens": 24} | changes
    answer = page.request.post(f"{url}/api/steer", data=body)
    assert answer.ok, answer.text()
    answered: dict[str, Any] = answer.json()
    return answered


def kl(page: Page) -> float:
    return float(page.locator("#steer-kl").inner_text())
