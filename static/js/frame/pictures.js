/* A figure as it leaves the page: its numbers, and what a picture of it has to say by itself. */

/** @import { Said } from "../shared/types.js" */

const SMALL_PX = 6.1; // of a letter of the caption, on average
const LINE_PX = 18;

/**
 * The first request in a drawer's code, in words: "/api/coverage · sae_id L9 · theta 0".
 *
 * @param {string} code
 */
export function stated(code) {
  const address = /\/api\/[^\s'"]+/.exec(code);
  if (!address) return "";
  const { pathname, searchParams } = new URL(address[0], "http://here");
  const settings = [...searchParams].map(([name, value]) => `${name} ${value}`);
  return [decodeURIComponent(pathname), ...settings].join(" · ");
}

/**
 * Words in lines of at most `most` letters.
 *
 * @param {string[]} parts
 * @param {number} most
 */
export function lines(parts, most) {
  /** @type {string[]} */
  const made = [];
  for (const part of parts) {
    const last = made.at(-1);
    if (last !== undefined && last.length + 3 + part.length <= most)
      made[made.length - 1] = `${last} · ${part}`;
    else made.push(part);
  }
  return made;
}

const escaped = (/** @type {string} */ text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/**
 * What an axis counts: its title on the page, or the one that only pictures show.
 *
 * @param {PlotlyFigure} figure
 * @param {string} axis  "x", "y2"
 */
function axisName(figure, axis) {
  const long = axis.replace(/^[xy]/, (letter) => `${letter}axis`);
  const title = figure._fullLayout?.[long]?.title?.text;
  const blank = !title || /^Click to enter/.test(title);
  return blank ? (figure.layout.meta?.[axis] ?? "") : title;
}

/**
 * The figure with its title, where it comes from and its axes' names, and how much taller it is.
 *
 * @param {PlotlyFigure} figure
 * @param {Said} said
 * @param {string} ground
 * @param {number} width
 */
export function captioned(figure, { title, request, build }, ground, width) {
  const day = new Date().toISOString().slice(0, 10);
  const parts = [...request.split(" · "), build, day, "FunctionScope"].filter(Boolean);
  const caption = lines(parts, Math.floor((width - 24) / SMALL_PX));
  const extra = 44 + LINE_PX * caption.length;
  const { layout } = figure;
  const size = figure._fullLayout?._size ?? { t: 10, l: 46, r: 14, b: 40 };
  const named = { ...layout };
  for (const axis of Object.keys(layout.meta ?? {})) {
    const long = axis.replace(/^[xy]/, (letter) => `${letter}axis`);
    named[long] = { ...layout[long], title: { text: axisName(figure, axis) } };
  }
  const head = [`<b>${escaped(title)}</b>`, ...caption.map((line) => escaped(line))];
  const picture = {
    data: figure.data,
    layout: {
      ...named,
      paper_bgcolor: ground,
      margin: { ...layout.margin, t: size.t + extra },
      title: {
        text: `${head[0]}<br><span style="font-size:11px">${head.slice(1).join("<br>")}</span>`,
        font: { size: 14 },
        x: 0,
        xref: "container",
        xanchor: "left",
        pad: { l: 12, t: 20 },
        y: 1,
        yref: "container",
        yanchor: "top",
        automargin: false,
      },
    },
  };
  return { picture, extra };
}

/** @param {unknown} detail */
const details = (detail) => (Array.isArray(detail) ? detail : detail === undefined ? [] : [detail]);

/**
 * The numbers that the figure draws, a row each; bands and marks too. A line that is drawn at some
 * of its points (`meta.of` of its trace: how many there are) says so in a column of its own.
 *
 * @param {PlotlyFigure} figure
 */
export function figureRows(figure) {
  const rows = (figure._fullData ?? []).flatMap((trace, number) => {
    const [across, up] = [trace.xaxis ?? "x", trace.yaxis ?? "y"].map((axis) =>
      axisName(figure, axis),
    );
    const [xs, ys] = [[...(trace.x ?? [])], [...(trace.y ?? [])]];
    const name = trace.name || `${trace.type} ${number + 1}`;
    return xs.map((x, i) => [name, across, x, up, ys[i], ...details(trace.customdata?.[i])]);
  });
  const widest = Math.max(...rows.map((row) => row.length), 5);
  const head = ["series", "x_axis", "x", "y_axis", "y"];
  while (head.length < widest) head.push(`detail_${head.length - 4}`);
  const full = rows.map((row) => [...row, ...Array(widest - row.length).fill("")]);
  const thinned = (figure._fullData ?? []).flatMap(thinnedOf);
  if (thinned.some(Boolean)) {
    head.push("thinned");
    full.forEach((row, i) => row.push(thinned[i]));
  }
  return [head, ...full.map((row) => row.map((cell) => cell ?? ""))];
}

/**
 * "141 of 8188 points" at each point of a trace that is drawn at some of its points, else "".
 *
 * @param {DrawnTrace} trace
 * @returns {string[]}
 */
function thinnedOf(trace) {
  const n = [...(trace.x ?? [])].length;
  const of = trace.meta?.of ?? n;
  return Array(n).fill(of > n ? `${n} of ${of} points` : "");
}
