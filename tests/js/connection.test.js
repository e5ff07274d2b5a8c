/* What waits while nobody answers, and what becomes of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createConnection } from "../../static/js/shared/connection.js";

/** A server that can be cut off; what it was asked, and what the page was told. */
function cutOff(planOf = () => ({ meanwhile: "wait" })) {
  const world = { up: false, asked: [], told: [], unasked: 0 };
  const send = async (input) => {
    if (!world.up) throw new TypeError("Failed to fetch");
    world.asked.push(input);
    return new Response(String(input));
  };
  const connection = createConnection({
    send,
    probe: () => (world.up ? Promise.resolve() : Promise.reject(new Error("no"))),
    changed: (lost) => world.told.push(lost),
    planOf,
    unasked: () => (world.unasked += 1),
    every: 5,
  });
  return { world, connection };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 30));

test("what could not be asked is asked once somebody answers", async () => {
  const { world, connection } = cutOff();
  const answer = connection.ask("a");
  await soon();
  assert.deepEqual([world.told, world.asked, connection.isLost()], [[true], [], true]);
  world.up = true;
  assert.equal(await (await answer).text(), "a");
  assert.deepEqual([world.told, world.asked, world.unasked], [[true, false], ["a"], 1]);
});

test("of one key only the newest is asked; the others change nothing", async () => {
  const { world, connection } = cutOff(() => ({ meanwhile: "wait", key: "output" }));
  const older = connection.ask("older");
  await soon();
  const newer = connection.ask("newer");
  assert.equal((await older).status, 204);
  world.up = true;
  assert.equal(await (await newer).text(), "newer");
  assert.deepEqual(world.asked, ["newer"]);
});

test("what is not to wait is dropped or fails", async () => {
  const dropped = cutOff(() => ({ meanwhile: "drop" }));
  assert.equal((await dropped.connection.ask("page")).status, 204);
  const failed = cutOff(() => ({ meanwhile: "fail" }));
  await assert.rejects(failed.connection.ask("delete"), TypeError);
  for (const { world, connection } of [dropped, failed]) {
    world.up = true;
    await connection.look();
    assert.equal(connection.isLost(), false);
  }
});

test("who stops waiting is told so, and is not asked later", async () => {
  const { world, connection } = cutOff();
  const abort = new AbortController();
  const answer = connection.ask("a", { signal: abort.signal });
  await soon();
  abort.abort();
  await assert.rejects(answer, { name: "AbortError" });
  world.up = true;
  await connection.look();
  assert.deepEqual(world.asked, []);
});
