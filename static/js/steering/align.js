/* Two token sequences beside each other: where they part, and which tokens of one have no partner
 * in the other. Pure. */

/**
 * Index of the first of `ids` that is not the baseline's at the same place; null = none so far.
 *
 * @param {number[]} ids
 * @param {number[]} baseline
 */
export function firstDivergence(ids, baseline) {
  const at = ids.findIndex((id, k) => baseline[k] !== id);
  return at < 0 ? null : at;
}

/**
 * Length of the longest common subsequence of a[i:] and b[j:], for all i and j.
 *
 * @param {number[]} a
 * @param {number[]} b
 */
function commonTails(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i][j] =
        a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

/**
 * {first, partner}: `first` as above; partner[k] = the index in `baseline` that ids[k] is aligned
 * with, null when it has none. The alignment is a longest common subsequence; equal beginnings are
 * always partners.
 *
 * @param {number[]} ids
 * @param {number[]} baseline
 * @returns {{ first: number | null, partner: (number | null)[] }}
 */
export function alignTokens(ids, baseline) {
  const first = firstDivergence(ids, baseline);
  const same = first === null ? ids.length : first;
  /** @type {(number | null)[]} */
  const partner = ids.map((_, k) => (k < same ? k : null));
  if (first === null) return { first, partner };
  const [a, b] = [ids.slice(same), baseline.slice(same)];
  const table = commonTails(a, b);
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) partner[same + i++] = same + j++;
    else if (table[i + 1][j] >= table[i][j + 1]) i += 1;
    else j += 1;
  }
  return { first, partner };
}
