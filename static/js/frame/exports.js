/* Saves a grid and a figure's numbers as CSV, a figure as a picture that says what it shows. */

import { saveTable } from "../shared/csv.js";
import { notice } from "../shared/notices.js";
import { captioned, figureRows, stated } from "./pictures.js";

/** @param {string} target */
function stamp(target) {
  return `functionscope-${target}-${new Date().toISOString().slice(0, 10)}`;
}

/** @param {string} target */
async function saveGrid(target) {
  const grid = await window.dash_ag_grid.getApiAsync(target);
  // the numbers as they are, not as the cells write them; hidden columns are ids
  grid.exportDataAsCsv({
    fileName: `${stamp(target)}.csv`,
    allColumns: true,
    processCellCallback: (/** @type {{ value: unknown }} */ { value }) => value,
  });
}

/** What the figure is of: its panel's title, the request behind it, the build. */
function said(/** @type {Element} */ figure) {
  const panel = figure.closest(".fs-panel");
  const text = (/** @type {string} */ selector) =>
    (panel?.querySelector(selector)?.textContent ?? "").trim();
  const build = document.querySelector("[data-fs-build]")?.lastElementChild?.textContent;
  const whose = document.querySelector("#frame-page [data-fs-of]")?.textContent;
  return {
    title: text(".fs-panel__title"),
    request: stated(text("pre.fs-code")),
    build: whose ?? (build ? `build ${build}` : ""),
  };
}

/**
 * @param {string} format
 * @param {string} target
 */
export async function exportFrom(format, target) {
  if (format === "csv") return saveGrid(target);
  const figure = /** @type {PlotlyFigure | null} */ (
    document.querySelector(`#${CSS.escape(target)} .js-plotly-plot`)
  );
  if (!figure?._fullData?.length) {
    notice("The figure is not drawn yet.");
    return undefined;
  }
  if (format === "data") return saveTable(target, figureRows(figure));
  const { width, height } = figure.getBoundingClientRect();
  const ground = getComputedStyle(figure.closest(".fs-panel") ?? document.body).backgroundColor;
  const { picture, extra } = captioned(figure, said(figure), ground, width);
  await window.Plotly.downloadImage(picture, {
    format,
    width,
    height: height + extra,
    scale: 2,
    filename: stamp(target),
  });
  return undefined;
}
