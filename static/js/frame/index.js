/* The frame around every page: theme, keyboard, status line, copying and exporting. */

import { named, writeSettings } from "../shared/controls.js";
import { currentScheme, dismiss, onRoute, showProblem } from "./callbacks.js";
import "./clicks.js";
import "./keyboard.js";
import "./tables.js";
import "./theme.js";

export const components = {};
export const clientside = {
  fs: { currentScheme, dismiss, named, onRoute, showProblem, writeSettings },
};
export const cells = {};
