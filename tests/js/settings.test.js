/* What a page declares of its settings -> its state and its address. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

/* global window */

Object.assign(window, {
  location: { pathname: "/coverage/", search: "", hash: "" },
  dash_clientside: { no_update: "no update" },
  addEventListener: () => {},
  history: { state: {}, replaceState: (_state, _title, address) => (written = address) },
});
let written = null;
Object.assign(globalThis, { document: { addEventListener: () => {} } });

const { named, writeSettings } = await import("../../static/js/shared/controls.js");
const { namedWithTheta, thetas } = await import("../../static/js/coverage/table.js");
const { searchState } = await import("../../static/js/features/browse.js");
const { writeState } = await import("../../static/js/graph/address.js");

const declared = {
  path: "/coverage",
  defaults: { sae: "l1", theta: "0", page: "1" },
  beside: ["tokens", "sort"],
};

beforeEach(() => {
  written = null;
  window.location.pathname = "/coverage/";
});

test("the declaration names the controls' values; none while one is not there", () => {
  assert.deepEqual(named("l2", "3", "1", declared), { sae: "l2", theta: "3", page: "1" });
  assert.equal(named("l2", undefined, "1", declared), "no update");
  assert.equal(named("l2", "3", "1", null), "no update");
});

test("the address holds what differs, then what stands beside, and nothing that is empty", () => {
  writeSettings({ sae: "l1", theta: "3", page: "1" }, "5,7", null, declared);
  assert.equal(written, "/coverage/?theta=3&tokens=5%2C7");
  writeSettings({ sae: "l1", theta: "0", page: "1" }, "", "degree:asc", declared);
  assert.equal(written, "/coverage/?sort=degree%3Aasc");
});

test("the address of another page is left alone", () => {
  window.location.pathname = "/graph";
  writeSettings({ sae: "l1", theta: "3", page: "1" }, "5,7", null, declared);
  assert.equal(written, null);
});

test("θ of another layer is waited for", () => {
  const grids = { l1: [["0", "0"]], l2: [["0.5", "0.5"]] };
  assert.equal(namedWithTheta("l2", "0", "1", declared, grids), "no update");
  assert.equal(namedWithTheta("l2", "0.5", "1", declared, grids).theta, "0.5");
  assert.equal(namedWithTheta("l2", undefined, "1", declared, grids), "no update");
});

test("the list of θ is the layer's own, also where the value stays", () => {
  const grid = (...values) => values.map((value) => [value, value]);
  const grids = { l1: grid("0", "2.1"), l2: grid("0", "2.9", "7") };
  const offered = ([data, value]) => [data.map((one) => one.value), value];
  assert.deepEqual(offered(thetas("l2", "0", grids)), [["0", "2.9", "7"], "no update"]);
  assert.deepEqual(offered(thetas("l2", "2.1", grids)), [["0", "2.9", "7"], "2.9"]);
  assert.deepEqual(thetas("l2", "0", null), ["no update", "no update"]);
  // every value that is offered is one that the page goes on with
  for (const { value } of thetas("l2", "0", grids)[0])
    assert.equal(namedWithTheta("l2", value, "1", declared, grids).theta, value);
});

test("another setting than the page begins at the first page again", () => {
  const before = { sae: "l1", theta: "0", page: "4" };
  assert.deepEqual(searchState("l1", null, 4, declared, null), {
    sae: "l1",
    theta: "",
    page: "4",
  });
  assert.equal(searchState("l1", "0", 5, declared, before).page, "5");
  assert.equal(searchState("l2", "0", 4, declared, before).page, "1");
  assert.equal(searchState("l2", "0", null, declared, before), "no update");
});

test("a way down stands in the address where it belongs to the filters", () => {
  window.location.pathname = "/graph";
  const graph = { path: "/graph", defaults: { sae: "l1", class: "all" }, beside: ["path"] };
  const path = { key: "l1|all", steps: ["3-4,1-9", "3-3,1-9"] };
  writeState({ sae: "l1", class: "all" }, path, graph);
  assert.equal(written, "/graph?path=3-4%2C1-9%3B3-3%2C1-9");
  writeState({ sae: "l1", class: "function" }, path, graph);
  assert.equal(written, "/graph?class=function");
});
