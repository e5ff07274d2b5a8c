/* Keys for the whole page, which leave alone whoever is typing or choosing. */

import { useEffect, useRef } from "./react.js";

/** True while the person is typing or choosing: page-wide keys must leave them alone. */
export function isTyping(event) {
  const at = event.target;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  return Boolean(
    at &&
    at.closest &&
    at.closest(
      "input, textarea, select, [contenteditable=true], [role=combobox], [role=dialog], [role=listbox]",
    ),
  );
}

/** React hook: page-wide keydown, as long as the component is mounted. */
export function useKeys(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const listen = (event) => {
      if (!isTyping(event)) latest.current(event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** React hook: Escape anywhere, also while typing; not when a dialog has it, or somebody has used it already. */
export function useEscape(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
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
