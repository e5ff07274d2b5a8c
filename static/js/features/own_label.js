/* A person's own label and note on a feature: l or the button opens them, Enter saves, Escape gives
 * up. */

import { h, useEffect, useRef, useState } from "../shared/hooks/react.js";
import {
  keyOf,
  labelsTrouble,
  removeLabel,
  useLabels,
  writeLabel,
} from "../shared/hooks/labels.js";

/** @import { KeyAt, Ref } from "../shared/hooks/types.js" */
/** @import { DashProps, Label, Tell } from "../shared/types.js" */

const AUTHOR = "functionscope-author";
const TYPED = "input, textarea, select, [contenteditable='true']";

/** Who wrote the last label in this browser. */
function lastAuthor() {
  try {
    return window.localStorage.getItem(AUTHOR) || "";
  } catch {
    return "";
  }
}

/** @param {string} author */
function keepAuthor(author) {
  try {
    window.localStorage.setItem(AUTHOR, author);
  } catch {
    /* storage is forbidden: it is typed again */
  }
}

/**
 * @param {string} name
 * @param {string} words
 * @param {string} tag
 * @param {object} props
 */
const field = (name, words, tag, props) =>
  h(
    "label",
    { className: "fs-own-label__" + name },
    h("span", null, words),
    h(tag, { name, ...props }),
  );

/**
 * @param {{ held: Label | undefined, save: (values: { label: string, note: string, author: string
 *   }) => void, giveUp: () => void, problem: string }} props
 */
function Editor({ held, save, giveUp, problem }) {
  /** @param {SubmitEvent & { currentTarget: HTMLFormElement }} event */
  const onSubmit = (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (/** @type {string} */ name) => String(given.get(name) ?? "").trim();
    save({ label: text("label"), note: text("note"), author: text("author") });
  };
  /** @param {KeyAt} event */
  const onKeyDown = (event) => {
    if (/** @type {any} */ (event).nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      giveUp();
    }
    const plain = event.key === "Enter" && !event.shiftKey;
    if (plain && event.target instanceof HTMLTextAreaElement) {
      event.preventDefault();
      event.target.form?.requestSubmit();
    }
  };
  const label = { maxLength: 80, required: true, autoFocus: true, defaultValue: held?.label };
  const note = { maxLength: 4000, rows: 2, defaultValue: held?.note };
  const author = { maxLength: 80, defaultValue: held?.author || lastAuthor() };
  return h(
    "form",
    { className: "fs-own-label fs-own-label--open", onSubmit, onKeyDown },
    field("label", "Label", "input", label),
    field("note", "Note", "textarea", note),
    field("author", "By (may be left out)", "input", author),
    h(
      "div",
      { className: "fs-own-label__acts" },
      h("button", { type: "submit", className: "fs-button fs-button--primary" }, "Save ⏎"),
      h("button", { type: "button", className: "fs-button", onClick: giveUp }, "Give up (Esc)"),
      h("span", { role: "alert", className: "fs-own-label__problem" }, problem),
    ),
  );
}

/** @param {{ held: Label }} props */
function Held({ held }) {
  const said = [held.author && `by ${held.author}`, held.date.slice(0, 10)].filter(Boolean);
  return [
    h("strong", { key: "label", className: "fs-own-label__name" }, held.label),
    held.note ? h("p", { key: "note", className: "fs-own-label__text" }, held.note) : null,
    h("span", { key: "said", className: "fs-muted fs-small" }, said.join(", ")),
  ];
}

/**
 * React hook: l opens, where nothing is being typed.
 *
 * @param {boolean} open
 * @param {() => void} begin
 */
function useKey(open, begin) {
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const onKey = (event) => {
      const held = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented;
      const typed = event.target instanceof Element && event.target.closest(TYPED);
      if (open || held || typed || event.key !== "l") return;
      event.preventDefault();
      begin();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [open]);
}

/**
 * @param {DashProps & { sae_id: string, feature_index: number, setProps: Tell }} props
 */
export function OwnLabel({ id, sae_id, feature_index }) {
  const held = useLabels().get(keyOf(sae_id, feature_index));
  const [open, setOpen] = useState(false);
  const [refusal, setProblem] = useState("");
  const problem = refusal || labelsTrouble();
  /** @type {Ref<HTMLElement | null>} */
  const opener = useRef(null);
  const end = () => {
    setOpen(false);
    setProblem("");
    window.setTimeout(() => opener.current?.focus(), 0);
  };
  useEffect(() => setOpen(false), [sae_id, feature_index]);
  useKey(open, () => setOpen(true));
  /** @param {{ label: string, note: string, author: string }} values */
  const save = async (values) => {
    keepAuthor(values.author);
    const refused = await writeLabel(sae_id, feature_index, values);
    if (refused) setProblem(refused.detail);
    else end();
  };
  const remove = async () => {
    if (!window.confirm("Remove this label and its note?")) return;
    const refused = await removeLabel(sae_id, feature_index);
    setProblem(refused ? refused.detail : "");
  };
  if (open) return h("div", { id }, h(Editor, { held, save, giveUp: end, problem }));
  const begin = {
    ref: opener,
    type: "button",
    className: "fs-button",
    onClick: () => setOpen(true),
  };
  return h(
    "div",
    { id, className: "fs-own-label" },
    held ? h(Held, { held }) : null,
    h("button", { ...begin, title: "l" }, held ? "Change" : "Write a label of your own (l)"),
    held
      ? h("button", { type: "button", className: "fs-button", onClick: remove }, "Remove")
      : null,
    problem ? h("span", { role: "alert", className: "fs-own-label__problem" }, problem) : null,
  );
}
