/* The form of the trait finder. */

import { h } from "../../shared/hooks/react.js";
import { TargetField } from "../section.js";
import { promptLines } from "./plan.js";

/** @import { Attributes } from "../../shared/hooks/types.js" */
/** @import { TraitChange, TraitSettings } from "./types.js" */

const SUCCESS = {
  "language:zh": "the answer is Chinese",
  "language:en": "the answer is English",
  "regex:": "the answer matches …",
  "token:": "the next token is …",
};

/**
 * @param {{ id: string, label: string, value: string, onChange: (value: string) => void, rows:
 *   number, title?: string }} props
 */
function Field({ id, label, value, onChange, rows, title }) {
  return h(
    "label",
    { className: "fs-trait-field", title },
    h("span", null, label),
    h("textarea", {
      id,
      rows,
      value,
      spellCheck: false,
      onChange: (event) => onChange(event.target.value),
    }),
  );
}

/**
 * A line of text; of: {settings, change}.
 *
 * @param {{ of: { settings: TraitSettings, change: TraitChange }, id: string, name: keyof
 *   TraitSettings, label: string, title?: string, more: Attributes }} props
 */
function Line({ of, id, name, label, title, more }) {
  return h(
    "label",
    { className: "fs-field", title },
    label,
    h("input", {
      id,
      type: "text",
      value: of.settings[name],
      onChange: (event) => of.change({ [name]: event.target.value }),
      ...more,
    }),
  );
}

const NUMERIC = { className: "fs-num-input", inputMode: "numeric" };
const DECIMAL = { className: "fs-num-input", inputMode: "decimal" };

/**
 * @param {{ settings: TraitSettings, put: (name: keyof TraitSettings) => (value: string) => void }}
 *   props
 */
function Prompts({ settings, put }) {
  /** @param {string} text */
  const count = (text) => promptLines(text).length;
  return h(
    "div",
    { className: "fs-trait-pair" },
    h(Field, {
      id: "steer-traits-contrast",
      label: `Contrast prompts, without it: one a line (${count(settings.contrast)})`,
      rows: 5,
      value: settings.contrast,
      onChange: put("contrast"),
      title: "The layer, the strength and k are chosen on these.",
    }),
    h(Field, {
      id: "steer-traits-test",
      label: `Test prompts: success is counted on these alone (${count(settings.test)})`,
      rows: 5,
      value: settings.test,
      onChange: put("test"),
    }),
  );
}

/** @param {{ settings: TraitSettings, change: TraitChange }} props */
export function Form({ settings, change }) {
  const of = { settings, change };
  /**
   * @param {keyof TraitSettings} name
   * @returns {(value: string) => void}
   */
  const put = (name) => (value) => change({ [name]: value });
  return h(
    "div",
    { className: "fs-trait-form" },
    h(Field, {
      id: "steer-traits-trait",
      label: "A prompt that shows the trait",
      rows: 1,
      value: settings.trait,
      onChange: put("trait"),
    }),
    h(Prompts, { settings, put }),
    h(
      "div",
      { className: "fs-sweep-controls" },
      h(TargetField, {
        id: "steer-traits-success",
        label: "it shows when",
        value: settings.success,
        choices: SUCCESS,
        onChange: put("success"),
      }),
      h(Line, {
        of,
        id: "steer-traits-ask",
        name: "ask",
        label: "asked for as",
        title:
          "For the arm that simply asks, and for the difference of means; empty = without them.",
        more: { className: "fs-wide" },
      }),
      h(Line, {
        of,
        id: "steer-traits-induces",
        name: "induces",
        label: "induced from",
        title: "Share of contrast prompts that must show the trait for it to count as induced.",
        more: DECIMAL,
      }),
      h(Line, {
        of,
        id: "steer-traits-length",
        name: "length",
        label: "tokens per answer",
        more: NUMERIC,
      }),
    ),
  );
}
