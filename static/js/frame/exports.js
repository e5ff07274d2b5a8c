/* Saves a figure as a picture, a grid as CSV. */

import { notice } from "../shared/notices.js";

/** @param {string} target */
function stamp(target) {
  return `functionscope-${target}-${new Date().toISOString().slice(0, 10)}`;
}

/**
 * @param {string} format
 * @param {string} target
 */
export async function exportFrom(format, target) {
  if (format === "csv") {
    const grid = await window.dash_ag_grid.getApiAsync(target);
    // the numbers as they are, not as the cells write them
    grid.exportDataAsCsv({
      fileName: `${stamp(target)}.csv`,
      processCellCallback: (/** @type {{ value: unknown }} */ { value }) => value,
    });
    return;
  }
  const figure = document.querySelector(`#${CSS.escape(target)} .js-plotly-plot`);
  if (!figure) {
    notice("The figure is not drawn yet.");
    return;
  }
  const { width, height } = figure.getBoundingClientRect();
  await window.Plotly.downloadImage(figure, {
    format,
    width,
    height,
    scale: 2,
    filename: stamp(target),
  });
}
