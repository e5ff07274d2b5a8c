/* A textarea with its tokens live underneath. */

import { Chips } from "./chip.js";
import { h, useEffect, useRef, useState } from "../hooks/react.js";
import { afterPrefix } from "./prefix.js";

/** @import { At, KeyAt, Ref } from "../hooks/types.js" */
/** @import { DashProps, Token, Values } from "../types.js" */

/** @param {Token[]} tokens */
function countLine(tokens) {
  /** @type {Record<string, number>} */
  const counts = { function: 0, content: 0, special: 0 };
  tokens.forEach((token) => (counts[token.token_class] += 1));
  const parts = ["function", "content", "special"].filter((name) => counts[name]);
  const own = tokens.filter((token) => token.template).length;
  return (
    `${tokens.length} positions: ` +
    parts.map((name) => `${counts[name]} ${name}`).join(", ") +
    (own ? `; ${own} are the chat template's own` : "")
  );
}

/**
 * As high as the text in it, up to 220 pixels.
 *
 * @param {HTMLElement} area
 */
function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = Math.min(area.scrollHeight + 2, 220) + "px";
}

/**
 * How many tokens of which class, or why there are none.
 *
 * @param {{ id: string, problem?: string | null, tokens: Token[] }} props
 */
function Below({ id, problem, tokens }) {
  if (problem) return h("div", { className: "fs-prompt-problem", role: "alert" }, problem);
  return h(
    "div",
    { className: "fs-prompt-count", id: id + "-count" },
    tokens.length ? countLine(tokens) : "\u00a0",
  );
}

/**
 * Textarea with its tokens live underneath.
 * props: id, label, value, placeholder, tokens [{position, token_id, text, token_class}], problem
 * (sentence or null), n_submit (counts Ctrl/Cmd+Enter), wait_ms.
 *
 * @param {DashProps & { label: string, value?: string, placeholder?: string, tokens?: Token[],
 *   problem?: string | null, n_submit?: number, wait_ms?: number }} props
 */
export function PromptBox(props) {
  const [text, setText] = useState(props.value || "");
  const sent = useRef(props.value || "");
  /** @type {Ref<number | undefined>} */
  const timer = useRef(null);
  const area = useRef(null);
  useEffect(() => {
    if ((props.value || "") !== sent.current) {
      sent.current = props.value || "";
      setText(sent.current);
    }
  }, [props.value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => fitHeight(area.current), [text]);
  /**
   * @param {string} value
   * @param {Values} [extra]
   */
  const send = (value, extra) => {
    clearTimeout(timer.current);
    if (value === sent.current && !extra) return;
    sent.current = value;
    props.setProps(Object.assign({ value }, extra));
  };
  /** @param {At<HTMLInputElement>} event */
  const onChange = (event) => {
    const value = event.target.value;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => send(value), props.wait_ms || 150);
  };
  /** @param {KeyAt} event */
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send(text, { n_submit: (props.n_submit || 0) + 1 });
  };
  const tokens = text ? afterPrefix(props.tokens || []) : [];
  const typed = { value: text, onChange, onKeyDown, onBlur: () => send(text) };
  return h(
    "div",
    { id: props.id, className: "fs-prompt" },
    h("label", { className: "fs-prompt-label", htmlFor: props.id + "-area" }, props.label),
    h("textarea", {
      id: props.id + "-area",
      ref: area,
      className: "fs-prompt-area",
      rows: 2,
      spellCheck: false,
      placeholder: props.placeholder,
      "aria-describedby": props.id + "-count",
      ...typed,
    }),
    h(Chips, { tokens }),
    h(Below, { id: props.id, problem: props.problem, tokens }),
  );
}
