/* Tables as CSV files. */

/** @param {unknown} cell */
function written(cell) {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/**
 * Rows as RFC 4180 has them.
 *
 * @param {unknown[][]} rows
 */
export const csv = (rows) => rows.map((row) => row.map(written).join(",") + "\r\n").join("");

/**
 * Saves the rows as functionscope-NAME-DATE.csv.
 *
 * @param {string} name
 * @param {unknown[][]} rows
 */
export function saveTable(name, rows) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
  link.download = `functionscope-${name}-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
