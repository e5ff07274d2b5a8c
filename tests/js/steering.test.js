/* The Steering page's pure functions: keys, units, alignment, frames. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { readFrames } from "../../static/js/shared/stream.js";
import { alignTokens } from "../../static/js/steering/align.js";
import { tokenWords } from "../../static/js/steering/arms.js";
import {
  baselineKey,
  knownOf,
  knownResults,
  requestKey,
  steerPasses,
} from "../../static/js/steering/known.js";
import * as units from "../../static/js/steering/units.js";
import { EDIT, OTHER, PLACE, SETTINGS, SILENT, near } from "./steering_case.js";

test("the order of interventions is no part of a request", () => {
  const key = requestKey(SETTINGS);
  assert.equal(key, requestKey({ ...SETTINGS, interventions: [OTHER, EDIT] }));
  assert.equal(key, requestKey(Object.fromEntries(Object.entries(SETTINGS).reverse())));
  const others = { prompt: "b\n", seed: 6, samples: 3, freeze_attention: true, chat: true };
  for (const [name, value] of Object.entries(others)) {
    assert.notEqual(key, requestKey({ ...SETTINGS, [name]: value }), name);
  }
  const stronger = { ...SETTINGS, interventions: [{ ...EDIT, value: 21 }, OTHER] };
  assert.notEqual(key, requestKey(stronger));
});

test("what touches nothing is left out of the key", () => {
  const bare = { ...SETTINGS, interventions: [] };
  const key = requestKey(bare);
  for (const name of ["controls", "include_generated", "freeze_attention"]) {
    assert.equal(key, requestKey({ ...bare, [name]: !bare[name] }), name);
  }
  assert.equal(key, baselineKey(SETTINGS));
  assert.equal(key, baselineKey(bare));
  const greedy = { ...SETTINGS, temperature: 0, samples: 1, controls: false };
  assert.equal(requestKey(greedy), requestKey({ ...greedy, seed: 9 }));
  const drawn = { ...greedy, controls: true }; // the random feature is drawn by the seed
  assert.notEqual(requestKey(drawn), requestKey({ ...drawn, seed: 9 }));
});

test("greedy texts come first and then the samples", () => {
  const [greedy, sampled] = steerPasses(SETTINGS);
  assert.deepEqual([greedy.temperature, greedy.samples], [0, 1]);
  assert.deepEqual(sampled, SETTINGS);
  for (const name of ["samples", "temperature", "max_new_tokens"]) {
    assert.equal(steerPasses({ ...SETTINGS, [name]: 0 }).length, 1, name);
  }
  assert.deepEqual(steerPasses(null), []);
});

test("what was asked for longest ago is forgotten first", () => {
  const known = knownResults(2);
  known.put("a", 1);
  known.put("b", 2);
  known.get("a");
  known.put("c", 3);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => known.get(key)),
    [1, null, 3],
  );
});

test("another model has another memory", () => {
  knownOf("first").shifts.put("key", 1);
  assert.equal(knownOf("first").shifts.get("key"), 1);
  assert.equal(knownOf("second").shifts.get("key"), null);
});

const BY_HAND = [
  ["add", 10, 0.5, 0.4], // 10 / 20; 10 * 2 / 50
  ["clamp", 25, 1.25, 0.8], // sets 25 = 1.25 * 20; moves by 20 * 2 / 50
  ["scale", 3, 0.75, 0.4], // makes 15 = 0.75 * 20; moves by 10 * 2 / 50
  ["ablate", 0, -0.25, -0.2], // takes away 5
];
for (const [mode, value, multiple, share] of BY_HAND) {
  test(`units of ${mode} by hand`, () => {
    assert.ok(near(units.multiple(mode, value, PLACE), multiple));
    assert.ok(near(units.share(mode, value, PLACE), share));
    if (mode === "ablate") return;
    assert.ok(near(units.fromMultiple(mode, multiple, PLACE), value));
    assert.ok(near(units.fromShare(mode, share, PLACE), value));
  });
}

test("a unit that means nothing is not a number", () => {
  assert.equal(units.fromMultiple("scale", 2, SILENT), null); // no factor of nothing is something
  assert.equal(units.fromShare("scale", 0.5, SILENT), null);
  assert.equal(units.multiple("add", 10, { ...PLACE, q999: null }), null);
  assert.equal(units.share("clamp", 10, { ...PLACE, activation: null }), null);
  assert.equal(units.fromMultiple("ablate", 1, PLACE), null);
});

test("strengths are read in three units", () => {
  const read = units.readStrengths("2x, 40% 12 0.6× -1x 12", "add", PLACE);
  // 40 % = 10; 0.6x = 12, once
  assert.deepEqual(read, { values: [-20, 10, 12, 40], wrong: [], unknown: [] });
  const bare = units.readStrengths("1x much 3", "add", { ...PLACE, q999: null });
  assert.deepEqual(bare, { values: [3], wrong: ["much"], unknown: ["1x"] });
});

test("a place is read from the columns", () => {
  const positions = {
    residual_norm: [9, 50],
    activation: [1, 5],
    token_act_max: [null, 7],
    token_firings: [0, 3],
  };
  const strength = { act_q999: 20, decoder_norm: 2, positions };
  assert.deepEqual(units.placeAt(strength, 1), { ...PLACE, token_act_max: 7, token_firings: 3 });
  assert.equal(units.placeAt(strength, 7).residual_norm, null);
  assert.equal(units.placeAt(null, 1).q999, null);
});

const ALIGNED = [
  [[1, 2, 3], [1, 2, 3], null, [0, 1, 2]],
  [[1, 2], [1, 2, 3], null, [0, 1]], // not yet parted: the baseline is ahead
  [[1, 2, 3], [1, 2], 2, [0, 1, null]],
  [[1, 9, 2, 3], [1, 2, 3], 1, [0, null, 1, 2]], // one put in: the rest has its partners
  [[1, 3], [1, 2, 3], 1, [0, 2]], // one left out
  [[7, 8], [1, 2], 0, [null, null]],
  [[], [1], null, []],
  [[5], [], 0, [null]],
];
for (const [ids, baseline, first, partner] of ALIGNED) {
  test(`[${ids}] beside [${baseline}]`, () => {
    assert.deepEqual(alignTokens(ids, baseline), { first, partner });
  });
}

test("partners are equal tokens in order", () => {
  const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
  const baseline = [3, 1, 4, 4, 1, 9, 9, 6, 5, 8];
  const pairs = [...alignTokens(ids, baseline).partner.entries()].filter(([, at]) => at !== null);
  for (const [k, at] of pairs) assert.equal(ids[k], baseline[at]);
  const places = pairs.map(([, at]) => at);
  assert.deepEqual(
    places,
    [...new Set(places)].sort((a, b) => a - b),
  );
  assert.equal(pairs.length, 7); // 3 1 4 1 9 6 5
});

test("frames are read however the network cuts them", () => {
  const whole =
    'event: token\ndata: {"seq":0,"text":"莫"}\n\nevent: final\r\ndata: {"seq":1}\r\n\r\n';
  const read = [];
  let rest = "";
  for (const piece of whole) {
    const [frames, left] = readFrames(rest + piece);
    read.push(...frames);
    rest = left;
  }
  assert.deepEqual(read, [
    { event: "token", data: { seq: 0, text: "莫" } },
    { event: "final", data: { seq: 1 } },
  ]);
});

test("what a token is said to be", () => {
  const token = { text: "a", token_id: 1, probability: 0.5 };
  const other = { text: "b", token_id: 2, probability: 0.25 };
  assert.equal(tokenWords("baseline", [token], 0, null), 'token 1: "a", 50.0 % in baseline; id 1');
  assert.match(tokenWords("steered", [token], 0, [token]), /50\.0 % in baseline$/);
  assert.match(tokenWords("steered", [token], 0, [other]), /the baseline wrote "b", 25\.0 %/);
  assert.match(tokenWords("steered", [token], 0, []), /the baseline has ended/);
});
