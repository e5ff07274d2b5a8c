/* What the sections below the texts share: a heading that opens them, the badge, the code to
 * reproduce, a saved table. */

import { h } from "../shared/hooks/react.js";
import { saveTable } from "../shared/csv.js";

/** @import { Drawn } from "../shared/hooks/types.js" */

/** @param {{ id: string, code?: Record<string, string> | null }} props */
function Code({ id, code }) {
  return h(
    "details",
    { className: "fs-pop" },
    h("summary", { className: "fs-tool" }, "reproduce"),
    h(
      "div",
      { className: "fs-pop__body fs-pop__body--code" },
      code
        ? Object.entries({ curl: "curl", python: "Python" }).map(([kind, name]) =>
            h(
              "div",
              { key: kind },
              h(
                "div",
                { className: "fs-code__head" },
                h("span", { className: "fs-code__name" }, name),
                h(
                  "button",
                  {
                    type: "button",
                    className: "fs-button",
                    "aria-label": `copy ${name}`,
                    "data-fs-copy-of": `${id}-${kind}`,
                  },
                  "copy",
                ),
              ),
              h("pre", { className: "fs-code", id: `${id}-${kind}` }, code[kind]),
            ),
          )
        : h("span", { className: "fs-quiet" }, "Run it once; the request stands here then."),
    ),
  );
}

/**
 * props: id, title, lead (a sentence), open, toggle(), code, table() -> rows or null.
 *
 * @param {{ id: string, title: string, lead: string, open: unknown, toggle: () => void, code?:
 *   Record<string, string> | null, table: (() => unknown[][]) | null, children?: Drawn }} props
 */
export function Section({ id, title, lead, open, toggle, code, table, children }) {
  return h(
    "section",
    { id, className: "fs-panel fs-section" + (open ? " is-open" : "") },
    h(
      "header",
      { className: "fs-panel__head" },
      h(
        "h2",
        { className: "fs-panel__title" },
        h(
          "button",
          {
            type: "button",
            className: "fs-section-title",
            "aria-expanded": Boolean(open),
            "aria-controls": id + "-body",
            onClick: toggle,
          },
          h("i", { "aria-hidden": true }),
          title,
        ),
      ),
      open ? null : h("p", { className: "fs-quiet fs-section-lead" }, lead),
      h(
        "div",
        { className: "fs-panel__tools" },
        h(
          "span",
          {
            className: "fs-badge fs-badge--live",
            title: "Computed by the loaded model for this view.",
          },
          "live",
        ),
        open
          ? h(
              "button",
              {
                type: "button",
                className: "fs-tool fs-tool-button",
                disabled: !table,
                onClick: () => table && saveTable(id, table()),
              },
              "CSV",
            )
          : null,
        open ? h(Code, { id: id + "-code", code }) : null,
      ),
    ),
    open
      ? h("div", { id: id + "-body" }, h("p", { className: "fs-panel__note" }, lead), children)
      : null,
  );
}

/**
 * A target: the probability of a token, a pattern in the text, its language. value as in the
 * address.
 *
 * @param {{ id: string, label: string, value: string, onChange: (value: string) => void, choices:
 *   Record<string, string> }} props
 */
export function TargetField({ id, label, value, onChange, choices }) {
  const kind = value.includes(":") ? value.slice(0, value.indexOf(":") + 1) : value;
  const rest = value.includes(":") ? value.slice(value.indexOf(":") + 1) : "";
  const isFree = kind === "token:" || kind === "regex:";
  const shown = kind === "language:" ? value : kind;
  return h(
    "span",
    { className: "fs-field" },
    h("label", { htmlFor: id }, label),
    h(
      "select",
      { id, value: shown, onChange: (event) => onChange(event.target.value) },
      Object.entries(choices).map(([key, name]) => h("option", { key, value: key }, name)),
    ),
    isFree
      ? h("input", {
          id: id + "-text",
          type: "text",
          value: rest,
          "aria-label": kind === "token:" ? "token" : "pattern",
          placeholder: kind === "token:" ? "one token" : "regular expression",
          onChange: (event) => onChange(kind + event.target.value),
        })
      : null,
  );
}
