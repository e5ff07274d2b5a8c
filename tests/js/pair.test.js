/* Two prompts beside each other, against the definitions written down a second time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { SPECIAL } from "../../static/js/reactivation/matrix/kinds.js";
import { clicked, lockNames, lockedColumns } from "../../static/js/reactivation/matrix/locks.js";
import {
  align,
  carriedOver,
  countDifferences,
  originSentence,
} from "../../static/js/reactivation/matrix/pair.js";
import { firingsOf, laneOf, modelOf, numbers, tokensOf } from "./pair_case.js";

const NEVER = 1e6;

/**
 * Price of pairing a with b: an edit is worth 1, a substitution within a class a thousandth less.
 */
function price(a, b) {
  if (Boolean(a.generated) !== Boolean(b.generated)) return NEVER;
  if (a.token_id === b.token_id) return 0;
  return 1 - (a.token_class === b.token_class ? 0.001 : 0);
}

/** The least price of lining a up with b, by the recursion over whole lists. */
function least(a, b) {
  const known = new Map();
  const from = (i, j) => {
    const key = `${i} ${j}`;
    if (known.has(key)) return known.get(key);
    const options = i === a.length && j === b.length ? [0] : [];
    if (i < a.length) options.push(1 + from(i + 1, j));
    if (j < b.length) options.push(1 + from(i, j + 1));
    if (i < a.length && j < b.length) options.push(price(a[i], b[j]) + from(i + 1, j + 1));
    known.set(key, Math.min(...options));
    return known.get(key);
  };
  return from(0, 0);
}

const paid = (pairs, a, b) =>
  pairs.reduce((sum, [i, j]) => sum + (i === null || j === null ? 1 : price(a[i], b[j])), 0);

test("the alignment is the least edit distance", () => {
  const random = numbers(5);
  for (let k = 0; k < 400; k += 1) {
    const [a, b] = [tokensOf(random, 9), tokensOf(random, 9)];
    const pairs = align(a, b);
    const [left, right] = [0, 1].map((side) => pairs.map((pair) => pair[side]));
    const present = (places) => places.filter((place) => place !== null);
    assert.deepEqual(present(left), [...a.keys()]); // every token once, in order
    assert.deepEqual(present(right), [...b.keys()]);
    assert.ok(Math.abs(paid(pairs, a, b) - least(a, b)) < 1e-9);
  }
});

test("a generated token is never paired with a token of a prompt", () => {
  const random = numbers(6);
  let seen = 0;
  for (let k = 0; k < 200; k += 1) {
    const [a, b] = [tokensOf(random, 9), tokensOf(random, 9)];
    for (const [i, j] of align(a, b)) {
      if (i === null || j === null) continue;
      seen += Number(Boolean(a[i].generated));
      assert.equal(Boolean(a[i].generated), Boolean(b[j].generated));
    }
  }
  assert.ok(seen > 0);
});

test("a prompt lines up with itself", () => {
  const tokens = tokensOf(numbers(1), 30);
  assert.deepEqual(
    align(tokens, tokens),
    tokens.map((_, i) => [i, i]),
  );
});

const token = ([token_id, token_class], position) => ({
  position,
  token_id,
  token_class,
  text: `t${token_id}`,
});

test("an alignment worked by hand", () => {
  const a = [
    [0, "special"],
    [1, "content"],
    [2, "content"],
    [9, "function"],
  ].map(token);
  const b = [
    [0, "special"],
    [1, "content"],
    [5, "function"],
    [3, "content"],
    [9, "function"],
  ].map(token);
  assert.deepEqual(align(a, b), [
    [0, 0],
    [1, 1],
    [null, 2],
    [2, 3],
    [3, 4],
  ]);
});

test("kinds of firings worked by hand", () => {
  const tokens = [
    [0, "special"],
    [1, "content"],
    [2, "content"],
    [9, "function"],
  ].map(token);
  const found = (position) => {
    const feature_index = position.map(() => 7);
    const firings = { position, feature_index, activation: position.map(() => 1) };
    return modelOf([{ tokens, firings }]).all.map((row) => [row.lanes[0].kinds, row.atFunction]);
  };
  // special, first, carried, carried (at a function token)
  assert.deepEqual(found([0, 1, 2, 3]), [[[SPECIAL, 0, 2, 2], 1]]);
  assert.deepEqual(found([1, 3]), [[[0, 1], 1]]); // first, reactivated
});

