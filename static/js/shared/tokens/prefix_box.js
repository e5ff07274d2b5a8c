/* Examples before the prompt, folded: their text, how many positions they take, and where an
 * answer ends. */

import { h, useEffect, useRef, useState } from "../hooks/react.js";
import { readStops, writtenStops } from "./stops.js";
import { visible } from "./words.js";

/** @import { At } from "../hooks/types.js" */
/** @import { DashProps } from "../types.js" */

const WHAT =
  "Run once and then gone on from: what fires there is no earlier firing of the prompt, and " +
  "nothing is edited there. End it with a line break, where a token ends.";

/**
 * React hook: a text that a person types, told after a pause and when the field is left: [text,
 * props of the field].
 *
 * @param {string | null | undefined} value
 * @param {(text: string) => void} tell
 * @param {number} wait ms
 * @returns {[string, Record<string, unknown>]}
 */
export function useTyped(value, tell, wait) {
  const [text, setText] = useState(value || "");
  const sent = useRef(value || "");
  const timer = useRef(null);
  useEffect(() => {
    if ((value || "") !== sent.current) {
      sent.current = value || "";
      setText(sent.current);
    }
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} next */
  const send = (next) => {
    clearTimeout(timer.current);
    if (next === sent.current) return;
    sent.current = next;
    tell(next);
  };
  /** @param {At<HTMLInputElement>} event */
  const onChange = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => send(next), wait);
  };
  return [text, { value: text, onChange, onBlur: () => send(text) }];
}

/**
 * "41 positions before the prompt, run once · a text ends before ↵"
 *
 * @param {string} value
 * @param {number | null | undefined} positions
 * @param {string[] | null | undefined} stops
 */
export function prefixWords(value, positions, stops) {
  const known = positions === null || positions === undefined ? "" : `${positions} positions `;
  const before = value ? `${known}before the prompt, run once` : "no examples before the prompt";
  const ends = (stops || []).map(visible).join(" or ");
  return before + (ends ? ` · a text ends before ${ends}` : "");
}

/** @param {{ id: string, stops: string[], tell: (stops: string[]) => void }} props */
function Stops({ id, stops, tell }) {
  const [, typed] = useTyped(writtenStops(stops), (text) => tell(readStops(text)), 300);
  return h(
    "label",
    { className: "fs-field", title: "\\n is a line break; several stand with a | between them" },
    "a text ends before",
    h("input", { id: id + "-stop", type: "text", spellCheck: false, placeholder: "\\n", ...typed }),
  );
}

/**
 * `stop`: null where nothing is written; `note`: a sentence shown with it. Written by the person:
 * value, stop.
 *
 * @param {DashProps & { value?: string | null, positions?: number | null, stop?: string[] | null,
 *   note?: string | null }} props
 */
export function PrefixBox(props) {
  const { id, value, positions, stop, note } = props;
  const [text, typed] = useTyped(value, (next) => props.setProps({ value: next }), 400);
  return h(
    "details",
    { id, className: "fs-prefix-box" },
    h("summary", { id: id + "-words" }, prefixWords(text, positions, stop)),
    h("textarea", {
      id: id + "-area",
      className: "fs-prompt-area",
      rows: 6,
      spellCheck: false,
      "aria-label": "examples before the prompt",
      placeholder: "What is the capital of France?\nParis\n\n",
      ...typed,
    }),
    h("p", { className: "fs-quiet" }, WHAT),
    note ? h("p", { className: "fs-prompt-problem" }, note) : null,
    stop === null || stop === undefined
      ? null
      : h(Stops, { id, stops: stop, tell: (next) => props.setProps({ stop: next }) }),
  );
}
