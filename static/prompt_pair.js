/* Two prompts side by side: how their tokens are lined up, and what differs at each aligned position.
 * Pure functions. The alignment is a token edit distance: the fewest substitutions, insertions and deletions
 * that make A into B, each worth 1. Among alignments with equally few edits, the one with the most
 * substitutions within a class (a content word under a content word), and among those the one that pairs
 * latest. A generated token is never paired with a token of a prompt. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const EDIT = 1 << 12; // outweighs any number of substitutions within a class, up to 4,095 tokens
  const NEVER = 1 << 28;

  const generated = (token) => Boolean(token.generated);

  /** What pairing a with b costs: 0 for equal tokens, an edit for others, a little less within a class. */
  function substitution(a, b) {
    if (generated(a) !== generated(b)) return NEVER;
    if (a.token_id === b.token_id) return 0;
    return a.token_class === b.token_class ? EDIT - 1 : EDIT;
  }

  /** best[i * (m + 1) + j]: the least cost of lining up a[i…] with b[j…]. */
  function costs(a, b) {
    const width = b.length + 1;
    const best = new Int32Array((a.length + 1) * width);
    for (let i = a.length; i >= 0; i -= 1) {
      for (let j = b.length; j >= 0; j -= 1) {
        if (i === a.length || j === b.length) {
          best[i * width + j] = EDIT * (a.length - i + b.length - j);
          continue;
        }
        const paired = best[(i + 1) * width + j + 1] + substitution(a[i], b[j]);
        best[i * width + j] = Math.min(paired, EDIT + best[(i + 1) * width + j], EDIT + best[i * width + j + 1]);
      }
    }
    return best;
  }

  /** Pairs of indices in order: [[i, j], [i, null], [null, j], …]. Equal beginnings and ends are cut off
   *  first, which costs nothing. */
  live.align = function (a, b) {
    const same = (x, y) => x.token_id === y.token_id && generated(x) === generated(y);
    let head = 0;
    while (head < a.length && head < b.length && same(a[head], b[head])) head += 1;
    let tail = 0;
    const rest = Math.min(a.length, b.length) - head;
    while (tail < rest && same(a[a.length - 1 - tail], b[b.length - 1 - tail])) tail += 1;
    const [middleA, middleB] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
    const best = costs(middleA, middleB);
    const width = middleB.length + 1;
    const pairs = [];
    for (let k = 0; k < head; k += 1) pairs.push([k, k]);
    let [i, j] = [0, 0];
    while (i < middleA.length || j < middleB.length) {
      const here = best[i * width + j];
      const [inA, inB] = [i < middleA.length, j < middleB.length];
      if (inB && here === EDIT + best[i * width + j + 1]) pairs.push([null, head + j++]);
      else if (inA && here === EDIT + best[(i + 1) * width + j]) pairs.push([head + i++, null]);
      else pairs.push([head + i++, head + j++]);
    }
    for (let k = tail; k > 0; k -= 1) pairs.push([a.length - k, b.length - k]);
    return pairs;
  };

  /** Substitutions, insertions and deletions of an alignment. */
  live.editDistance = (pairs, a, b) =>
    pairs.filter(([i, j]) => i === null || j === null || a[i].token_id !== b[j].token_id).length;

  /** Per column, how many features fire there only in A, in both prompts, only in B. */
  live.differences = function (all, nColumns) {
    const found = { A: new Int32Array(nColumns), both: new Int32Array(nColumns), B: new Int32Array(nColumns) };
    all.forEach((row) => {
      if (row.lanes.length < 2) return;
      const [a, b] = [row.lanes[0].columns, row.lanes[1].columns];
      let [i, j] = [0, 0];
      while (i < a.length || j < b.length) {
        if (j >= b.length || a[i] < b[j]) found.A[a[i++]] += 1;
        else if (i >= a.length || b[j] < a[i]) found.B[b[j++]] += 1;
        else {
          found.both[a[i++]] += 1;
          j += 1;
        }
      }
    });
    return found;
  };

  /** Where the prompts' tokens differ, the features that fire there in `lane`. */
  function atDifferingTokens(model, lane) {
    const differing = new Set();
    model.columns.forEach((column, index) => {
      if (column.differs && column.tokens[lane] && !generated(column.tokens[lane])) differing.add(index);
    });
    return differing;
  }

  /** Of the features that fire at `column` of `lane` only: how many had fired before in that prompt, and how
   *  many of those at a token in which the prompts differ. */
  live.origins = function (model, rows, lane, column) {
    const differing = atDifferingTokens(model, lane);
    const counts = { total: rows.length, again: 0, fromDiffering: 0 };
    rows.forEach((row) => {
      const track = row.lanes[lane];
      const k = track.columns.indexOf(column);
      if (track.kinds[k] !== live.REACTIVATED && track.kinds[k] !== live.CARRIED) return;
      counts.again += 1;
      if (track.columns.some((c, at) => at < k && differing.has(c))) counts.fromDiffering += 1;
    });
    return counts;
  };

  const features = (n) => (n === 1 ? "feature" : "features");

  /** Where the difference of the pair comes from, in words, counted. */
  live.originSentence = function (model, groups, columns) {
    return [["A", 0], ["B", 1]].map(([name, lane]) => {
      const list = groups[name].map((entry) => entry[0]);
      if (!list.length) return `Nothing fires here in ${name} alone.`;
      const { total, again, fromDiffering } = live.origins(model, list, lane, columns[lane]);
      const new_ = total - again;
      return `Of the ${total} ${features(total)} only in ${name}, ${new_} ${new_ === 1 ? "is" : "are"} new and ` +
        `${again} ${again === 1 ? "is" : "are"} reactivated; ${fromDiffering} of these had fired at a word in which the prompts differ.`;
    }).join(" ");
  };
})();
