/* Measures and paints the firing matrix: only what is in view, at the screen's own resolution. */

import { CARRIED, FIRST, SPECIAL } from "./kinds.js";
import { columnUnder } from "./measures.js";

/** @import { FeatureRow, Scene, Track } from "./types.js" */
/** @import { Colours } from "../../shared/types.js" */

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} kind
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {Colours} colours
 */
function mark(ctx, kind, x, y, radius, colours) {
  ctx.beginPath();
  if (kind === SPECIAL) {
    ctx.fillStyle = colours.special;
    ctx.globalAlpha = 0.5;
    ctx.fillRect(x - 2, y - 2, 4, 4);
    ctx.globalAlpha = 1;
    return;
  }
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  if (kind === FIRST) {
    ctx.fillStyle = colours.panel;
    ctx.fill();
    ctx.lineWidth = 1.75;
    ctx.strokeStyle = colours.first;
    ctx.stroke();
    return;
  }
  ctx.fillStyle = kind === CARRIED ? colours.carried : colours.reactivated;
  ctx.fill();
}

/**
 * The line from a feature's first firing to its last: how long it is remembered.
 *
 * @param {CanvasRenderingContext2D} ctx
 * @param {Track} track
 * @param {number} y
 * @param {(column: number) => number} centre
 * @param {Colours} colours
 */
