/* Records what is on screen as runs, then offers their links. */

import { follow } from "./dash.js";
import { keepTokens } from "./delete_tokens.js";
import { h } from "./hooks/react.js";

/** @import { DashProps } from "./types.js" */
/** @import { RunMade } from "./prompt_set/types.js" */

/**
 * A recorded run's link, to follow and to copy.
 *
 * @param {{ run: RunMade }} props
 */
export const RunAddress = ({ run }) =>
  h(
    "span",
    { className: "fs-run-link-out", role: "status" },
    run.holds ? run.holds + ":" : null,
    h(
      "a",
      {
        href: run.url,
        className: "fs-link",
        onClick: follow,
        title: run.reused ? "recorded before with the same result" : "recorded now",
      },
      run.url,
    ),
    h(
      "button",
      {
        type: "button",
        className: "fs-button",
        "data-fs-copy": window.location.origin + run.url,
      },
      "copy",
    ),
  );

/**
 * props: id, label, title, n_clicks, busy, runs [{run_id, url, reused, holds}] or null; holds: what
 * of the page a run has, where it takes several.
 *
 * @param {DashProps & { label: string, title?: string, n_clicks?: number, busy?: boolean, runs?:
 *   RunMade[] | null }} props
 */
export function RunLink(props) {
  keepTokens(props.runs);
  return h(
    "div",
    { id: props.id, className: "fs-run-link" },
    h(
      "button",
      {
        type: "button",
        className: "fs-button",
        disabled: Boolean(props.busy),
        title: props.title,
        onClick: () => props.setProps({ n_clicks: (props.n_clicks || 0) + 1 }),
      },
      props.busy ? "Saving…" : props.label,
    ),
    (props.runs || []).map((run) => h(RunAddress, { key: run.run_id, run })),
  );
}
