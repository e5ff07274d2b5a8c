/* The reactivation index: per class of tokens, how much more fires again than in shuffled prompts;
 * over the prompts on the page, and, when asked for, over a whole set, streamed as it is counted.
 */

import { useChannel } from "../shared/hooks/channel.js";
import { useKept } from "../shared/hooks/kept.js";
import { h, useEffect } from "../shared/hooks/react.js";
import { newJob, pumpFrames, stopJob } from "../shared/stream.js";
import { csvButton } from "../shared/buttons.js";
import { OwnSet, ownRows, useOwnSet } from "./own_set.js";
import { indexReach, indexRows, indexTable, points, range, share } from "./index_rows.js";

/** @import { IndexProps, IndexRow, MeasuredSet } from "./types.js" */
/** @import { Data } from "../shared/types.js" */

const WIDTH = 260;

/** @param {number | undefined} n */
const count = (n) => (n ?? 0).toLocaleString("en");

/** @param {{ row: IndexRow, reach: number }} props */
function IndexPlot({ row, reach }) {
  if (row.index === null) return h("span", { className: "fs-quiet" }, "nothing fires there");
  /** @param {number} value */
  const x = (value) => WIDTH / 2 + (value / reach) * (WIDTH / 2 - 8);
  return h(
    "svg",
    {
      className: "fs-ix-plot",
      viewBox: `0 0 ${WIDTH} 20`,
      role: "img",
      "aria-label": `index ${points(row.index)} points, 95 % ${range(row.interval, points)}`,
    },
    h("line", { className: "fs-ix-zero", x1: WIDTH / 2, x2: WIDTH / 2, y1: 0, y2: 20 }),
    row.interval
      ? h("line", {
          className: "fs-ix-interval",
          x1: x(row.interval[0]),
          x2: x(row.interval[1]),
          y1: 10,
          y2: 10,
        })
      : null,
    h("circle", {
      className: "fs-ix-dot fs-ix-dot--" + row.kind,
      cx: x(row.index),
      cy: 10,
      r: 4.5,
    }),
  );
}

/** @param {{ row: IndexRow, first: boolean, reach: number }} props */
function IndexRow({ row, first, reach }) {
  const isDifference = row.kind === "difference";
  const counts = isDifference
    ? ""
    : `${count(row.reactivated)} of ${count(row.firing)} firings at ${count(row.n_positions)} ` +
      `positions`;
  return h(
    "tr",
    { className: first ? "is-first" : "", "data-class": row.kind },
    h("th", { scope: "row" }, first ? row.source : ""),
    h(
      "td",
      null,
      h(
        "span",
        { className: isDifference ? "" : "fs-ix-class fs-ix-class--" + row.kind },
        row.name,
      ),
    ),
    h(
      "td",
      { className: "is-number", title: counts },
      isDifference ? points(row.share) : share(row.share),
    ),
    h(
      "td",
      {
        className: "is-number",
        title: isDifference
          ? ""
          : `2.5th to 97.5th percentile of the shuffles: ${range(row.shuffled_interval, share)}`,
      },
      isDifference ? "" : share(row.shuffled_share),
    ),
    h("td", { className: "fs-ix-cell" }, h(IndexPlot, { row, reach })),
    h(
      "td",
      {
        className: "is-number",
        title: `95 % interval ${range(row.interval, points)}: ${row.over}`,
      },
      h("b", null, points(row.index)),
      h("span", { className: "fs-ix-range" }, row.interval ? range(row.interval, points) : ""),
    ),
  );
}

/** @param {{ rows: IndexRow[] }} props */
function IndexTable({ rows }) {
  const reach = indexReach(rows);
  return h(
    "table",
    { className: "fs-ix" },
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", null),
        h("th", null, "at tokens of class"),
        h(
          "th",
          {
            className: "is-number",
            title: "reactivated firings / firings, at positions of the class",
          },
          "fires again",
        ),
        h(
          "th",
          { className: "is-number", title: "mean of that share over shuffled prompts" },
          "shuffled",
        ),
        h(
          "th",
          { className: "fs-ix-axis" },
          h("span", null, points(-reach)),
          h("span", null, "index"),
          h("span", null, points(reach)),
        ),
        h("th", { className: "is-number" }, "points, 95 %"),
      ),
    ),
    h(
      "tbody",
      null,
      rows.map((row, k) =>
        h(IndexRow, {
          key: row.source + row.kind,
          row,
          reach,
          first: !k || rows[k - 1].source !== row.source,
        }),
      ),
    ),
  );
}

