/* Keys for the whole page, which leave alone whoever is typing or choosing. */

import { around } from "../events.js";
import { useEffect, useRef } from "./react.js";

const TYPING =
  "input, textarea, select, [contenteditable=true], [role=combobox], [role=dialog], [role=listbox]";

/**
 * True while the person is typing or choosing: page-wide keys must leave them alone.
 *
 * @param {KeyboardEvent} event
 */
export function isTyping(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  return around(event, TYPING) !== null;
}

/**
 * React hook: page-wide keydown, as long as the component is mounted.
 *
 * @param {(event: KeyboardEvent) => void} handler
 */
export function useKeys(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const listen = (event) => {
      if (!isTyping(event)) latest.current(event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/**
 * React hook: Escape anywhere, also while typing; not when a dialog has it, or somebody has used it
 * already.
 *
 * @param {() => void} handler
 */
export function useEscape(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const listen = (event) => {
      if (
        event.key === "Escape" &&
        !event.defaultPrevented &&
        !document.querySelector("dialog[open]")
      )
        latest.current();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
