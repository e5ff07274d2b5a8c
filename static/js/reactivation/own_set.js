/* The reactivation index over prompts of one's own: what is sent, the panel under the table, its
 * rows. */

import { h } from "../shared/hooks/react.js";
import { PromptSetBox } from "../shared/prompt_set/box.js";
import { promptsOf } from "../shared/prompt_set/reading.js";
import { SetRunTools, useSetWork } from "../shared/prompt_set/work.js";
import { indexRows } from "./index_rows.js";

/** @import { IndexProps } from "./types.js" */
/** @import { SetRun, SetWork } from "../shared/prompt_set/types.js" */

/**
 * React hook.
 *
 * @param {IndexProps} props
 */
export const useOwnSet = (props) =>
  useSetWork({
    kind: "reactivation_set",
    cancel: props.cancel,
    opened: props.own,
    tell: (own) => props.setProps({ own }),
  });

/**
 * Rows of the table: named after the SAE too, which the page may have left since.
 *
 * @param {SetRun} kept
 */
export function ownRows({ result }) {
  if (!result || !result.index) return [];
  return indexRows(`${result.done} own prompts, ${result.sae_id}`, result.index);
}

/** @param {{ props: IndexProps, work: SetWork }} props */
export function OwnSet({ props, work }) {
  const prompts = promptsOf(work.set);
  const n = prompts ? prompts.length : 0;
  return h(
    "details",
    { className: "fs-own-panel", id: props.id + "-own", open: Boolean(props.own) || undefined },
    h("summary", null, "Measure over prompts of your own"),
    h(PromptSetBox, { id: props.id + "-own-set", set: work.set, actions: work.actions }),
    h(SetRunTools, {
      id: props.id + "-own",
      label: n ? `Measure over ${n === 1 ? "this prompt" : `these ${n} prompts`}` : "Measure",
      work,
      why: n && !props.request ? "Once the prompts above are measured." : null,
      run: n && props.request ? () => work.start({ ...props.request, prompts }) : null,
    }),
  );
}
