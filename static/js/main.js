/* The browser's code: every room's door, published where Dash looks for it. These are the only
 * names on `window`.
 *
 * A door (ROOM/index.js) exports what its room offers:
 *   components  React components that Python names: app/parts/components.py
 *   clientside  {namespace: {function}}: ClientsideFunction("namespace", "function")
 *   cells       what the cells of tables are drawn with: {"cellRenderer": "FsTokenLink"}
 */

import * as claims from "./claims/index.js";
import * as consolidation from "./consolidation/index.js";
import * as coverage from "./coverage/index.js";
import * as features from "./features/index.js";
import * as frame from "./frame/index.js";
import * as graph from "./graph/index.js";
import * as reactivation from "./reactivation/index.js";
import * as run from "./run/index.js";
import * as shared from "./shared/index.js";
import * as steering from "./steering/index.js";

const ROOMS = [
  shared,
  frame,
  claims,
  consolidation,
  coverage,
  features,
  graph,
  reactivation,
  run,
  steering,
];

/**
 * Dash keeps references to these objects: they are filled where they lie.
 *
 * @param {"functionscope" | "dash_clientside" | "dashAgGridComponentFunctions"} name
 * @param {object} things
 */
function publish(name, things) {
  Object.assign(window, { [name]: Object.assign(window[name] || {}, things) });
}

publish("functionscope", Object.assign({}, ...ROOMS.map((room) => room.components)));
publish("dash_clientside", Object.assign({}, ...ROOMS.map((room) => room.clientside)));
publish("dashAgGridComponentFunctions", Object.assign({}, ...ROOMS.map((room) => room.cells)));

// everybody asks through it, Dash too
window.fetch = frame.fetch;
