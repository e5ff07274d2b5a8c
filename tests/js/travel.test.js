/* Where does it travel?: the request, the shares worked by hand, the table and the picture. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { travelPicture } from "../../static/js/reactivation/travel/picture.js";
import {
  cellAt,
  cellWords,
  emptySets,
  endsProblem,
  figure,
  layersOf,
  placesOf,
  progressWords,
  restored,
  toneOf,
  travelPlan,
  travelTable,
} from "../../static/js/reactivation/travel/plan.js";
import { axes, cellsOf, job } from "./travel_case.js";

const NONE = { travel: "", answer_a: "", answer_b: "", unrelated: null };

test("the request holds the examples before both prompts, and before the control", () => {
  const ran = { prompts: ["A\n", "B\n"], prefix: "Q\nX\n\n" };
  assert.deepEqual(travelPlan(ran, NONE, "Fine weather.\n").body, {
    prompt_a: "Q\nX\n\nA\n",
    prompt_b: "Q\nX\n\nB\n",
    unrelated: "Q\nX\n\nFine weather.\n",
  });
});

test("answers are tokens as they are shown, and an emptied control is none", () => {
  const settings = { ...NONE, answer_a: "·Moscow", answer_b: "↵", unrelated: "" };
  assert.deepEqual(travelPlan({ prompts: ["A", "B"] }, settings, "Fine.\n").body, {
    prompt_a: "A",
    prompt_b: "B",
    answer_a: { kind: "token", text: " Moscow" },
    answer_b: { kind: "token", text: "\n" },
  });
});

test("without two prompts it says what is missing", () => {
  assert.equal(travelPlan(null, NONE, "").body, null);
  const one = travelPlan({ prompts: ["A"] }, NONE, "");
  assert.equal(one.body, null);
  assert.match(one.problem, /two prompts/);
});

test("0 is B's run, 1 is A's, and both may be passed", () => {
  assert.deepEqual(
    [-4, 4, 0, 6, -6].map((x) => restored(x, [4, -4])),
    [0, 1, 0.5, 1.25, -0.25],
  );
  assert.equal(restored(3, [1, 0.9999]), null);
  // also where A's run favours A's answer less than B's does
  assert.equal(restored(-4, [-4, 4]), 1);
});

test("figures: a true minus, 0 only where nothing changed", () => {
  assert.deepEqual([0, 1e-9, -1e-9, -0.25, 1.246, null].map(figure), [
    "0",
    "0.00",
    "0.00",
    "−0.25",
    "1.25",
    "–",
  ]);
});

test("a colour grows with the share, to either side of B's run, up to A's", () => {
  assert.deepEqual([0, 0.5, 1.7, -0.25, null].map(toneOf), [
    [true, 0],
    [true, 0.5],
    [true, 1],
    [false, 0.25],
    [true, 0],
  ]);
});

test("columns are the positions and the sets that hold any", () => {
  const places = placesOf(axes);
  assert.deepEqual(
    places.map(({ kind, index, name }) => [kind, index, name]),
    [
      ["position", 0, "·UK"],
      ["position", 1, "↵"],
      ["set", 0, "all"],
      ["set", 2, "function"],
    ],
  );
  assert.equal(emptySets(axes), "Not here: content tokens but the subject's.");
  // the set behind the empty one is not read at its place
  assert.equal(cellAt(job(), "a", 1, places[3]).restored, 0.75);
});

test("a cell says its share, its answer and whether it is A's", () => {
  const [uk, end] = placesOf(axes);
  assert.equal(layersOf(job()), 2);
  assert.equal(cellAt(job(), "unrelated", 1, uk), undefined);
  const flipped = cellWords(cellAt(job(), "a", 1, end), axes);
  assert.equal(
    flipped,
    "A's state after layer 1 at ↵, position 2, from A's 2: restored 0.75; log-odds 2 nats; " +
      "·Moscow 25.0 %, London 50.0 %; next ·Moscow, which is A's answer",
  );
  assert.match(
    cellWords(cellAt(job(), "unrelated", 0, uk), axes),
    /^the unrelated prompt's .*0.50/,
  );
});

test("it says how far it is, and that a stopped map is kept", () => {
  assert.equal(progressWords(job()), "2 of 2 layers, 1 of 2 of the control");
  const alone = { ...job(), status: "stopped", body: {}, axes: { ...axes, n_rows: 2 } };
  assert.equal(progressWords(alone), "2 of 2 layers; stopped, what came is kept");
});

test("ends that are alike have no scale, and say so", () => {
  assert.equal(endsProblem(axes), "");
  const ends = (odds) => ({ ...axes, ends: { ...axes.ends, cells: cellsOf(odds) } });
  assert.match(endsProblem(ends([1, 1])), /answered alike/);
  assert.match(endsProblem(ends([-1, 1])), /less than B's/);
});

test("the table has every cell that came, and a flip is 1", () => {
  const [head, ...lines] = travelTable(job());
  assert.equal(lines.length, 3 * 4);
  const at = (name) => head.indexOf(name);
  const end = lines.find((line) => line[at("layer")] === 1 && line[at("position")] === 2);
  assert.deepEqual(
    ["source", "token", "restored", "flipped", "sham_largest_logit_change"].map((n) => end[at(n)]),
    ["a", "\n", 0.75, 1, 0],
  );
  const set = lines.find((line) => line[at("place")] === "set function");
  assert.deepEqual([set[at("position")], set[at("restored")]], ["", 0]);
});

test("the picture stands by itself: both maps, a rectangle for each cell that came", () => {
  const grounds = { panel: "#ffffff", sunken: "#eeeeee", ink: "#111111", muted: "#555555" };
  const colours = { ...grounds, reactivated: "#0f766e", away: "#a8326f" };
  const drawn = travelPicture(job(), colours);
  assert.equal(drawn.match(/<rect [^>]*fill-opacity/g).length, 3 * 4);
  assert.equal(drawn.match(/fill="#a8326f"/g).length, 1); // −6 nats: beyond B's run
  assert.match(drawn, /fill="#000"[^>]*>0\.75\*</); // black on three quarters, white on the whole
  assert.match(drawn, /fill="#fff"[^>]*>1\.00\*</);
  assert.match(drawn, /unrelated prompt/);
  const named = { ...axes, ends: { ...axes.ends, answer_b: { token_id: 8, text: "<b&" } } };
  const other = travelPicture({ ...job(), axes: named }, colours);
  assert.ok(other.includes("&lt;b&amp;"));
  assert.ok(!other.includes("<b&"));
});
