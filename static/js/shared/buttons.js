/* Buttons that several panels have. */

import { saveTable } from "./csv.js";
import { h } from "./react.js";

/** Saves `rows()` under `name`; `more`: id, title. */
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

/** Stops what is being computed, as Escape does. */
export const stopButton = (id, stop) =>
  h(
    "button",
    { type: "button", className: "fs-go fs-stop", id, onClick: stop },
    "Stop ",
    h("kbd", null, "Esc"),
  );
