/* React hook for what is changed in place many times a frame: streams, and what they have brought
 * so far. */

import { useRef, useState } from "./react.js";

/** @import { Ref } from "./types.js" */

/**
 * React hook: [redraw, latest] where redraw() draws at most once a frame and `latest` holds what
 * the component keeps.
 *
 * @template T
 * @param {T} first
 * @returns {[() => void, Ref<T>]}
 */
export function useKept(first) {
  const [, draw] = useState(0);
  const queued = useRef(false);
  const kept = useRef(first);
  const redraw = () => {
    if (queued.current) return;
    queued.current = true;
    window.requestAnimationFrame(() => {
      queued.current = false;
      draw((n) => n + 1);
    });
  };
  return [redraw, kept];
}
