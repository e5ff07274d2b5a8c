/* Buttons that several panels have. */

import { saveTable } from "./csv.js";
import { h } from "./hooks/react.js";

/**
 * Saves `rows()` under `name`; `more`: id, title.
 *
 * @param {string} name
 * @param {() => unknown[][]} rows
 * @param {{ id?: string, title?: string }} [more]
 */
export const csvButton = (name, rows, more) =>
  h(
    "button",
    {
      type: "button",
      className: "fs-tool fs-tool-button fs-csv",
      ...more,
      onClick: () => saveTable(name, rows()),
    },
    "CSV",
  );

/**
 * Stops what is being computed, as Escape does.
 *
 * @param {string} id
 * @param {() => void} stop
 */
export const stopButton = (id, stop) =>
  h(
    "button",
    { type: "button", className: "fs-go fs-stop", id, onClick: stop },
    "Stop ",
    h("kbd", null, "Esc"),
  );
