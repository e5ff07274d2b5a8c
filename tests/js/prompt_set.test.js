/* A set of prompts of one's own: what is sent, what came in words; an edit tried on it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  asPasted,
  EMPTY_SET,
  promptsOf,
  readBody,
  readWords,
} from "../../static/js/shared/prompt_set/reading.js";
import { nextRole, talkOf, turnWords, writtenTurns } from "../../static/js/shared/tokens/turns.js";
import { setPlan, setTable } from "../../static/js/steering/set/plan.js";
import { EDIT, SETTINGS } from "./steering_case.js";

const ANSWER = {
  prompts: ["a", "b\n"],
  n_prompts: 5,
  columns: ["q"],
  column: "q",
  wrong: [],
  n_wrong: 0,
  n_blank: 1,
  effective: { format: "csv" },
};

test("what stands in the box is sent, and nothing where nothing does", () => {
  assert.equal(readBody({ ...EMPTY_SET, text: " \n" }), null);
  assert.deepEqual(readBody({ ...EMPTY_SET, text: "a" }), {
    text: "a",
    format: null,
    column: null,
  });
  const file = { name: "set.csv", data: "YQ==" };
  assert.deepEqual(readBody({ ...EMPTY_SET, file, column: "q" }), {
    file: "YQ==",
    name: "set.csv",
    format: null,
    column: "q",
  });
});

test("a line break is added where there is none, if it is wanted", () => {
  assert.deepEqual(promptsOf({ ...EMPTY_SET, answer: ANSWER }), ["a\n", "b\n"]);
  assert.deepEqual(promptsOf({ ...EMPTY_SET, answer: ANSWER, ends: false }), ["a", "b\n"]);
  assert.equal(promptsOf({ ...EMPTY_SET, answer: ANSWER, busy: true }), null);
});

test("prompts that were read before stand in the box as they would have been pasted", () => {
  for (const prompts of [["a\n", "b\n"], ["a", "b"], ["a\nb\n", "c\n"], ["a\n", "b"], [" \n"]]) {
    const { text, format, ends } = asPasted(prompts);
    const lines = text.split("\n");
    const read = format === "jsonl" ? lines.map((line) => JSON.parse(line)) : lines;
    const answer = { ...ANSWER, prompts: read };
    assert.deepEqual(promptsOf({ ...EMPTY_SET, ends, answer }), prompts);
  }
});

test("it is said what was read, what was left out and what was taken", () => {
  const file = { name: "set.csv", data: "" };
  assert.equal(
    readWords({ ...EMPTY_SET, file, answer: ANSWER }),
    "5 prompts from set.csv (CSV, column q) · the first 2 are taken: this server takes no more " +
      "in one set · 1 empty row left out",
  );
});

test("an edit is tried on a set, or it is said why not", () => {
  const page = { ...SETTINGS, interventions: [EDIT] };
  const { body } = setPlan("language:zh", ["a\n"], page);
  assert.deepEqual(body.prompts, ["a\n"]);
  assert.deepEqual(body.success, { kind: "language", language: "zh" });
  assert.ok(!("prompt" in body) && !("samples" in body) && !("include_generated" in body));
  assert.match(setPlan("", null, page).problem, /prompts/);
  assert.match(setPlan("", ["a"], { ...page, interventions: [] }).problem, /no edit/);
  const placed = [{ ...EDIT, positions: [3] }];
  assert.match(setPlan("", ["a"], { ...page, interventions: placed }).problem, /chosen sockets/);
  assert.match(setPlan("", ["a"], { ...page, include_generated: true }).problem, /switch it off/);
  assert.match(setPlan("", ["a"], { ...page, freeze_attention: true }).problem, /switch it off/);
  assert.match(setPlan("regex:", ["a"], page).problem, /counts as success/);
});

test("answers as a table: an arm that a prompt lacks is empty", () => {
  const arm = { sentence: "", success: null, changed: null };
  const result = {
    arms: ["baseline", "steered"].map((name) => ({ ...arm, name })),
    rows: [{ prompt: 0, answers: { baseline: { text: "x", success: null, changed: false } } }],
    done: 1,
    total: 1,
  };
  assert.deepEqual(setTable(result, ["a"]), [
    ["prompt", "baseline", "steered"],
    ["a", "x", ""],
  ]);
});

const TURNS = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hi." },
  { role: "assistant", content: "Hello." },
];

test("a conversation's turns are written, said, and sent with the template alone", () => {
  assert.equal(writtenTurns(TURNS), '[["s","Be brief."],["u","Hi."],["a","Hello."]]');
  assert.equal(writtenTurns([]), "");
  assert.equal(turnWords(TURNS), "a system turn, 2 earlier turns");
  assert.equal(nextRole(TURNS), "user");
  assert.equal(nextRole(TURNS.slice(0, 2)), "assistant");
  assert.deepEqual(talkOf(false, TURNS), {});
  assert.deepEqual(talkOf(true, []), { chat: true });
  assert.deepEqual(talkOf(true, TURNS), { chat: true, turns: TURNS });
});
