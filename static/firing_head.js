/* Above the firing matrix, per prompt: the token strip, and at each position the split of its firings beside
 * the same split in shuffled prompts. With two prompts, what differs at each aligned position. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const BAR = 38;
  const DIFFERENCE = 34;
  const LANE = 74;

  /** Height of everything above the rows, in CSS pixels. */
  live.headHeight = (nLanes) => nLanes * LANE + (nLanes > 1 ? DIFFERENCE : 0);

  /** The legend: the marks as the matrix draws them, and the two bars. */
  live.MatrixLegend = function MatrixLegend(props) {
    const marks = [["first", "first firing"], ["reactivated", "reactivated"], ["carried", "carried from the position before"], ["special", "at a special token, not counted"]];
    return h("div", { className: "fs-fm-legend" },
      marks.map(([name, label]) => h("span", { key: name }, h("i", { className: "fs-mark fs-mark--" + name }), label)),
      props.shuffled ? h("span", { key: "shuffled", title: "The pale bar: mean over shuffled prompts. Its tick: 2.5th to 97.5th percentile of what is reactivated there." },
        h("i", { className: "fs-mark fs-mark--shuffled" }), "pale: the same in shuffled prompts") : null);
  };

  const stack = (counts) => [["carried", counts.carried], ["reactivated", counts.reactivated - counts.carried], ["new", counts.new]];

  function stackedBar(counts, key, className, x, width, highest) {
    let y = BAR;
    return stack(counts).map(([name, count]) => {
      const height = (count / highest) * (BAR - 4);
      y -= height;
      return count > 0 ? h("rect", { key: key + name, className: `${className} fs-bar--${name}`, x, y, width, height }) : null;
    });
  }

  const means = (row) => ({ carried: row.carried.mean, reactivated: row.reactivated.mean, new: row.new.mean });

  function whisker(row, key, x, highest) {
    const at = (value) => BAR - (value / highest) * (BAR - 4);
    const [low, high] = row.reactivated.interval;
    return h("path", { key: key + "w", className: "fs-bar-whisker", d: `M${x - 2.5} ${at(low)}h5M${x} ${at(low)}V${at(high)}M${x - 2.5} ${at(high)}h5` });
  }

  function bars(prompt, baseline, lane, columns, geometry, highest) {
    const drawn = [];
    columns.forEach((column, index) => {
      const split = column.at[lane] === null ? null : prompt.splits[column.at[lane]];
      if (!split) return;
      const room = geometry.x[index + 1] - geometry.x[index];
      const row = baseline ? baseline[column.at[lane]] : null;
      const [own, gap, other] = row ? [Math.min(12, room * 0.36), 2, Math.min(7, room * 0.22)] : [Math.min(16, room - 10), 0, 0];
      const x = (geometry.x[index] + geometry.x[index + 1] - own - gap - other) / 2;
      drawn.push(stackedBar(split, index + "o", "fs-fm-bar", x, own, highest));
      if (row) {
        drawn.push(stackedBar(means(row), index + "s", "fs-fm-bar is-shuffled", x + own + gap, other, highest));
        drawn.push(whisker(row, index, x + own + gap + other / 2, highest));
      }
    });
    return h("svg", { className: "fs-fm-bars", width: geometry.width, height: BAR, "aria-hidden": true }, drawn);
  }

  /** Up: features only in A; down: only in B; one scale for both. */
  function differenceBars(model, geometry) {
    const { differences, columns } = model;
    const most = Math.max(1, ...differences.A, ...differences.B);
    const middle = DIFFERENCE / 2;
    const drawn = columns.map((_, index) => {
      const width = Math.min(16, geometry.x[index + 1] - geometry.x[index] - 10);
      const x = (geometry.x[index] + geometry.x[index + 1] - width) / 2;
      const [up, down] = [differences.A[index], differences.B[index]].map((n) => (n / most) * (middle - 3));
      return [
        up ? h("rect", { key: index + "a", className: "fs-lane-A", x, y: middle - 1 - up, width, height: up }) : null,
        down ? h("rect", { key: index + "b", className: "fs-lane-B", x, y: middle + 1, width, height: down }) : null,
      ];
    });
    return h("div", { className: "fs-fm-difference", style: { height: DIFFERENCE } },
      h("div", { className: "fs-fm-corner", style: { width: geometry.label } },
        h("span", { title: "features that fire at the aligned position in one prompt only" }, `only in A ↑  only in B ↓, up to ${most}`)),
      h("svg", { className: "fs-fm-bars", width: geometry.width, height: DIFFERENCE, "aria-hidden": true },
        h("line", { className: "fs-bar-axis", x1: geometry.label, x2: geometry.x[columns.length], y1: middle, y2: middle }), drawn));
  }

  function laneCells(prompt, lane, props) {
    const { model, geometry, locked, point, lock } = props;
    const home = locked.length ? locked[locked.length - 1] : 0;
    return model.columns.map((column, index) => {
      const width = geometry.x[index + 1] - geometry.x[index];
      const token = column.tokens[lane];
      if (!token) return h("span", { key: index, className: "fs-fm-cell is-gap", style: { width } });
      const isLocked = locked.includes(index);
      return h("span", { key: index, className: "fs-fm-cell", style: { width } },
        live.chip(token, {
          "data-column": index, "data-lane": lane, "aria-pressed": isLocked,
          title: live.tokenTitle(token) + (token.generated ? " · generated" : ""),
          className: (column.differs ? "is-different " : "") + (token.generated ? "is-generated " : "") + (isLocked ? "is-locked" : ""),
          tabIndex: index === home ? 0 : -1,
          onMouseEnter: () => point(index, null),
          onFocus: () => point(index, null),
          onClick: (event) => lock(index, event),
        }));
    });
  }

  function highestBar(model, baselines) {
    const counts = model.prompts.map((prompt) => Math.max(0, ...Object.values(prompt.splits).map((s) => s.firing)));
    const shuffled = (baselines || []).map((rows) => Math.max(0, ...Object.values(rows || {}).map((r) => r.firing.mean)));
    return Math.max(1, ...counts, ...shuffled);
  }

  live.MatrixHead = window.React.memo(function MatrixHead(props) {
    const { model, geometry, baselines } = props;
    const highest = window.React.useMemo(() => highestBar(model, baselines), [model, baselines]);
    const note = `new · reactivated · carried, up to ${Math.round(highest)}`;
    return h(
      "div",
      { className: "fs-fm-head", ref: props.headRef, style: { width: geometry.width }, onMouseLeave: () => props.point(null, null) },
      model.prompts.map((prompt, lane) =>
        h("div", { key: lane, className: "fs-fm-lane" },
          h("div", { className: "fs-fm-strip" },
            h("div", { className: "fs-fm-corner", style: { width: geometry.label } },
              model.prompts.length > 1 ? h("b", null, "AB"[lane]) : null,
              h("span", null, `${prompt.tokens.length} positions`)),
            laneCells(prompt, lane, props)),
          h("div", { className: "fs-fm-split" },
            h("div", { className: "fs-fm-corner", style: { width: geometry.label } }, lane === 0 ? h("span", { title: note }, note) : null),
            bars(prompt, baselines ? baselines[lane] : null, lane, model.columns, geometry, highest)))),
      model.prompts.length > 1 ? differenceBars(model, geometry) : null
    );
  }, (before, after) => ["model", "geometry", "locked", "baselines"].every((name) => before[name] === after[name]));
})();
