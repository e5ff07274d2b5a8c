/* A share of prompts as a bar with its interval. */

import { h } from "../../shared/hooks/react.js";
import { rateWords } from "./plan.js";

/** @import { Bar } from "./types.js" */

/**
 * A share with its Wilson 95 % interval as a bar with a whisker.
 *
 * @param {Bar} props
 */
export function RateBar({ label, rate, marked, title, line }) {
  const [low, high] = rate.interval;
  return h(
    "li",
    { className: "fs-rate" + (marked ? " is-marked" : ""), title },
    h("span", { className: "fs-rate-label" }, label),
    h(
      "span",
      { className: "fs-rate-track", "aria-hidden": true },
      h("i", { style: { width: 100 * rate.share + "%" } }),
      h("em", { style: { left: 100 * low + "%", width: 100 * (high - low) + "%" } }),
      line === undefined ? null : h("s", { style: { left: 100 * line + "%" } }),
    ),
    h(
      "span",
      { className: "fs-rate-words", title: "successes of prompts · share [Wilson 95 % interval]" },
      rateWords(rate),
    ),
  );
}
