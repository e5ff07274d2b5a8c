/* The frame around every page: theme, keyboard, status line, copying and exporting. */

import { named, writeSettings } from "../shared/controls.js";
import { currentScheme, dismiss, onRoute, showProblem } from "./callbacks.js";
import "./clicks.js";
import { ask } from "./connection.js";
import "./definitions.js";
import "./keyboard.js";
import "./presets.js";
import "./own_labels.js";
import "./tables.js";
import "./theme.js";

/** The browser's fetch, in whose place it stands. */
export const fetch = ask;
export const components = {};
export const clientside = {
  fs: { currentScheme, dismiss, named, onRoute, showProblem, writeSettings },
};
export const cells = {};
