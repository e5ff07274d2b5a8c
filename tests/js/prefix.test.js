/* Prompts behind examples, and a locked source: against what they mean, spelled out. */

import assert from "node:assert/strict";
import test from "node:test";

import { alignedColumns, featureRows } from "../../static/js/reactivation/matrix/rows.js";
import { lockedColumns } from "../../static/js/reactivation/matrix/locks.js";
import { visibleRows } from "../../static/js/reactivation/matrix/filters.js";
import {
  againAt,
  sourceColumn,
  sourceName,
  traceOf,
  traceTable,
} from "../../static/js/reactivation/matrix/source.js";
import { DEFAULT_VIEW, viewQuery } from "../../static/js/shared/matrix_view.js";
import { number } from "../../static/js/shared/number.js";
import { describe } from "../../static/js/shared/tokens/words.js";
import { readStops, writtenStops } from "../../static/js/shared/tokens/stops.js";
import { resolvePositions, startSocket } from "../../static/js/steering/interventions.js";
import { sweepPlan, sweepPositions } from "../../static/js/steering/sweep/plan.js";
import { traitPlan } from "../../static/js/steering/traits/plan.js";
import { examples } from "../../static/js/steering/examples.js";
import { SETTINGS } from "./steering_case.js";
import { laneOf, modelOf, numbers, tokensOf } from "./pair_case.js";

/** The same prompt behind `n` tokens of examples, in which features fire too. */
function behind(lane, n, random) {
  const before = Array.from({ length: n }, (_, position) => ({
    position,
    token_id: 1 + (position % 5),
    token_class: position ? "function" : "special",
    text: "y",
    prefix: true,
  }));
  const there = laneOf(before, random).firings;
  const moved = lane.firings.position.map((position) => position + n);
  return {
    tokens: [...before, ...lane.tokens.map((t) => ({ ...t, position: t.position + n }))],
    firings: {
      position: [...there.position, ...moved],
      feature_index: [...there.feature_index, ...lane.firings.feature_index],
      activation: [...there.activation, ...lane.firings.activation],
    },
  };
}

const shape = (model) =>
  model.all
    .map((row) => [row.feature, row.firings, row.reactivated, row.atFunction, row.lanes])
    .sort((a, b) => a[0] - b[0])
    .map(([feature, ...rest]) => [
      feature,
      ...rest.slice(0, 3),
      ...rest[3].map((track) => [track.columns, track.kinds]),
    ]);

test("behind examples a prompt has the rows and columns that it has alone", () => {
  const random = numbers(7);
  for (let round = 0; round < 200; round += 1) {
    const lanes = [laneOf(tokensOf(random, 9), random), laneOf(tokensOf(random, 9), random)];
    const n = 1 + random.below(6);
    const whole = lanes.map((lane) => behind(lane, n, random));
    const [alone, found] = [modelOf(lanes), modelOf(whole)];
    assert.deepEqual(shape(found), shape(alone));
    assert.deepEqual(
      found.columns.map((c) => c.at),
      alone.columns.map((c) => c.at.map((p) => (p === null ? null : p + n))),
    );
    assert.deepEqual(
      lockedColumns(null, found.columns, whole),
      lockedColumns(null, alone.columns, lanes),
    );
  }
});

test("no lock falls on the examples, though they hold function tokens", () => {
  const lane = laneOf(
    [{ position: 0, token_id: 9, token_class: "content", text: "x" }],
    numbers(1),
  );
  const whole = behind(lane, 4, numbers(2));
  assert.deepEqual(lockedColumns(null, alignedColumns([whole]), [whole]), []);
});

/** Tokens of one prompt and where three features fire: 0 at 1 and 3, 1 at 1, 2 at 2 and 3. */
function small() {
  const classes = ["special", "content", "function", "function"];
  const tokens = classes.map((token_class, position) => ({
    position,
    token_id: position,
    token_class,
    text: "abcd"[position],
  }));
  const firings = {
    position: [1, 1, 2, 3, 3],
    feature_index: [0, 1, 2, 0, 2],
    activation: [5, 6, 7, 8, 9],
  };
  const columns = alignedColumns([{ tokens, firings }]);
  const byFeature = featureRows([{ tokens, firings }], columns, {});
  return { prompts: [{ tokens, firings }], columns, byFeature, all: [...byFeature.values()] };
}

test("a source's features, and where they fire again, by hand", () => {
  const model = small();
  const trace = traceOf(model, 0, 1);
  assert.deepEqual(
    trace.rows.map((row) => row.feature),
    [0, 1],
  );
  assert.deepEqual(
    trace.later.map(({ column, rows }) => [column, rows.map((row) => row.feature)]),
    [
      [2, []],
      [3, [0]],
    ],
  );
  assert.deepEqual(
    againAt(trace, 0, 3, 1).map(([row, before, now]) => [row.feature, before, now]),
    [[0, 5, 8]],
  );
  assert.deepEqual(traceTable(model, 1).slice(1), [["A", 1, 3, "d", "function", 0]]);
  assert.equal(traceOf(model, 0, 0), null); // what fires at BOS is not followed
  const shown = (source) =>
    visibleRows(model.all, { ...DEFAULT_VIEW, source: true }, [], [], source).rows.map(
      (row) => row.feature,
    );
  assert.deepEqual(shown(1).sort(), [0, 1]);
  assert.deepEqual(shown(-1).sort(), [0, 1, 2]); // without a source the filter is off
});

