/* One entry of the history a choice, however late the page writes it; none for what it adds. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

/* global window, Element, KeyboardEvent */

const listeners = {};
const entries = [];
globalThis.Element = class {
  constructor(...meets) {
    this.meets = meets;
  }
  matches() {
    return this.meets.includes("typed");
  }
};
globalThis.KeyboardEvent = class {
  constructor(key, target) {
    Object.assign(this, { type: "keydown", key, target });
  }
};
Object.assign(window, {
  location: { pathname: "/coverage", search: "", hash: "" },
  dash_clientside: { no_update: "no update" },
  addEventListener: (kind, listen) => (listeners[kind] ??= []).push(listen),
  history: {
    state: {},
    pushState: (_state, _title, address) => arrive(address, entries.length),
    replaceState: (_state, _title, address) => arrive(address, entries.length - 1),
  },
});

function arrive(address, at) {
  entries.splice(at, Infinity, address);
  window.location.search = address.includes("?") ? address.slice(address.indexOf("?")) : "";
}

const { writeChoice, writeQuery } = await import("../../static/js/shared/address.js");

const happen = (event) => (listeners[event.type] ?? []).forEach((listen) => listen(event));
const press = () => happen({ type: "pointerdown", target: new Element() });
const key = (name, ...meets) => happen(new KeyboardEvent(name, new Element(...meets)));
const change = (...meets) => happen({ type: "change", target: new Element(...meets) });

beforeEach(() => {
  happen({ type: "_dashprivate_pushstate" });
  entries.splice(0, Infinity);
  arrive("/coverage", 0);
});

test("each press is an entry, also of the same setting", () => {
  for (const min_count of [2, 5, 10]) {
    press();
    writeQuery({ min_count });
  }
  assert.deepEqual(
    entries,
    ["", "?min_count=2", "?min_count=5", "?min_count=10"].map((search) => `/coverage${search}`),
  );
});

test("an answer that comes after a minute is still an entry", (t) => {
  press();
  t.mock.method(performance, "now", () => 1e9);
  writeQuery({ sae: "layer_1" });
  assert.equal(entries.length, 2);
});

test("what goes on after a press changes its entry: a drag, arrows, typing", () => {
  press();
  for (const step of [10, 20, 30]) writeQuery({ step });
  change("typed"); // a slider that is let go
  writeQuery({ step: 31 });
  for (const step of [32, 33]) {
    key("ArrowRight", "typed");
    writeQuery({ step });
  }
  assert.deepEqual(entries, ["/coverage", "/coverage?step=33"]);
  for (const q of ["a", "ab", "ab c"]) {
    key(q.at(-1), "typed");
    writeQuery({ step: 33, q });
  }
  assert.deepEqual(entries.slice(2), ["/coverage?step=33&q=ab+c"]);
});

test("a radio that is walked with arrows, and a button that is pressed with a key, choose", () => {
  for (const cut of [30, 50]) {
    key("ArrowRight");
    change();
    writeQuery({ cut });
  }
  for (const page of [2, 3]) {
    key("Enter");
    writeQuery({ cut: 50, page });
  }
  assert.equal(entries.length, 5);
});

test("what the page adds by itself, and what comes after scrolling, changes the entry", () => {
  writeQuery({ theta: 1 });
  happen({ type: "wheel" });
  writeQuery({ theta: 2 });
  assert.deepEqual(entries, ["/coverage?theta=2"]);
});

test("the same settings in another order are no choice", () => {
  press();
  writeQuery({ min_count: 5, sae: "layer_1" });
  press();
  writeQuery({ sae: "layer_1", min_count: 5 });
  assert.deepEqual(entries, ["/coverage", "/coverage?sae=layer_1&min_count=5"]);
});

test("a choice at the click is written into the address as it stands, and once", () => {
  press();
  writeChoice("sae", "layer_1");
  press();
  writeChoice("min_count", "5");
  assert.equal(entries.at(-1), "/coverage?sae=layer_1&min_count=5");
  writeQuery({ min_count: 5 }); // the page: layer_1 is its default
  assert.deepEqual(entries, ["/coverage", "/coverage?sae=layer_1", "/coverage?min_count=5"]);
});
