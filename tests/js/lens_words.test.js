/* In words: what is asked at the locked position, and the table of the answer. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { lensPlans, watchedIn, wordsTable } from "../../static/js/reactivation/words/plan.js";
import { modelOf } from "./pair_case.js";

const FIRINGS = { position: [], feature_index: [], activation: [] };

/** BOS and tokens of these ids, the last a function token; each followed by its id + 100. */
function prompt(ids, nGenerated = 0) {
  const tokens = [0, ...ids].map((token_id, position) => ({
    position,
    token_id,
    text: "t" + token_id,
    token_class: position === 0 ? "special" : position === ids.length ? "function" : "content",
    ...(position > ids.length - nGenerated ? { generated: true } : {}),
  }));
  const next = Object.fromEntries(
    tokens.map(({ position, token_id }) => [position, [{ token_id: token_id + 100 }]]),
  );
  return { tokens, next, firings: FIRINGS };
}

const RAN = { prompts: ["A", "B"], prefix: "before" };

test("both prompts' answers are followed in both, one that they share once", () => {
  const ids = (prompts) => watchedIn(prompts).map((one) => one.token_id);
  assert.deepEqual(ids([prompt([1, 2]), prompt([1, 3])]), [102, 103]);
  assert.deepEqual(ids([prompt([1, 2]), prompt([3, 2])]), [102]);
  assert.deepEqual(ids([prompt([1, 2, 9], 1)]), [102]); // not what a generated token is followed by
});

test("the locked position is asked for in each prompt, with the examples before it", () => {
  const model = modelOf([prompt([1, 2, 3]), prompt([1, 5, 3])]);
  const plans = lensPlans(model, 2, RAN);
  assert.deepEqual(
    plans.map(({ body }) => [body.prompt, body.prefix, body.positions]),
    [
      ["A", "before", [2]],
      ["B", "before", [2]],
    ],
  );
  assert.deepEqual(plans[0].body.watched, [{ kind: "token", token_id: 103 }]);
});

test("with nothing locked, each prompt is read at its own last function token", () => {
  const model = modelOf([prompt([1, 2, 3]), prompt([1, 2, 2, 3])]);
  assert.deepEqual(
    lensPlans(model, null, RAN).map(({ position }) => position),
    [3, 4],
  );
});

test("where a prompt has no token, or a written one, it says so and asks nothing", () => {
  const model = modelOf([prompt([1, 2]), prompt([1, 7, 2])]);
  const gap = model.columns.findIndex((column) => column.at[0] === null);
  const [a, b] = lensPlans(model, gap, RAN);
  assert.deepEqual([a.body, b.body.positions], [null, [2]]);
  assert.match(a.problem, /No token/);
  const [written] = lensPlans(modelOf([prompt([1, 2, 9], 1)]), 3, RAN);
  assert.equal(written.body, null);
  assert.match(written.problem, /written on/);
});

test("the table has promoted tokens by rank, and answers by theirs", () => {
  const token = { token_id: 4, text: " x", probability: 0.5 };
  const rows = [{ layer: 3, position: 2, tokens: [token], watched: [{ ...token, rank: 17 }] }];
  assert.deepEqual(wordsTable([{ plan: { lane: 1 }, rows }]).slice(1), [
    ["B", 2, 3, "promoted", 1, 4, " x", 0.5],
    ["B", 2, 3, "answer", 17, 4, " x", 0.5],
  ]);
});
