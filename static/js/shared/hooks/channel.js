/* An in-browser channel per page: hover, lock and pins never travel to the server to be shown. */

import { useSyncExternalStore } from "./react.js";

/** @import { Channel, State } from "../types.js" */

/** @type {Map<string, Channel>} */
const channels = new Map();

/**
 * A named piece of shared state: get(), set(patch), subscribe(listener) -> unsubscribe.
 *
 * @param {string} name
 * @returns {Channel}
 */
export function channelOf(name) {
  const known = channels.get(name);
  if (known) return known;
  /** @type {State} */
  let state = {};
  /** @type {Set<(state?: State) => void>} */
  const listeners = new Set();
  /** @type {Channel} */
  const channel = {
    get: () => state,
    set(patch) {
      const changed = Object.keys(patch).some((key) => state[key] !== patch[key]);
      if (!changed) return;
      state = Object.assign({}, state, patch);
      listeners.forEach((listener) => listener(state));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  channels.set(name, channel);
  return channel;
}

/**
 * React hook: the part of a channel that `select` returns; it must be a stable reference.
 *
 * @template T
 * @param {string} name
 * @param {(state: State) => T} select
 * @returns {T}
 */
export function useChannel(name, select) {
  const shared = channelOf(name);
  return useSyncExternalStore(shared.subscribe, () => select(shared.get()));
}
