/* From inspect responses to what the firing matrix draws: columns shared by the prompts, and one row
 * a feature. Pure functions; words as the product defines them:
 *   first       first firing at a non-special position of that prompt (new)
 *   reactivated a later firing; carried when it also fired at the position just before
 * Firings at special positions (BOS, PAD, turn markers) are drawn but never counted. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});

  live.FIRST = 0;
  live.REACTIVATED = 1;
  live.CARRIED = 2;
  live.SPECIAL = 3;
  live.KIND_NAMES = ["first firing", "reactivated", "carried", "at a special token"];

  /** Columns of the matrix: one per aligned position; `at[lane]` is the position there or null. */
  live.columns = function (prompts) {
    const pairs =
      prompts.length === 2
        ? live.align(prompts[0].tokens, prompts[1].tokens)
        : (prompts[0] ? prompts[0].tokens : []).map((_, i) => [i]);
    return pairs.map((at) => {
      const tokens = at.map((position, lane) => (position === null ? null : prompts[lane].tokens[position]));
      const present = tokens.filter(Boolean);
      return {
        at,
        tokens,
        differs: present.length < tokens.length || present.some((t) => t.token_id !== present[0].token_id),
        isFunction: present.some((t) => t.token_class === "function"),
        isSpecial: present.every((t) => t.token_class === "special"),
        isGenerated: present.some((t) => t.generated),
      };
    });
  };

  function emptyRow(feature, info, nLanes) {
    const lanes = [];
    for (let lane = 0; lane < nLanes; lane += 1) lanes.push({ columns: [], activations: [], kinds: [], last: -2 });
    return {
      feature, lanes, first: Infinity, firings: 0, reactivated: 0, atFunction: 0, largest: 0,
      classes: { function: 0, content: 0, special: 0 },
      density: info ? info.density : null, words: live.describe(info),
    };
  }

  function addFiring(row, lane, column, position, token, activation) {
    const track = row.lanes[lane];
    let kind = live.SPECIAL;
    if (token.token_class !== "special") {
      kind = track.last < -1 ? live.FIRST : track.last === position - 1 ? live.CARRIED : live.REACTIVATED;
      track.last = position;
      row.first = Math.min(row.first, column);
      if (kind !== live.FIRST) {
        row.reactivated += 1;
        if (token.token_class === "function") row.atFunction += 1;
      }
    }
    row.classes[token.token_class] += 1;
    if (kind !== live.SPECIAL) row.firings += 1;
    row.largest = Math.max(row.largest, activation);
    track.columns.push(column);
    track.activations.push(activation);
    track.kinds.push(kind);
  }

  /** One row per feature that fires in any prompt. Firings come sorted by position. */
  live.rows = function (prompts, columns, info) {
    const byFeature = new Map();
    prompts.forEach((prompt, lane) => {
      const columnAt = new Int32Array(prompt.tokens.length);
      columns.forEach((column, index) => {
        if (column.at[lane] !== null) columnAt[column.at[lane]] = index;
      });
      const { position, feature_index: feature, activation } = prompt.firings;
      for (let k = 0; k < position.length; k += 1) {
        let row = byFeature.get(feature[k]);
        if (!row) {
          row = emptyRow(feature[k], info[feature[k]], prompts.length);
          byFeature.set(feature[k], row);
        }
        addFiring(row, lane, columnAt[position[k]], position[k], prompt.tokens[position[k]], activation[k]);
      }
    });
    return byFeature;
  };

  live.ORDERS = {
    first: ["first firing position", (a, b) => a.first - b.first || b.atFunction - a.atFunction],
    function: ["reactivations at function tokens", (a, b) => b.atFunction - a.atFunction || a.first - b.first],
    often: ["number of firings", (a, b) => b.firings - a.firings || a.first - b.first],
    activation: ["largest activation", (a, b) => b.largest - a.largest],
  };

  /** Whether one prompt has the feature at every one of these columns. */
  function firesAtAll(row, columns) {
    return row.lanes.some((track) => columns.every((column) => track.columns.includes(column)));
  }

  const given = (value) => value !== null && value !== undefined && value !== "";

  /** The filters that are on: [why a row is hidden, whether it stays]. */
  function tests(view, locked, pinned) {
    const find = (view.find || "").trim().toLowerCase();
    const where = locked.length > 1 ? `not firing at all ${locked.length} locked positions` : "not firing at the locked position";
    const k = Number(view.least);
    return [
      ["not pinned", view.pinned, (row) => pinned.has(row.feature)],
      [where, view.locked && locked.length > 0, (row) => firesAtAll(row, locked)],
      [`silent at ${view.at_class} tokens`, given(view.at_class), (row) => row.classes[view.at_class] > 0],
      ["not reactivated at function tokens only", view.only_function,
        (row) => row.reactivated > 0 && row.atFunction === row.reactivated],
      [`firing fewer than ${k} times`, given(view.least) && k > 1, (row) => row.firings >= k],
      ["rarer than the range", given(view.density_from), (row) => row.density === null || row.density >= view.density_from / 100],
      ["denser than the range", given(view.density), (row) => row.density === null || row.density <= view.density / 100],
      ["not matching the search", find !== "",
        (row) => String(row.feature).startsWith(find) || row.words.toLowerCase().includes(find)],
    ].filter((test) => test[1]);
  }

  /** The rows to show, in order, pinned ones first (no filter hides them); `hidden` says how many each filter
   *  took away: a row that fails several counts for the first. `locked`: ascending columns. */
  live.visibleRows = function (all, view, locked, pins) {
    const pinned = new Set(pins);
    const filters = tests(view, locked, pinned);
    const hidden = new Map();
    const shown = all.filter((row) => {
      if (pinned.has(row.feature)) return true;
      const failed = filters.find((test) => !test[2](row));
      if (failed) hidden.set(failed[0], (hidden.get(failed[0]) || 0) + 1);
      return !failed;
    });
    const order = (live.ORDERS[view.order] || live.ORDERS.first)[1];
    const place = new Map(pins.map((feature, index) => [feature, index]));
    shown.sort((a, b) => {
      const pa = place.has(a.feature) ? place.get(a.feature) : Infinity;
      const pb = place.has(b.feature) ? place.get(b.feature) : Infinity;
      return (pa === pb ? 0 : pa - pb) || order(a, b) || a.feature - b.feature;
    });
    return { rows: shown, hidden: [...hidden.entries()] };
  };

  /** "12 of 340 features shown; 328 hidden: 300 not firing at …, 28 denser than the limit". */
  live.hiddenLine = function (shown, total, hidden) {
    const word = total === 1 ? "feature" : "features";
    if (!total) return "\u00a0";
    if (!hidden.length) return `all ${total} ${word} that fire are shown`;
    const count = hidden.reduce((sum, entry) => sum + entry[1], 0);
    return `${shown} of ${total} ${word} shown; filters hide ${count}: ` +
      hidden.map(([why, n]) => `${n} ${why}`).join(", ");
  };
})();
