/* An in-browser channel per page: hover, lock and pins never travel to the server to be shown. */

import { useSyncExternalStore } from "./react.js";

const channels = new Map();

/** A named piece of shared state: get(), set(patch), subscribe(listener) -> unsubscribe. */
export function channelOf(name) {
  if (channels.has(name)) return channels.get(name);
  let state = {};
  const listeners = new Set();
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

/** React hook: the part of a channel that `select` returns; it must be a stable reference. */
export function useChannel(name, select) {
  const shared = channelOf(name);
  return useSyncExternalStore(shared.subscribe, () => select(shared.get()));
}