/** @param {MeasuredSet} kept */
function describe(kept) {
  const { job, result } = kept;
  if (!job)
    return "Not measured yet: reads every prompt of the set once and in 20 shuffled orders.";
  if (job.problem) return `${job.problem.title}: ${job.problem.detail}`;
  if (!result) return job.place ? `${job.place} before it in the queue` : "starting …";
  const counted = `${result.done} of ${result.total} prompts`;
  return job.status === "streaming"
    ? counted
    : job.status === "stopped"
      ? `stopped: ${counted}`
      : `${result.done} prompts`;
}

/**
 * Starts the set's stream; `redraw` after every frame.
 *
 * @param {MeasuredSet} kept
 * @param {IndexProps} props
 * @param {() => void} redraw
 */
function measure(kept, props, redraw) {
  if (kept.job && kept.job.status === "streaming") stopJob(kept.job, props.cancel);
  const job = (kept.job = newJob());
  Object.assign(kept, { result: null, key: JSON.stringify(props.request) });
  /**
   * @param {string} event
   * @param {Data} data
   */
  const apply = (event, data) => {
    if (kept.job === job && (event === "progress" || event === "final")) kept.result = data.result;
  };
  pumpFrames(job, props.endpoint, props.request, apply, redraw).then(redraw);
}

/**
 * React hook: what has been measured of the set, asked for again when the request changes.
 *
 * @param {IndexProps} props
 */
function useMeasured(props) {
  const nothing = /** @type {MeasuredSet} */ ({ job: null, result: null, key: null });
  const [redraw, latest] = useKept(nothing);
  const kept = latest.current;
  useEffect(() => {
    if (!props.request || kept.key === JSON.stringify(props.request)) return;
    if (props.measured) measure(kept, props, redraw);
    else if (kept.job) {
      stopJob(kept.job, props.cancel);
      Object.assign(kept, { job: null, result: null, key: null });
      redraw();
    }
  }, [props.request, props.measured]);
  useEffect(() => () => stopJob(latest.current.job, props.cancel), []);
  const start = () => {
    if (props.measured) measure(kept, props, redraw);
    else props.setProps({ measured: true });
  };
  const stop = () => {
    stopJob(kept.job, props.cancel);
    redraw();
  };
  return { kept, start, stop };
}

/**
 * Measuring over the prompt set: its button, how far it is, and the table's CSV.
 *
 * @param {{ props: IndexProps, rows: IndexRow[], measured: { kept: MeasuredSet, start: () => void,
 *   stop: () => void } }} props
 */
function SetTools({ props, rows, measured }) {
  const { kept, start, stop } = measured;
  const runs = kept.job && kept.job.status === "streaming";
  const button = { type: "button", className: "fs-button" };
  return h(
    "div",
    { className: "fs-ix-set" },
    runs
      ? h("button", { ...button, onClick: stop }, "Stop")
      : h(
          "button",
          { ...button, disabled: !props.request, onClick: start },
          kept.result ? "Measure the set again" : "Measure over the prompt set",
        ),
    runs && kept.result ? h("progress", { value: kept.result.done, max: kept.result.total }) : null,
    h("span", { className: "fs-quiet", role: "status" }, describe(kept)),
    rows.length
      ? csvButton("reactivation-index", () => indexTable(rows), { id: props.id + "-csv" })
      : null,
  );
}

const EXPLAINED = [
  "Fires again: the share of firings at tokens of a class that are reactivations.",
  "Index: that share minus its mean in shuffled prompts, in percentage points; tokens trade " +
    "places within their",
  "class, the last function token stays. At 0 the order of the words has no part in it.",
].join(" ");

const SHUFFLING = "Reading the prompts, and then in random orders…";

/**
 * props: id, group, indices [{source, index}] or null, request (body of the set) or null, endpoint,
 * cancel, measured, busy, own (run of a set of one's own), recorded (nothing can be asked).
 *
 * @param {IndexProps} props
 */
export function ReactivationIndex(props) {
  const measured = useMeasured(props);
  const { result } = measured.kept;
  const reading = useChannel(props.group, (state) => Boolean(state.busy));
  const waits = reading || Boolean(props.busy);
  const shown = (props.indices || []).flatMap(({ source, index }) => indexRows(source, index));
  const set = result && result.index ? indexRows(`${result.done} prompts`, result.index) : [];
  const own = useOwnSet(props);
  const rows = shown.concat(set, ownRows(own.kept));
  return h(
    "div",
    { id: props.id, className: "fs-ix-panel" },
    h("p", { className: "fs-ix-words" }, EXPLAINED),
    rows.length
      ? h(IndexTable, { rows })
      : h("div", { className: "fs-quiet" }, waits ? SHUFFLING : "Nothing has been shuffled yet."),
    props.recorded ? null : h(SetTools, { props, rows, measured }),
    props.recorded ? null : h(OwnSet, { props, work: own }),
  );
}
