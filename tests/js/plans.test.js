/* Sweeps and trait searches as requests: what is asked, what is refused and why; and the tables
 * that are saved. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { csv } from "../../static/js/shared/csv.js";
import { constructed, textsTable } from "../../static/js/steering/arms.js";
import { pinnedFeatures } from "../../static/js/steering/search.js";
import { shiftTable } from "../../static/js/steering/shift_pairs.js";
import { cellFigure, cellWords, headWidth } from "../../static/js/steering/sweep/map.js";
import {
  noReachOf,
  readTarget,
  shadeOf,
  sweepPlan,
  sweepTable,
} from "../../static/js/steering/sweep/plan.js";
import {
  traitArmWords,
  traitPlan,
  withTraitFeature,
} from "../../static/js/steering/traits/plan.js";
import { EDIT, OTHER, SETTINGS, near } from "./steering_case.js";

test("a recorded arm that could only be 0 says why", () => {
  const said = "After the last layer only the last position reaches the next token: its KL is 0 by";
  const edit = "Add 8 × feature 3 at 2: the same edit at a content token.";
  assert.equal(constructed(`${edit} ${said} construction.`), `${said} construction.`);
  assert.equal(constructed(edit), null);
});

test("targets are read", () => {
  const top = { token_id: 8, text: " Japan" };
  assert.deepEqual(readTarget("", top), { kind: "token", token_id: 8 });
  assert.equal(readTarget("", null), null);
  assert.equal(readTarget("none", top), null);
  assert.deepEqual(readTarget("token:·Japan", top), { kind: "token", text: " Japan" });
  assert.deepEqual(readTarget("regex:a:b|c", top), { kind: "regex", pattern: "a:b|c" });
  assert.deepEqual(readTarget("language:zh", top), { kind: "language", language: "zh" });
  assert.match(readTarget("language:tlh", top).problem, /target: got/);
});

const TOKENS = [
  { position: 0, token_id: 2, text: "<bos>", token_class: "special" },
  { position: 1, token_id: 5, text: "cat", token_class: "content" },
  { position: 2, token_id: 6, text: ",", token_class: "function" },
  { position: 3, token_id: 7, text: "\n", token_class: "function" },
];
const SWEEP = { sweep: "", strengths: "0.5x 1x", at: "all", target: "none" };
const COLUMNS = { residual_norm: [9, 9, 9, 50], activation: [0, 0, 0, 5] };
const KNOWN = { act_q999: 20, decoder_norm: 2, positions: COLUMNS };
const SWEPT = {
  request: SETTINGS,
  interventions: [
    { ...EDIT, uid: "a", on: false },
    { ...OTHER, uid: "b", on: true },
  ],
  tokens: TOKENS,
  lastFunction: 3,
  top: null,
  mostCells: 100,
  strengths: { "layer_2:3": KNOWN, "layer_2:4": KNOWN },
};

test("a sweep is of what is on and keeps the others", () => {
  const { body } = sweepPlan(SWEEP, SWEPT);
  assert.deepEqual(body, {
    prompt: "a\n",
    chat: false,
    sae_id: "layer_2",
    feature_index: 4,
    mode: "add",
    strengths: [10, 20],
    positions: [1, 2, 3],
    interventions: [EDIT],
    include_generated: false,
    freeze_attention: false,
    max_new_tokens: 8,
    target: null,
  });
  const request = { ...SETTINGS, freeze_attention: true };
  assert.deepEqual(sweepPlan(SWEEP, { ...SWEPT, request }).body, {
    ...body,
    freeze_attention: true,
  });
  const named = sweepPlan({ ...SWEEP, sweep: "layer_2:3", at: "function" }, SWEPT).body;
  assert.deepEqual([named.feature_index, named.positions], [3, [2, 3]]);
});

const ABLATED = [{ ...EDIT, uid: "a", on: true, mode: "ablate" }];
const UNSWEPT = [
  [{ strengths: "much" }, {}, "cannot read much"],
  [{ strengths: "" }, {}, "at least one"],
  [{ strengths: "1x" }, { strengths: {} }, "1x means nothing here"],
  [{ at: "9" }, {}, "no such token"],
  [{ target: "regex:" }, {}, "target: got"],
  [{}, { mostCells: 5 }, "2 strengths × 3 positions are 6 cells"],
  [{}, { interventions: [] }, "Plug a feature in"],
  [{}, { interventions: ABLATED }, "Ablate has no strength"],
];
for (const [settings, page, problem] of UNSWEPT) {
  test(`a sweep that cannot be run says: ${problem}`, () => {
    const plan = sweepPlan({ ...SWEEP, ...settings }, { ...SWEPT, ...page });
    assert.ok(plan.problem.includes(problem), plan.problem);
    assert.ok(!("body" in plan));
  });
}

test("a table survives commas, quotes and line breaks", () => {
  const next_token = { text: ",", probability: 0.25 };
  const cell = { strength: 2, position: 3, kl: 0.5, target: null, next_token, text: 'a "b"\nc' };
  const rows = csv(sweepTable(TOKENS, [cell])).split("\r\n");
  assert.equal(rows[0], "strength,position,token,kl_nats,target,next_token,next_probability,text");
  assert.equal(rows[1], '2,3,"\n",0.5,,",",0.25,"a ""b""\nc"');
});

test("tables of texts and of the next token", () => {
  const words = [
    { text: "a", token_id: 1, probability: 0.5 },
    { text: "b", token_id: 2, probability: 0.25 },
  ];
  const arms = { baseline: { texts: [words] }, steered: { texts: [words.slice(1)] } };
  const run = { passes: [{ request: { temperature: 0 }, arms }] };
  assert.deepEqual(textsTable(run).slice(1), [
    ["baseline", "greedy", 0, "a", 1, 0.5, 0],
    ["baseline", "greedy", 1, "b", 2, 0.25, 1],
    ["steered", "greedy", 0, "b", 2, 0.25, 1],
  ]);
  const listed = {
    baseline: { next_tokens: words.slice(0, 1) },
    steered: { next_tokens: words.slice(1) },
  };
  assert.deepEqual(shiftTable(listed).slice(1), [
    ["a", 1, 0.5, ""],
    ["b", 2, "", 0.25],
  ]);
});

test("colour goes by the root of the divergence", () => {
  assert.ok(near(shadeOf("kl", 1, 4), 0.5));
  assert.ok(near(shadeOf("target", 0.25, 1), 0.25));
  assert.equal(shadeOf("kl", 0, 0), 0);
});

test("a cell shows 0 only where nothing changes", () => {
  const written = [0, 0.0004, 0.25, 12.3].map((kl) => cellFigure(kl, "kl"));
  assert.deepEqual(written, ["0", "<.01", "0.25", "12"]);
});

test("a KL that can only be 0 is said to be, whatever rounding leaves of it", () => {
  const job = { body: { mode: "add", interventions: [] }, axes: { tokens: TOKENS } };
  const [early, last] = [0, TOKENS.length - 1].map((position) => ({
    position,
    strength: 8,
    kl: 3e-9,
    target: null,
    next_token: { text: "a" },
  }));
  const why = noReachOf(job, early, true);
  assert.match(why, /^0 by construction: after the last layer/);
  assert.equal(cellFigure(early.kl, "kl", why), "0");
  assert.match(cellWords(early, TOKENS, "", why), /KL 0 by construction/);
  assert.equal(noReachOf(job, last, true), null);
  assert.equal(noReachOf(job, early, false), null);
  assert.match(noReachOf(job, { ...last, strength: 0 }, false), /this strength edits nothing/);
  const scaled = { ...job, body: { mode: "scale", interventions: [] } };
  assert.equal(noReachOf(scaled, { ...last, strength: 0 }, false), null);
  assert.match(noReachOf(scaled, { ...last, strength: 1 }, false), /edits nothing/);
  const others = { ...job, body: { mode: "add", interventions: [EDIT] } };
  assert.equal(noReachOf(others, early, true), null);
  assert.equal(cellFigure(3e-9, "kl"), "<.01");
});

const FORM = {
  trait: "Speak Chinese. Hi?",
  contrast: "One?\n\n Two? \n",
  test: "Three?",
  success: "language:zh",
  ask: "Speak Chinese. {prompt}",
  induces: "0.5",
  length: "8",
};

test("a search asks each line with a line break", () => {
  const { body } = traitPlan(FORM, 10);
  assert.equal(body.trait_prompt, "Speak Chinese. Hi?\n");
  assert.deepEqual(body.contrast_prompts, ["One?\n", "Two?\n"]);
  assert.deepEqual(body.test_prompts, ["Three?\n"]);
  assert.equal(body.instruction, "Speak Chinese. {prompt}");
  assert.equal(traitPlan({ ...FORM, ask: " " }, 10).body.instruction, null);
});

const UNSEARCHED = [
  [{ trait: " " }, "shows the trait"],
  [{ contrast: "" }, "contrast prompt"],
  [{ test: "\n" }, "test prompt"],
  [{ success: "token:" }, "what shows the trait"],
  [{ ask: "Speak Chinese." }, "{prompt}"],
  [{ induces: "0" }, "got 0"],
  [{ length: "2.5" }, "got 2.5"],
];
for (const [changes, problem] of UNSEARCHED) {
  test(`a search that cannot be run says: ${problem}`, () => {
    const said = traitPlan({ ...FORM, ...changes }, 10).problem;
    assert.ok(said.includes(problem), said);
  });
}

test("a search of more prompts than the server takes is refused", () => {
  assert.match(traitPlan(FORM, 2).problem, /3 prompts are more than the 2/);
});

test("the found feature stands alone in its socket", () => {
  const found = { sae_id: "layer_2", feature_index: 9, feature_alpha: 12.34567 };
  const plugged = withTraitFeature([{ ...EDIT, uid: "a", on: true }], found);
  assert.deepEqual(
    plugged.map((one) => one.on),
    [false, true],
  );
  const { feature_index, value, positions, uid } = plugged[1];
  assert.deepEqual([feature_index, value, positions], [9, 12.35, "last_function"]);
  const again = withTraitFeature(plugged, { ...found, feature_alpha: 3 });
  assert.equal(again.length, 2);
  assert.deepEqual([again[1].uid, again[1].value], [uid, 3]);
});

test("the arms of a search carry their strength", () => {
  const found = { k: 2, alpha: 19.4, feature_alpha: 77.54 };
  assert.equal(traitArmWords("features", found), "k = 2 together, α 19.4");
  assert.equal(traitArmWords("feature", found), "the feature alone, α 77.5");
  assert.equal(traitArmWords("feature", null), "the feature alone");
  assert.equal(traitArmWords("asking", found), "asking in the prompt");
});

test("pins that can be steered are offered", () => {
  const saes = [{ sae_id: "layer_2" }, { sae_id: "a:b" }];
  const pins = ["layer_2:3", "layer_2:7", "gone:1", "a:b:5"];
  assert.deepEqual(pinnedFeatures(pins, saes, [EDIT]), [
    { sae_id: "layer_2", feature_index: 7 },
    { sae_id: "a:b", feature_index: 5 },
  ]);
});

test("the names of a sweep's rows have room for their longest strength", () => {
  assert.equal(headWidth([1, 5], null), 40);
  assert.ok(headWidth([733, 7330], 1466) > headWidth([733, 999], 1466));
  assert.ok(headWidth([7330], 1466) >= 36 + 5 + 38 + 10); // five digits and marks, 5×, the paddings
  assert.ok(headWidth([-7330], 3) > headWidth([-7330], null) + 40);
});
