/* The trait finder: contrast prompts in, then the layer, the smallest k and the feature, each with
 * its rate and interval as soon as it is known, beside the arms that it must beat. */

import { h } from "../../shared/hooks/react.js";
import { Section } from "../section.js";
import { Form } from "./form.js";
import { traitPlan, traitTable } from "./plan.js";
import { Results } from "./results.js";
import { Progress, useSearch } from "./work.js";

/** @import { TraitProps, TraitSettings } from "./types.js" */

/**
 * props: see app/parts/components.py.
 *
 * @param {TraitProps} props
 */
export function TraitFinder(props) {
  const settings = props.settings || Object.assign({}, props.defaults, { open_traits: "" });
  /** @param {Partial<TraitSettings>} patch */
  const change = (patch) => props.setProps({ settings: Object.assign({}, settings, patch) });
  const planned = traitPlan(settings, props.most_prompts, props.request);
  const { job, start, stop } = useSearch(props, planned);
  const running = job !== null && job.status === "streaming";
  return h(
    Section,
    {
      id: props.id,
      title: "Find a trait's feature",
      open: settings.open_traits,
      code: props.code,
      toggle: () => change({ open_traits: settings.open_traits ? "" : "1" }),
      lead:
        "The paper's procedure: from prompts with and without a trait to the layer, the " +
        "fewest features and the one that carries it.",
      table: job && job.layers.length ? () => traitTable(job) : null,
    },
    h(Form, { settings, change }),
    h(
      "div",
      { className: "fs-stream-tools" },
      running
        ? h(
            "button",
            { type: "button", className: "fs-go fs-stop", id: "steer-traits-stop", onClick: stop },
            "Stop ",
            h("kbd", null, "Esc"),
          )
        : h(
            "button",
            {
              type: "button",
              className: "fs-go",
              id: "steer-traits-run",
              onClick: start,
              disabled: !planned.body,
            },
            "Find the feature",
          ),
      h(Progress, { job }),
      planned.problem ? h("span", { className: "fs-warn" }, planned.problem) : null,
    ),
    job && job.problem
      ? h(
          "div",
          { className: "fs-prompt-problem", role: "alert" },
          `${job.problem.title}: ${job.problem.detail}`,
        )
      : null,
    job ? h(Results, { job, body: job.body, props }) : null,
  );
}
