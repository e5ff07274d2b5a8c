/* The firing matrix's filters: each hides what it says, and the line counts it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hiddenLine, visibleRows } from "../../static/js/reactivation/matrix/filters.js";
import { DEFAULT_VIEW } from "../../static/js/shared/matrix_view.js";
import { firingsOf, laneOf, modelOf, numbers, tokensOf } from "./pair_case.js";

const LOCKED = [2, 3];
const PINS = [6];
const VIEWS = [
  {},
  { locked: true },
  { at_class: "function" },
  { at_class: "content", least: 3 },
  { only_function: true },
  { density_from: 1, density: 10 },
  { pinned: true },
  { find: "cat" },
  { locked: true, least: 2, density: 40, find: "3" },
];

/**
 * [why a feature that fires at `fired` is hidden, whether it is], in the order in which the page
 * names them.
 */
function tests(feature, fired, view) {
  const counted = fired.filter((token) => token.token_class !== "special");
  const later = counted.slice(1);
  const density = { 3: 0.02, 4: 0.5 }[feature];
  const positions = fired.map((token) => token.position);
  const find = view.find ?? "";
  const found = String(feature).startsWith(find) || (feature === 3 ? "cat" : "").includes(find);
  const atFunction = later.length > 0 && later.every((one) => one.token_class === "function");
  return [
    ["not pinned", view.pinned],
    [
      `not firing at all ${LOCKED.length} locked positions`,
      view.locked && !LOCKED.every((position) => positions.includes(position)),
    ],
    [
      `silent at ${view.at_class} tokens`,
      view.at_class && !fired.some((token) => token.token_class === view.at_class),
    ],
    ["not reactivated at function tokens only", view.only_function && !atFunction],
    [`firing fewer than ${view.least} times`, counted.length < (view.least ?? 0)],
    ["rarer than the range", density < (view.density_from ?? 0) / 100],
    ["denser than the range", density > (view.density ?? 100) / 100],
    ["not matching the search", !found],
  ];
}

function expected(lane, view) {
  const hidden = new Map();
  const shown = new Set(PINS);
  const pairs = firingsOf(lane);
  for (const feature of new Set(pairs.map(([, one]) => one))) {
    if (PINS.includes(feature)) continue;
    const fired = pairs.filter(([, one]) => one === feature).map(([at]) => lane.tokens[at]);
    const why = tests(feature, fired, view).find(([, hides]) => hides)?.[0];
    if (why) hidden.set(why, (hidden.get(why) ?? 0) + 1);
    else shown.add(feature);
  }
  return { hidden, shown };
}

for (const view of VIEWS) {
  test(`filters ${JSON.stringify(view)}`, () => {
    const random = numbers(4);
    for (let k = 0; k < 12; k += 1) {
      const lane = laneOf(tokensOf(random, 14), random);
      const { all } = modelOf([lane]);
      const found = visibleRows(all, { ...DEFAULT_VIEW, ...view }, LOCKED, PINS);
      const wanted = expected(lane, view);
      const features = found.rows.map((row) => row.feature);
      assert.deepEqual(new Map(found.hidden), wanted.hidden);
      assert.deepEqual(new Set([...features, ...PINS]), wanted.shown);
      // pinned: first, and hidden by nothing
      if (features.includes(6)) assert.equal(features[0], 6);
      const count = [...wanted.hidden.values()].reduce((sum, n) => sum + n, 0);
      const line = hiddenLine(features.length, all.length, found.hidden);
      if (count) assert.ok(line.includes(`filters hide ${count}`), line);
    }
  });
}
