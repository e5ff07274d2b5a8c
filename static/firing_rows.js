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

  const [SAME_TOKEN, SAME_CLASS, PAIRED] = [8, 2, 1]; // a gap is worth nothing
  const worth = (a, b) => (a.token_id === b.token_id ? SAME_TOKEN : a.token_class === b.token_class ? SAME_CLASS : PAIRED);

  /** best[i * (m + 1) + j]: the worth of lining up a[i…] with b[j…], gaps free. */
  function alignmentWorth(a, b) {
    const width = b.length + 1;
    const best = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        const paired = best[(i + 1) * width + j + 1] + worth(a[i], b[j]);
        best[i * width + j] = Math.max(paired, best[(i + 1) * width + j], best[i * width + j + 1]);
      }
    }
    return best;
  }

  /** Pairs of indices that line two token lists up: equal tokens together, and where they differ tokens
   *  of one class side by side, as late as they can (Russia above UK, not above the). [[i, j], [i, null], [null, j], …] in order. */
  live.align = function (a, b) {
    let head = 0;
    while (head < a.length && head < b.length && a[head].token_id === b[head].token_id) head += 1;
    let tail = 0;
    const rest = Math.min(a.length, b.length) - head;
    while (tail < rest && a[a.length - 1 - tail].token_id === b[b.length - 1 - tail].token_id) tail += 1;
    const [middleA, middleB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
    const best = alignmentWorth(middleA, middleB);
    const width = middleB.length + 1;
    const pairs = [];
    for (let i = 0; i < head; i += 1) pairs.push([i, i]);
    let i = 0;
    let j = 0;
    while (i < middleA.length || j < middleB.length) {
      const here = best[i * width + j];
      const left = i < middleA.length;
      if (j < middleB.length && (!left || here === best[i * width + j + 1])) {
        pairs.push([null, head + j]);
        j += 1;
      } else if (left && (j >= middleB.length || here === best[(i + 1) * width + j])) {
        pairs.push([head + i, null]);
        i += 1;
      } else {
        pairs.push([head + i, head + j]);
        i += 1;
        j += 1;
      }
    }
    for (let k = tail; k > 0; k -= 1) pairs.push([a.length - k, b.length - k]);
    return pairs;
  };

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
      };
    });
  };

  function emptyRow(feature, info, nLanes) {
    const lanes = [];
    for (let lane = 0; lane < nLanes; lane += 1) lanes.push({ columns: [], activations: [], kinds: [], last: -2 });
    return {
      feature, lanes, first: Infinity, reactivated: 0, atFunction: 0, largest: 0,
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
    activation: ["largest activation", (a, b) => b.largest - a.largest],
  };

  function firesIn(row, column) {
    return row.lanes.some((track) => track.columns.includes(column));
  }

  /** The rows to show, in order, pinned ones first; `hidden` says how many each filter took away. */
  live.visibleRows = function (all, view, locked, pins) {
    const pinned = new Set(pins);
    const find = (view.find || "").trim().toLowerCase();
    const tests = [
      ["not firing at the locked position", view.locked && locked !== null, (row) => firesIn(row, locked)],
      ["not reactivated at function tokens only", view.only_function,
        (row) => row.reactivated > 0 && row.atFunction === row.reactivated],
      ["denser than the limit", view.density !== null && view.density !== undefined,
        (row) => row.density === null || row.density <= view.density / 100],
      ["not matching the search", find !== "",
        (row) => String(row.feature).startsWith(find) || row.words.toLowerCase().includes(find)],
    ].filter((test) => test[1]);
    const hidden = new Map();
    const shown = all.filter((row) => {
      if (pinned.has(row.feature)) return true;
      const failed = tests.find((test) => !test[2](row));
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