test("a source is any position, spelled out on random pairs", () => {
  const random = numbers(3);
  for (let round = 0; round < 100; round += 1) {
    const lanes = [laneOf(tokensOf(random, 8), random), laneOf(tokensOf(random, 8), random)];
    const model = modelOf(lanes);
    const column = random.below(model.columns.length);
    lanes.forEach((lane, at) => {
      const trace = traceOf(model, at, column);
      const token = model.columns[column].tokens[at];
      assert.equal(trace === null, !token || token.token_class === "special");
      if (trace === null) return;
      const firing = (position) =>
        new Set(lane.firings.feature_index.filter((_, k) => lane.firings.position[k] === position));
      const own = firing(token.position);
      assert.deepEqual(new Set(trace.rows.map((row) => row.feature)), own);
      for (const { column: later, rows } of trace.later) {
        const there = firing(model.columns[later].at[at]);
        const both = new Set([...own].filter((feature) => there.has(feature)));
        assert.deepEqual(new Set(rows.map((row) => row.feature)), both);
      }
      const after = lane.tokens.filter(
        (t) => t.position > token.position && t.token_class !== "special",
      );
      assert.equal(trace.later.length, after.length);
    });
    const name = sourceName(column, model.columns);
    assert.equal(sourceColumn(name, model.columns), column);
    assert.equal(sourceColumn("none", model.columns), -1);
  }
});

test("by itself the source is the last token in which two prompts differ", () => {
  const token = (position, token_id, token_class) => ({
    position,
    token_id,
    token_class,
    text: "x",
  });
  const lane = (subject) => ({
    tokens: [
      token(0, 0, "special"),
      token(1, 1, "content"),
      token(2, subject, "content"),
      token(3, 2, "function"),
    ],
    firings: { position: [], feature_index: [], activation: [] },
  });
  assert.equal(sourceColumn(null, alignedColumns([lane(7), lane(8)])), 2);
  assert.equal(sourceColumn(null, alignedColumns([lane(7), lane(7)])), -1);
  assert.equal(sourceColumn(null, alignedColumns([lane(7)])), -1);
});

test("stops are written and read back", () => {
  for (const [stops, text] of [
    [["\n"], "\\n"],
    [["\n\n", "Q:"], "\\n\\n | Q:"],
    [["a\\b", "x | y"], "a\\\\b | x \\| y"],
    [[], ""],
  ]) {
    assert.equal(writtenStops(stops), text);
    assert.deepEqual(readStops(text), stops);
  }
});

const tokens = [
  { position: 0, token_class: "special", text: "<bos>", prefix: true },
  { position: 1, token_class: "function", text: "\n", prefix: true },
  { position: 2, token_class: "content", text: "a" },
  { position: 3, token_class: "function", text: "\n" },
];

test("rules and sweeps leave the examples out", () => {
  assert.deepEqual(resolvePositions("all", tokens, 3), [2, 3]);
  assert.deepEqual(resolvePositions([1, 3, 9], tokens, 3), [3]);
  assert.deepEqual(resolvePositions("last", tokens, 3), [3]);
  assert.deepEqual(sweepPositions("all", tokens, 3), [2, 3]);
  assert.deepEqual(sweepPositions("function", tokens, 3), [3]);
  assert.deepEqual(sweepPositions("1.3", tokens, 3), [3]);
});

test("requests name a prefix and stops where there are any", () => {
  assert.deepEqual(examples("e\n", ["\n"], false), { prefix: "e\n", stop: ["\n"] });
  assert.deepEqual(examples("", [], false), {}); // links of before stay what they were
  assert.deepEqual(examples("e\n", ["\n"], true), { stop: ["\n"] }); // a chat template takes none
  const page = {
    request: { ...SETTINGS, prefix: "e\n", stop: ["\n"] },
    interventions: SETTINGS.interventions.map((it) => ({ ...it, on: true })),
    tokens,
    lastFunction: 3,
    strengths: {},
    top: null,
  };
  const sweep = sweepPlan({ sweep: "", strengths: "1 2", at: "all", target: "none" }, page).body;
  assert.deepEqual([sweep.prefix, sweep.stop, sweep.positions], ["e\n", ["\n"], [2, 3]]);
  const form = { trait: "t", contrast: "c", test: "u", success: "language:zh", ask: "" };
  const trait = traitPlan({ ...form, induces: "0.5", length: "4" }, 9, page.request).body;
  assert.deepEqual([trait.prefix, trait.stop], ["e\n", ["\n"]]);
});

test("features are called by their names, in older answers by their most frequent tokens", () => {
  assert.equal(describe({ name_tokens: ["Moscow"], top_tokens: ["the"] }), "Moscow");
  assert.equal(describe({ top_tokens: ["the", ","] }), "the\u2003,");
  assert.equal(viewQuery({ source: true }, null, []).from_source, 1);
});

test("a number reads as a person writes it", () => {
  const cases = [
    [1370.4, "1,370"],
    [-25_600, "−25,600"],
    [999.9, "1,000"],
    [12.345, "12.3"],
    [0.00123, "0.00123"],
    [0.0001234, "0.000123"],
    [4.2e9, "4.20e+9"],
    [0, "0"],
  ];
  for (const [x, text] of cases) assert.equal(number(x), text);
});

test("a feature goes to the last token where no function token is known", () => {
  const tokens = ["a", "b", "c"];
  assert.equal(startSocket(null, tokens, 1), 1);
  assert.equal(startSocket(null, tokens, null), 2);
  assert.equal(startSocket(0, tokens, null), 0);
  assert.equal(startSocket(7, tokens, 1), 1); // a click on a prompt that was longer
  assert.equal(startSocket(null, [], null), null);
});