function thread(ctx, track, y, centre, colours) {
  const counted = track.columns.filter((_, k) => track.kinds[k] !== SPECIAL);
  if (counted.length < 2) return;
  ctx.strokeStyle = colours.carried;
  ctx.globalAlpha = 0.35;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(centre(counted[0]), y);
  ctx.lineTo(centre(counted[counted.length - 1]), y);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {FeatureRow} row
 * @param {Track} track
 * @param {number} y
 * @param {number} first
 * @param {number} last
 */
function paintLane(ctx, scene, row, track, y, first, last) {
  const { geometry, scrollLeft, colours } = scene;
  /** @param {number} column */
  const centre = (column) => (geometry.x[column] + geometry.x[column + 1]) / 2 - scrollLeft;
  thread(ctx, track, y, centre, colours);
  const reach = geometry.lane / 2 - 2;
  for (let k = 0; k < track.columns.length; k += 1) {
    const column = track.columns[k];
    if (column < first || column > last) continue;
    const radius = Math.max(2.2, reach * Math.sqrt(track.activations[k] / row.largest));
    mark(ctx, track.kinds[k], centre(column), y, Math.min(radius, 6.5), colours);
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} first
 * @param {number} last
 * @param {number} height
 */
function paintColumns(ctx, scene, first, last, height) {
  const { geometry, columns, scrollLeft, colours, hoverColumn, locked } = scene;
  for (let c = first; c <= last; c += 1) {
    const x = geometry.x[c] - scrollLeft;
    const width = geometry.x[c + 1] - geometry.x[c];
    if (columns[c].isFunction) {
      ctx.fillStyle = colours.functionWash;
      ctx.fillRect(x, 0, width, height);
    }
    const isLocked = locked.has(c);
    if (c === hoverColumn || isLocked) {
      ctx.fillStyle = colours.focus;
      ctx.globalAlpha = isLocked ? 0.13 : 0.08;
      ctx.fillRect(x, 0, width, height);
      ctx.globalAlpha = 1;
    }
    if (isLocked) {
      ctx.fillStyle = colours.focus;
      if (!locked.has(c - 1)) ctx.fillRect(x, 0, 1, height);
      if (!locked.has(c + 1)) ctx.fillRect(x + width - 1, 0, 1, height);
    }
    if (columns[c].isGenerated && (c === 0 || !columns[c - 1].isGenerated)) {
      ctx.fillStyle = colours.ink;
      for (let y = 0; y < height; y += 6) ctx.fillRect(x - 0.5, y, 1, 3); // the prompt ends here
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {FeatureRow} row
 * @param {number} y
 * @param {boolean} isHover
 * @param {boolean} isPinned
 */
function paintLabel(ctx, scene, row, y, isHover, isPinned) {
  const { geometry, colours } = scene;
  ctx.fillStyle = isHover ? colours.sunken : colours.panel;
  ctx.fillRect(0, y, geometry.label - 1, geometry.row);
  const middle = y + geometry.row / 2 + 0.5;
  if (isPinned) {
    ctx.fillStyle = colours.reactivated;
    ctx.fillRect(0, y + 2, 3, geometry.row - 4);
  }
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  ctx.font = (isPinned ? "600 " : "") + "12px " + colours.mono;
  ctx.fillStyle = colours.ink;
  ctx.fillText(String(row.feature), 58, middle);
  ctx.textAlign = "left";
  ctx.font = "12px " + colours.sans;
  ctx.fillStyle = colours.muted;
  const room = geometry.label - 68 - (geometry.nLanes > 1 ? 16 : 6);
  if (row.room !== room) {
    row.room = room;
    // measured once: measuring text costs more than all marks
    row.label = clipped(ctx, row.words, room);
  }
  ctx.fillText(row.label ?? "", 66, middle);
  if (geometry.nLanes > 1) {
    ctx.font = "9px " + colours.sans;
    ctx.fillText("A", geometry.label - 13, y + 2 + geometry.lane / 2);
    ctx.fillText("B", geometry.label - 13, y + 2 + 1.5 * geometry.lane);
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} text
 * @param {number} room
 */
function clipped(ctx, text, room) {
  if (ctx.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && ctx.measureText(text.slice(0, end) + "…").width > room) end -= 1;
  return text.slice(0, end) + "…";
}

/**
 * Paints the scene: {geometry, columns, rows, pins (Set), colours, scrollLeft, scrollTop,
 * hoverColumn, hoverRow, locked (Set of columns)} into w × h CSS pixels.
 *
 * @param {CanvasRenderingContext2D} ctx
 * @param {Scene} scene
 * @param {number} w
 * @param {number} h
 */
export function paintMatrix(ctx, scene, w, h) {
  const { geometry, rows, columns, colours, scrollLeft, scrollTop, hoverRow, pins } = scene;
  ctx.fillStyle = colours.panel;
  ctx.fillRect(0, 0, w, h);
  if (!columns.length) return;
  const first = columnUnder(geometry, geometry.label + scrollLeft) || 0;
  const right = columnUnder(geometry, w + scrollLeft);
  const last = right === null ? columns.length - 1 : right;
  const top = Math.floor(scrollTop / geometry.row);
  const bottom = Math.min(rows.length - 1, Math.floor((scrollTop + h) / geometry.row));
  paintColumns(ctx, scene, first, last, Math.min(h, rows.length * geometry.row - scrollTop));
  const [left, stop] = [geometry.label, Math.min(w, geometry.x[columns.length] - scrollLeft)];
  for (let r = top; r <= bottom; r += 1) {
    const y = r * geometry.row - scrollTop;
    if (r === hoverRow) {
      ctx.fillStyle = colours.ink;
      ctx.globalAlpha = 0.05;
      ctx.fillRect(left, y, stop - left, geometry.row);
      ctx.globalAlpha = 1;
    }
    const inset = geometry.nLanes > 1 ? 2 : 0;
    rows[r].lanes.forEach((track, lane) => {
      paintLane(ctx, scene, rows[r], track, y + inset + (lane + 0.5) * geometry.lane, first, last);
    });
    ctx.fillStyle = colours.line;
    ctx.fillRect(left, Math.round(y + geometry.row) - 0.5, stop - left, 0.5);
    paintLabel(ctx, scene, rows[r], y, r === hoverRow, pins.has(rows[r].feature));
  }
  ctx.fillStyle = colours.line;
  ctx.fillRect(geometry.label - 1, 0, 1, h);
}