test("differences per aligned position", () => {
  const random = numbers(2);
  for (let k = 0; k < 60; k += 1) {
    const lanes = [laneOf(tokensOf(random, 8), random), laneOf(tokensOf(random, 8), random)];
    const model = modelOf(lanes);
    const counted = countDifferences(model.all, model.columns.length);
    model.columns.forEach(({ at }, column) => {
      const [a, b] = lanes.map((lane, side) => {
        const here = firingsOf(lane).filter(([position]) => position === at[side]);
        return new Set(here.map(([, feature]) => feature));
      });
      const both = [...a].filter((feature) => b.has(feature)).length;
      const found = [counted.A[column], counted.both[column], counted.B[column]];
      assert.deepEqual(found, [a.size - both, both, b.size - both]);
    });
  }
});

test("locked positions survive the address", () => {
  const random = numbers(3);
  const names = [];
  for (let k = 0; k < 80; k += 1) {
    const lanes = Array.from({ length: 1 + random.below(2) }, () =>
      laneOf(tokensOf(random, 8), random),
    );
    const { columns } = modelOf(lanes);
    const share = random.next();
    const chosen = [...columns.keys()].filter((i) => (i * 0.618 + share) % 1 < 0.5);
    const name = lockNames(chosen, columns);
    names.push(name);
    assert.deepEqual(lockedColumns(name, columns, lanes), chosen);
    assert.equal(name === "none", chosen.length === 0);
  }
  for (const mark of ["-", ".", "b"])
    assert.ok(
      names.some((name) => name.includes(mark)),
      mark,
    );
});

for (const written of ["x", "99", "3-99", "1-2-3", "b0", "", "-"]) {
  test(`the address "${written}" locks nothing else`, () => {
    const random = numbers(1);
    const lane = laneOf(tokensOf(random, 6), random);
    const functions = lane.tokens.filter((one) => one.token_class === "function" && !one.generated);
    const last = functions.slice(-1).map((one) => one.position);
    assert.deepEqual(lockedColumns(written, modelOf([lane]).columns, [lane]), written ? [] : last);
  });
}

test("shift takes a range and ctrl one more", () => {
  const [shift, ctrl] = [{ shiftKey: true }, { ctrlKey: true }];
  assert.deepEqual(clicked(5, [2], 2, shift), [2, 3, 4, 5]);
  assert.deepEqual(clicked(1, [3], 3, shift), [1, 2, 3]);
  assert.deepEqual(clicked(7, [2], 2, ctrl).sort(), [2, 7]);
  assert.deepEqual(clicked(2, [2, 7], 2, ctrl), [7]);
  assert.deepEqual(clicked(4, [2, 7], 2, {}), [4]);
  assert.deepEqual(clicked(4, [4], 4, {}), []);
});

test("what becomes of the words that differ", () => {
  const kinds = ["special", "function", "content", "function"];
  const tokensWith = (country) => [0, 1, country, 9].map((id, p) => token([id, kinds[p]], p));
  const laneWith = (country, fires) => ({
    tokens: tokensWith(country),
    firings: {
      position: fires.map(([position]) => position),
      feature_index: fires.map(([, feature]) => feature),
      activation: fires.map(() => 1),
    },
  });
  // A: features 10, 11 at the country, 11 again at the end with a new 12; B: 20 at the country, 12
  // at the end
  const a = [
    [2, 10],
    [2, 11],
    [3, 11],
    [3, 12],
  ];
  const b = [
    [2, 20],
    [3, 12],
  ];
  const model = modelOf([laneWith(5, a), laneWith(6, b)]);
  const at = (feature) => [model.byFeature.get(feature), []];
  assert.deepEqual(carriedOver(model, 0, 3), { columns: [2], fired: 2, again: 1 });
  assert.deepEqual(carriedOver(model, 1, 3), { columns: [2], fired: 1, again: 0 });
  assert.equal(
    originSentence(model, { A: [], both: [], B: [] }, [-1, -1]),
    "Nothing is compared: no token of these prompts is known as a function token. Lock one, and " +
      "the features that fire there are.",
  );
  assert.equal(
    originSentence(model, { A: [at(11)], both: [at(12)], B: [] }, [3, 3]),
    "Of what fires here: only in A 0 new and 1 reactivated, only in B 0 new and 0 reactivated. " +
      "Of the 2 features that fired at t5 in A, 1 fire again here. " +
      "Of the 1 features that fired at t6 in B, 0 fire again here.",
  );
});
