/* CSV of tables that the page itself draws: the numbers behind the cells, not how they are written.
 *
 * data-fs-table="id" on a button saves the tables in that element. A cell gives its data-values
 * (a JSON list: one for each column that it stands for), else its data-value, else its text.
 */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});

  function valuesOf(cell) {
    if (cell.dataset.values !== undefined) return JSON.parse(cell.dataset.values);
    const value = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    return [value, ...Array(cell.colSpan - 1).fill("")];
  }

  /** All rows of all tables in `element`, heads too. */
  live.tableRows = (element) => [...element.querySelectorAll("tr")].map((row) => [...row.cells].flatMap(valuesOf));

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-fs-table]");
    if (!button) return;
    const rows = live.tableRows(document.getElementById(button.dataset.fsTable));
    if (rows.length) live.saveFile(button.dataset.fsTable, live.csv(rows), "text/csv");
    else window.fs.notice("There is no table yet.");
  });
})();
