/* Above the firing matrix: its tools, and per prompt the token strip with the split of its firings. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const BAR = 30;

  /** Ordering, filters, and the line that says what they hide. */
  live.MatrixTools = function MatrixTools({ id, view, setView, line, hasLock }) {
    const check = (name, label, disabled) =>
      h("label", { className: "fs-check" + (disabled ? " is-disabled" : "") },
        h("input", { id: `${id}-${name.replace("_", "-")}`, type: "checkbox", checked: view[name], disabled,
          onChange: (event) => setView({ [name]: event.target.checked }) }),
        label);
    return h(
      "div",
      { className: "fs-fm-tools" },
      h("div", { className: "fs-fm-controls" },
        h("label", { className: "fs-field" }, "order by",
          h("select", { id: id + "-order", value: view.order, onChange: (event) => setView({ order: event.target.value }) },
            Object.entries(live.ORDERS).map(([name, [label]]) => h("option", { key: name, value: name }, label)))),
        check("locked", "fires at the locked position", !hasLock),
        check("only_function", "reactivated at function tokens only"),
        h("label", { className: "fs-field", title: "share of corpus positions at which the feature fires" }, "density ≤",
          h("input", { id: id + "-density", type: "number", min: 0, max: 100, step: "any", placeholder: "any",
            value: view.density === null ? "" : view.density,
            onChange: (event) => setView({ density: event.target.value === "" ? null : Number(event.target.value) }) }), "%"),
        h("label", { className: "fs-field" }, "find",
          h("input", { id: id + "-find", type: "search", placeholder: "index or word", value: view.find,
            onChange: (event) => setView({ find: event.target.value }) }))),
      h("div", { className: "fs-fm-line", id: id + "-hidden", role: "status" }, line)
    );
  };

  /** The legend: the four marks as the matrix draws them. */
  live.MatrixLegend = function MatrixLegend() {
    const marks = [["first", "first firing"], ["reactivated", "reactivated"], ["carried", "carried from the position before"], ["special", "at a special token, not counted"]];
    return h("div", { className: "fs-fm-legend" },
      marks.map(([name, label]) => h("span", { key: name }, h("i", { className: "fs-mark fs-mark--" + name }), label)));
  };

  function bars(prompt, lane, columns, geometry, highest) {
    const rects = [];
    columns.forEach((column, index) => {
      const split = column.at[lane] === null ? null : prompt.splits[column.at[lane]];
      if (!split) return;
      const width = Math.min(16, geometry.x[index + 1] - geometry.x[index] - 10);
      const x = (geometry.x[index] + geometry.x[index + 1]) / 2 - width / 2;
      let y = BAR;
      [["carried", split.carried], ["reactivated", split.reactivated - split.carried], ["new", split.new]].forEach(([name, count]) => {
        const height = (count / highest) * (BAR - 3);
        y -= height;
        if (count) rects.push(h("rect", { key: index + name, className: "fs-bar--" + name, x, y, width, height }));
      });
    });
    return h("svg", { className: "fs-fm-bars", width: geometry.width, height: BAR, "aria-hidden": true }, rects);
  }

  function laneCells(prompt, lane, props) {
    const { model, geometry, locked, point, lock } = props;
    return model.columns.map((column, index) => {
      const width = geometry.x[index + 1] - geometry.x[index];
      const token = column.tokens[lane];
      if (!token) return h("span", { key: index, className: "fs-fm-cell is-gap", style: { width } });
      return h("span", { key: index, className: "fs-fm-cell", style: { width } },
        live.chip(token, {
          "data-column": index, "data-lane": lane, "aria-pressed": index === locked,
          className: (column.differs ? "is-different " : "") + (index === locked ? "is-locked" : ""),
          tabIndex: index === (locked === null ? 0 : locked) ? 0 : -1,
          onMouseEnter: () => point(index, null),
          onFocus: () => point(index, null),
          onClick: () => lock(index === locked ? null : index),
        }));
    });
  }

  live.MatrixHead = window.React.memo(function MatrixHead(props) {
    const { model, geometry } = props;
    const highest = Math.max(1, ...model.prompts.map((p) => Math.max(0, ...Object.values(p.splits).map((s) => s.firing))));
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
            h("div", { className: "fs-fm-corner", style: { width: geometry.label } },
              lane === 0 ? h("span", null, `new · reactivated · carried, up to ${highest}`) : null),
            bars(prompt, lane, model.columns, geometry, highest)))
      )
    );
  }, (before, after) => before.model === after.model && before.geometry === after.geometry && before.locked === after.locked);
})();
