/* People's own labels: beside what a feature is called by itself. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { keyOf, withLabels } from "../../static/js/shared/hooks/labels.js";
import { describe } from "../../static/js/shared/tokens/words.js";

const label = (sae_id, feature_index, text) => [
  keyOf(sae_id, feature_index),
  { sae_id, feature_index, label: text, note: "", author: "", date: "" },
];

test("a label goes before the tokens, in quotes", () => {
  assert.equal(describe({ name_tokens: [" Russia"], label: "countries" }), "“countries” Russia");
  assert.equal(describe({ label: "countries" }), "“countries”");
  assert.equal(describe({ name_tokens: [" Russia"] }), "Russia");
});

test("labels are those of the SAE, and what was known stays", () => {
  const info = { 3: { name_tokens: ["a"], density: 0.5 }, 4: { name_tokens: ["b"] } };
  const labels = new Map([label("x", 3, "three"), label("x", 9, "nine"), label("y", 4, "other")]);
  const named = withLabels(info, "x", labels);
  assert.deepEqual(named[3], { name_tokens: ["a"], density: 0.5, label: "three" });
  assert.deepEqual(named[9], { label: "nine" });
  assert.equal(named[4], info[4]);
  assert.equal(info[3].label, undefined);
  assert.equal(withLabels(info, "z", labels), info);
});
