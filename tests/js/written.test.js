/* How numbers and arms read. written.json holds what a recorded run's page, which is written in
 * Python, says as well. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { barWidth, firings, nats, number } from "../../static/js/shared/number.js";
import { ARM_TITLES } from "../../static/js/steering/arms.js";
import written from "./written.json" with { type: "json" };

test("the arms are called as on a recorded run's page", () => {
  assert.deepEqual(ARM_TITLES, written.arms);
});

for (const [kl, words] of written.nats) {
  test(`${kl} nats`, () => assert.equal(nats(kl), words));
}

test("figures have a true minus, and one firing is one", () => {
  assert.deepEqual([-20, -0.0001234, 0, 28.53].map(number), ["−20", "−0.000123", "0", "28.5"]);
  assert.deepEqual([1, 37582].map(firings), ["1 firing", "37,582 firings"]);
});

test("a bar is as long as its probability, whatever stands beside it", () => {
  assert.deepEqual([0, 0.25, 1].map(barWidth), ["0%", "25%", "100%"]);
});
