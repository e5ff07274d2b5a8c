/* The reactivation index: per class of tokens, how much more fires again than in shuffled prompts; over the
 * prompts on the page, and, when asked for, over a whole set, streamed as it is counted. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const WIDTH = 260;

  const points = (x) => (x === null || x === undefined ? "—" : `${x > 0 ? "+" : x < 0 ? "−" : ""}${Math.abs(100 * x).toFixed(1)}`);
  const share = (x) => (x === null || x === undefined ? "—" : (100 * x).toFixed(1) + " %");
  const range = (interval, form) => (interval ? `${form(interval[0])} to ${form(interval[1])}` : "no interval");

  /** Half the width of the axis, in shares: a round number that holds every interval. */
  live.indexReach = function (rows) {
    const most = Math.max(0.02, ...rows.flatMap((row) => [row.index, ...(row.interval || [])]).filter((x) => x !== null).map(Math.abs));
    return [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1].find((step) => step >= most) || 1;
  };

  function IndexPlot({ row, reach }) {
    if (row.index === null) return h("span", { className: "fs-quiet" }, "nothing fires there");
    const x = (value) => WIDTH / 2 + (value / reach) * (WIDTH / 2 - 8);
    return h("svg", { className: "fs-ix-plot", viewBox: `0 0 ${WIDTH} 20`, role: "img", "aria-label": `index ${points(row.index)} points, 95 % ${range(row.interval, points)}` },
      h("line", { className: "fs-ix-zero", x1: WIDTH / 2, x2: WIDTH / 2, y1: 0, y2: 20 }),
      row.interval ? h("line", { className: "fs-ix-interval", x1: x(row.interval[0]), x2: x(row.interval[1]), y1: 10, y2: 10 }) : null,
      h("circle", { className: "fs-ix-dot fs-ix-dot--" + row.kind, cx: x(row.index), cy: 10, r: 4.5 }));
  }

  /** What one source (a prompt or a set) has to show: a row a class, and for a set the difference. */
  live.indexRows = function (source, index) {
    const over = index.n_prompts > 1 ? `bootstrap over ${index.n_prompts} prompts` : `range of ${index.n_shuffles} shuffles`;
    const rows = index.classes.map((one) => Object.assign({}, one, { source, kind: one.token_class, name: one.token_class, over }));
    if (index.n_prompts > 1) {
      const d = index.difference;
      rows.push({ source, kind: "difference", name: "function − content", index: d.index, interval: d.index_interval, share: d.share, share_interval: d.share_interval, over });
    }
    return rows;
  };

  const ends = (interval) => (interval ? [interval[0], interval[1]] : ["", ""]);
  const known = (value) => (value === null || value === undefined ? "" : value);

  /** The rows for a spreadsheet: shares, not percentage points. */
  live.indexTable = (rows) => [
    ["source", "class", "share", "shuffled_share", "shuffled_low", "shuffled_high", "index", "index_low", "index_high", "reactivated", "firing", "positions"],
    ...rows.map((row) => [row.source, row.name, known(row.share), known(row.shuffled_share), ...ends(row.shuffled_interval), known(row.index), ...ends(row.interval),
      known(row.reactivated), known(row.firing), known(row.n_positions)]),
  ];

  function IndexRow({ row, first, reach }) {
    const isDifference = row.kind === "difference";
    const counts = isDifference ? "" : `${row.reactivated.toLocaleString("en")} of ${row.firing.toLocaleString("en")} firings at ${row.n_positions.toLocaleString("en")} positions`;
    return h("tr", { className: first ? "is-first" : "", "data-class": row.kind },
      h("th", { scope: "row" }, first ? row.source : ""),
      h("td", null, h("span", { className: isDifference ? "" : "fs-ix-class fs-ix-class--" + row.kind }, row.name)),
      h("td", { className: "is-number", title: counts }, isDifference ? points(row.share) : share(row.share)),
      h("td", { className: "is-number", title: isDifference ? "" : `2.5th to 97.5th percentile of the shuffles: ${range(row.shuffled_interval, share)}` },
        isDifference ? "" : share(row.shuffled_share)),
      h("td", { className: "fs-ix-cell" }, h(IndexPlot, { row, reach })),
      h("td", { className: "is-number", title: `95 % interval ${range(row.interval, points)}: ${row.over}` },
        h("b", null, points(row.index)), h("span", { className: "fs-ix-range" }, row.interval ? range(row.interval, points) : "")));
  }

  function IndexTable({ rows }) {
    const reach = live.indexReach(rows);
    return h("table", { className: "fs-ix" },
      h("thead", null, h("tr", null,
        h("th", null), h("th", null, "at tokens of class"),
        h("th", { className: "is-number", title: "reactivated firings / firings, at positions of the class" }, "fires again"),
        h("th", { className: "is-number", title: "mean of that share over shuffled prompts" }, "shuffled"),
        h("th", { className: "fs-ix-axis" }, h("span", null, points(-reach)), h("span", null, "index"), h("span", null, points(reach))),
        h("th", { className: "is-number" }, "points, 95 %"))),
      h("tbody", null, rows.map((row, k) => h(IndexRow, { key: row.source + row.kind, row, reach, first: !k || rows[k - 1].source !== row.source }))));
  }

  function describe(kept) {
    const { job, result } = kept;
    if (!job) return "Not measured yet: reads every prompt of the set once and in 20 shuffled orders.";
    if (job.status === "failed") return `${job.problem.title}: ${job.problem.detail}`;
    if (!result) return job.place ? `${job.place} before it in the queue` : "starting …";
    const counted = `${result.done} of ${result.total} prompts`;
    return job.status === "streaming" ? counted : job.status === "stopped" ? `stopped: ${counted}` : `${result.done} prompts`;
  }

  /** Starts the set's stream; `redraw` after every frame. */
  function measure(kept, props, redraw) {
    if (kept.job && kept.job.status === "streaming") live.stopJob(kept.job, props.cancel);
    const job = (kept.job = live.newJob());
    Object.assign(kept, { result: null, key: JSON.stringify(props.request) });
    const apply = (event, data) => {
      if (kept.job === job && (event === "progress" || event === "final")) kept.result = data.result;
    };
    live.pumpFrames(job, props.endpoint, props.request, apply, redraw).then(redraw);
  }

  /** props: id, indices [{source, index}] or null, request (body of the set) or null, endpoint, cancel, measured. */
  live.ReactivationIndex = function ReactivationIndex(props) {
    const { useEffect } = window.React;
    const [redraw, latest] = live.useKept({ job: null, result: null, key: null });
    const kept = latest.current;
    useEffect(() => {
      if (!props.request || kept.key === JSON.stringify(props.request)) return;
      if (props.measured) measure(kept, props, redraw);
      else if (kept.job) {
        live.stopJob(kept.job, props.cancel);
        Object.assign(kept, { job: null, result: null, key: null });
        redraw();
      }
    }, [props.request, props.measured]);
    useEffect(() => () => live.stopJob(latest.current.job, props.cancel), []);
    const runs = kept.job && kept.job.status === "streaming";
    const set = kept.result && kept.result.index ? live.indexRows(`${kept.result.done} prompts`, kept.result.index) : [];
    const rows = (props.indices || []).flatMap(({ source, index }) => live.indexRows(source, index)).concat(set);
    const start = () => {
      if (props.measured) measure(kept, props, redraw);
      else props.setProps({ measured: true });
    };
    return h("div", { id: props.id, className: "fs-ix-panel" },
      h("p", { className: "fs-ix-words" }, "Fires again: the share of firings at tokens of a class that are reactivations. Index: that share minus its mean in shuffled prompts, in percentage points; tokens trade places within their class, the last function token stays. At 0 the order of the words has no part in it."),
      rows.length ? h(IndexTable, { rows }) : h("div", { className: "fs-quiet" }, "Nothing has been shuffled yet."),
      h("div", { className: "fs-ix-set" },
        runs
          ? h("button", { type: "button", className: "fs-button", onClick: () => { live.stopJob(kept.job, props.cancel); redraw(); } }, "Stop")
          : h("button", { type: "button", className: "fs-button", disabled: !props.request, onClick: start }, kept.result ? "Measure the set again" : "Measure over the prompt set"),
        runs && kept.result ? h("progress", { value: kept.result.done, max: kept.result.total }) : null,
        h("span", { className: "fs-quiet", role: "status" }, describe(kept)),
        rows.length ? h("button", { type: "button", className: "fs-tool fs-tool-button fs-csv", id: props.id + "-csv", onClick: () => live.saveFile("reactivation-index", live.csv(live.indexTable(rows)), "text/csv") }, "CSV") : null));
  };
})();
