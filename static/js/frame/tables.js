/* CSV of tables that the page itself draws: the numbers behind the cells, not how they are written.
 *
 * data-fs-table="id" on a button saves the tables in that element. A cell gives its data-values
 * (a JSON list: one for each column that it stands for), else its data-value, else its text.
 */

import { around, element } from "../shared/events.js";
import { saveTable } from "../shared/csv.js";
import { notice } from "../shared/notices.js";

/**
 * @param {HTMLTableCellElement} cell
 * @returns {unknown[]}
 */
function valuesOf(cell) {
  if (cell.dataset.values !== undefined) return JSON.parse(cell.dataset.values);
  const value = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  return [value, ...Array(cell.colSpan - 1).fill("")];
}

/**
 * All rows of all tables in `element`, heads too.
 *
 * @param {Element} element
 */
export const tableRows = (element) =>
  [...element.querySelectorAll("tr")].map((row) => [...row.cells].flatMap(valuesOf));

document.addEventListener("click", (event) => {
  const button = around(event, "[data-fs-table]");
  if (!button) return;
  const name = String(button.dataset.fsTable);
  const rows = tableRows(element(name));
  if (rows.length) saveTable(name, rows);
  else notice("There is no table yet.");
});
