/* The firing matrix's tools: order, filters, and the line that says how many rows each of them hides. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;

  live.DEFAULT_VIEW = {
    order: "first", locked: false, only_function: false, pinned: false, at_class: "", least: null,
    density_from: null, density: null, find: "",
  };

  /** Every firing as a row for a spreadsheet, by feature and then by position. */
  live.firingTable = (model) => [
    ["prompt", "position", "token", "token_id", "token_class", "feature_index", "activation", "kind"],
    ...model.all.flatMap((row) => row.lanes.flatMap((track, lane) => track.columns.map((column, k) => {
      const token = model.columns[column].tokens[lane];
      return ["AB"[lane], token.position, token.text, token.token_id, token.token_class, row.feature, track.activations[k], live.KIND_NAMES[track.kinds[k]]];
    }))),
  ];

  const numberOf = (text) => (text === "" ? null : Number(text));

  live.MatrixTools = function MatrixTools({ id, view, setView, line, nLocked, model }) {
    const check = (name, label, disabled) =>
      h("label", { className: "fs-check" + (disabled ? " is-disabled" : "") },
        h("input", { id: `${id}-${name.replace("_", "-")}`, type: "checkbox", checked: Boolean(view[name]), disabled,
          onChange: (event) => setView({ [name]: event.target.checked }) }),
        label);
    const number = (name, placeholder, most) =>
      h("input", { id: `${id}-${name.replace("_", "-")}`, type: "number", min: 0, max: most, step: "any", placeholder,
        "aria-label": placeholder, value: view[name] === null || view[name] === undefined ? "" : view[name],
        onChange: (event) => setView({ [name]: numberOf(event.target.value) }) });
    const choice = (name, options) =>
      h("select", { id: `${id}-${name.replace("_", "-")}`, value: view[name] || "", onChange: (event) => setView({ [name]: event.target.value }) },
        options.map(([value, label]) => h("option", { key: value, value }, label)));
    const orders = Object.entries(live.ORDERS).map(([name, [label]]) => [name, label]);
    const active = Object.keys(live.DEFAULT_VIEW).some((name) => name !== "order" && (view[name] || null) !== (live.DEFAULT_VIEW[name] || null));
    return h(
      "div",
      { className: "fs-fm-tools" },
      h("div", { className: "fs-fm-controls" },
        h("label", { className: "fs-field" }, "order by", choice("order", orders)),
        h("label", { className: "fs-field" }, "fires at", choice("at_class", [["", "any token"], ["function", "function tokens"], ["content", "content tokens"]])),
        h("label", { className: "fs-field", title: "firings at positions that are not special, both prompts together" }, "at least", number("least", "1"), "times"),
        h("span", { className: "fs-field", title: "share of corpus positions at which the feature fires" }, "density", number("density_from", "0", 100), "to", number("density", "100", 100), "%"),
        h("label", { className: "fs-field" }, "find",
          h("input", { id: id + "-find", type: "search", placeholder: "index or word", value: view.find,
            onChange: (event) => setView({ find: event.target.value }) }))),
      h("div", { className: "fs-fm-controls" },
        check("locked", nLocked > 1 ? `fires at all ${nLocked} locked positions` : "fires at the locked position", !nLocked),
        check("only_function", "reactivated at function tokens only"),
        check("pinned", "pinned only")),
      h("div", { className: "fs-fm-line" },
        h("span", { id: id + "-hidden", role: "status" }, line),
        active ? h("button", { type: "button", className: "fs-link", id: id + "-clear",
          onClick: () => setView(Object.assign({}, live.DEFAULT_VIEW, { order: view.order })) }, "clear filters") : null,
        model.all.length ? h("button", { type: "button", className: "fs-tool fs-tool-button fs-csv", id: id + "-csv", title: "every firing, filtered or not",
          onClick: () => live.saveFile("firings", live.csv(live.firingTable(model)), "text/csv") }, "CSV") : null)
    );
  };
})();
