/* The firing matrix's tools: order, filters, and the line that says how many rows each of them
 * hides. */

import { csvButton } from "../../shared/buttons.js";
import { DEFAULT_VIEW } from "../../shared/matrix_view.js";
import { h } from "../../shared/hooks/react.js";
import { ORDERS } from "./filters.js";
import { KIND_NAMES } from "./kinds.js";

/** @import { Model, Of, View } from "./types.js" */
/** @import { Drawn } from "../../shared/hooks/types.js" */
/** @import { Token } from "../../shared/types.js" */

/**
 * Every firing as a row for a spreadsheet, by feature and then by position.
 *
 * @param {Model} model
 */
export const firingTable = (model) => [
  ["prompt", "position", "token", "token_id", "token_class", "feature_index", "activation", "kind"],
  ...model.all.flatMap((row) =>
    row.lanes.flatMap((track, lane) =>
      track.columns.map((column, k) => {
        const token = /** @type {Token} */ (model.columns[column].tokens[lane]);
        return [
          "AB"[lane],
          token.position,
          token.text,
          token.token_id,
          token.token_class,
          row.feature,
          track.activations[k],
          KIND_NAMES[track.kinds[k]],
        ];
      }),
    ),
  ),
];

/** @param {string} text */
const numberOf = (text) => (text === "" ? null : Number(text));

/** @param {Of & { name: keyof View, label: string, disabled?: boolean }} props */
function Check({ id, view, setView, name, label, disabled }) {
  return h(
    "label",
    { className: "fs-check" + (disabled ? " is-disabled" : "") },
    h("input", {
      id: `${id}-${name.replace("_", "-")}`,
      type: "checkbox",
      checked: Boolean(view[name]),
      disabled,
      onChange: (event) => setView({ [name]: event.target.checked }),
    }),
    label,
  );
}

/** @param {Of & { name: keyof View, placeholder: string, most?: number }} props */
function NumberBox({ id, view, setView, name, placeholder, most }) {
  return h("input", {
    id: `${id}-${name.replace("_", "-")}`,
    type: "number",
    min: 0,
    max: most,
    step: "any",
    placeholder,
    "aria-label": placeholder,
    value: view[name] === null || view[name] === undefined ? "" : view[name],
    onChange: (event) => setView({ [name]: numberOf(event.target.value) }),
  });
}

/** @param {Of & { name: keyof View, options: string[][] }} props */
function Choice({ id, view, setView, name, options }) {
  return h(
    "select",
    {
      id: `${id}-${name.replace("_", "-")}`,
      value: view[name] || "",
      onChange: (event) => setView({ [name]: event.target.value }),
    },
    options.map(([value, label]) => h("option", { key: value, value }, label)),
  );
}

/** @param {Of} props */
function Find({ id, view, setView }) {
  return h(
    "label",
    { className: "fs-field" },
    "find",
    h("input", {
      id: id + "-find",
      type: "search",
      placeholder: "index or word",
      value: view.find,
      onChange: (event) => setView({ find: event.target.value }),
    }),
  );
}

const ORDER_NAMES = Object.entries(ORDERS).map(([name, [label]]) => [name, label]);
const PLACES = [
  ["", "any token"],
  ["function", "function tokens"],
  ["content", "content tokens"],
];

/** @param {Of} of */
function Filters(of) {
  /**
   * @param {string | undefined} title
   * @param {...Drawn} inside
   */
  const field = (title, ...inside) => h("label", { className: "fs-field", title }, ...inside);
  return h(
    "div",
    { className: "fs-fm-controls" },
    field(undefined, "order by", h(Choice, { ...of, name: "order", options: ORDER_NAMES })),
    field(undefined, "fires at", h(Choice, { ...of, name: "at_class", options: PLACES })),
    field(
      "firings at positions that are not special, both prompts together",
      "at least",
      h(NumberBox, { ...of, name: "least", placeholder: "1" }),
      "times",
    ),
    h(
      "span",
      { className: "fs-field", title: "share of corpus positions at which the feature fires" },
      "density",
      h(NumberBox, { ...of, name: "density_from", placeholder: "0", most: 100 }),
      "to",
      h(NumberBox, { ...of, name: "density", placeholder: "100", most: 100 }),
      "%",
    ),
    h(Find, of),
  );
}

/**
 * How many rows the filters hide, and the way to see them all.
 *
 * @param {Of & { line: string, model: Model }} props
 */
function Line({ id, view, setView, line, model }) {
  const names = /** @type {(keyof View)[]} */ (Object.keys(DEFAULT_VIEW));
  const active = names.some(
    (name) => name !== "order" && (view[name] || null) !== (DEFAULT_VIEW[name] || null),
  );
  const clear = () => setView(Object.assign({}, DEFAULT_VIEW, { order: view.order }));
  const csv = { id: id + "-csv", title: "every firing, filtered or not" };
  return h(
    "div",
    { className: "fs-fm-line" },
    h("span", { id: id + "-hidden", role: "status" }, line),
    active
      ? h(
          "button",
          { type: "button", className: "fs-link", id: id + "-clear", onClick: clear },
          "clear filters",
        )
      : null,
    model.all.length ? csvButton("firings", () => firingTable(model), csv) : null,
  );
}

/** @param {Of & { line: string, nLocked: number, hasSource: boolean, model: Model }} props */
export function MatrixTools({ id, view, setView, line, nLocked, hasSource, model }) {
  const of = { id, view, setView };
  const atLocked =
    nLocked > 1 ? `fires at all ${nLocked} locked positions` : "fires at the locked position";
  return h(
    "div",
    { className: "fs-fm-tools" },
    h(Filters, of),
    h(
      "div",
      { className: "fs-fm-controls" },
      h(Check, { ...of, name: "locked", label: atLocked, disabled: !nLocked }),
      h(Check, { ...of, name: "source", label: "fires at the source", disabled: !hasSource }),
      h(Check, { ...of, name: "only_function", label: "reactivated at function tokens only" }),
      h(Check, { ...of, name: "pinned", label: "pinned only" }),
    ),
    h(Line, { ...of, line, model }),
  );
}
