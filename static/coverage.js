/* The rank table: a token that is a link to its page, and the address of the page's state. */
(function () {
  "use strict";
  const make = window.React.createElement;
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

  /** Follows an address inside the dashboard without a reload. */
  function follow(address) {
    window.history.pushState({}, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  function onClick(event) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    follow(event.currentTarget.getAttribute("href"));
  }

  cells.FsTokenLink = (props) =>
    make(
      "a",
      { className: "fs-token-link", href: props.data.href, onClick, "aria-label": `token ${props.value}, its page` },
      make(
        "span",
        { className: `fs-token fs-token--${props.data.token_class}`, title: `id ${props.data.token_id}` },
        props.value,
      ),
    );

  cells.FsExcess = (props) =>
    make(
      "span",
      {
        className:
          (props.value == null ? "" : props.value > 0 ? "fs-excess--more" : "fs-excess--less") +
          (props.data.extrapolated ? " fs-excess--extrapolated" : ""),
        title: props.data.excess_title,
      },
      props.valueFormatted,
    );

  /* A click on a row, off its checkbox, opens the token's page. */
  function openRow(cell, rows) {
    const stay = window.dash_clientside.no_update;
    if (!cell || !rows || cell.colId === "ag-Grid-SelectionColumn") return stay;
    const row = rows.find((one) => one.id === cell.rowId);
    if (row) follow(row.href);
    return stay;
  }

  /* Ticked rows -> "12,7", in the order of ticking; nothing before the table has rows. A token that this order of the
   * table does not list cannot be unticked in it, and stays. */
  function ticked(selected, rows, now) {
    if (!rows || !Array.isArray(selected)) return window.dash_clientside.no_update;
    const [ids, listed] = [selected.map((row) => row.id), new Set(rows.map((row) => row.id))];
    const before = (now || "").split(",").filter((id) => id && (ids.includes(id) || !listed.has(id)));
    return [...new Set([...before, ...ids])].join(",") || null;
  }

  /* The columns' state -> "degree:desc", or nothing where the rows stand as they came. */
  function sorted(columns) {
    if (!Array.isArray(columns)) return window.dash_clientside.no_update;
    const by = columns.find((one) => one.sort);
    return by ? `${by.colId}:${by.sort}` : null;
  }

  function writeState(state, tokens, sort, defaults) {
    if (state && defaults) {
      const chosen = Object.entries(state).filter(([name, value]) => value !== defaults[name]);
      window.dash_clientside.fs.writeQuery({ ...Object.fromEntries(chosen), tokens, sort });
    }
    return window.dash_clientside.no_update;
  }

  /* Each SAE has a grid of θ of its own, [[value, label], …]: another layer keeps the place in the grid. */
  function thetas(sae, theta, grids) {
    const stay = window.dash_clientside.no_update;
    const grid = grids && grids[sae];
    if (!grid || grid.some(([value]) => value === theta)) return [stay, stay];
    const place = Math.max(...Object.values(grids).map((other) => other.findIndex(([value]) => value === theta)), 0);
    return [grid.map(([value, label]) => ({ value, label })), grid[Math.min(place, grid.length - 1)][0]];
  }

  /* As fs.named; waits while θ is still another layer's. Last come the defaults and the grids. */
  function named(...values) {
    const grids = values.pop();
    const state = window.dash_clientside.fs.named(...values);
    const known = state.sae === undefined || grids[state.sae].some(([value]) => value === state.theta);
    return known ? state : window.dash_clientside.no_update;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { fsCoverage: { openRow, ticked, sorted, writeState, thetas, named } });
})();
