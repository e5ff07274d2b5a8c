/* The firing matrix: prompts as aligned token strips, their new / reactivated / carried split, and
 * below them one row a feature. Hovering, walking, locking, filtering and ordering happen here;
 * Dash hears of `locked`, `pins` and `view` only when a person changes them. */

import { channelOf } from "../../shared/hooks/channel.js";
import { useKeys } from "../../shared/hooks/keys.js";
import { DEFAULT_VIEW } from "../../shared/matrix_view.js";
import { h, useEffect, useMemo, useRef, useState } from "../../shared/hooks/react.js";
import { FoldedPrefix } from "../../shared/tokens/folded_prefix.js";
import { prefixOf } from "../../shared/tokens/prefix.js";
import { useForget, useModel, useReadAgain, useRepainted, useScene, useTold } from "./effects.js";
import { hiddenLine, visibleRows } from "./filters.js";
import { MatrixHead, headHeight } from "./head.js";
import { clicked, lockNames, lockedColumns } from "./locks.js";
import { layOut } from "./measures.js";
import { nothingYet } from "../next_tokens.js";
import { pinnedIn, togglePin } from "../pins.js";
import { controller } from "./pointer.js";
import { HINT } from "./readout.js";
import { sourceColumn, sourceName } from "./source.js";
import { MatrixTools } from "./tools.js";
import { onMatrixKey } from "./walking.js";

/** @import { Baselines, FeatureRow, Geometry, MatrixControl, MatrixProps } from "./types.js" */
/** @import { MatrixRefs, Model, Modifiers, View } from "./types.js" */
/** @import { Ref } from "../../shared/hooks/types.js" */

/**
 * What a person does: {choose(columns), lock(column, event), pin(row), mark(column as the source)}.
 *
 * @param {MatrixProps} props
 * @param {Model} model
 * @param {View} view
 * @param {number[]} locked
 * @param {{ rows: FeatureRow[] }} shown
 * @param {Ref<number | null>} anchor
 */
function actions(props, model, view, locked, shown, anchor) {
  const home = locked.length ? locked[locked.length - 1] : null;
  /** @param {number[]} columns */
  const choose = (columns) => {
    const name = lockNames(columns, model.columns);
    const byItself = lockedColumns(null, model.columns, model.prompts);
    const isDefault = name === lockNames(byItself, model.columns);
    const ranged =
      columns.length > 1 && locked.length < 2
        ? { view: Object.assign({}, view, { locked: true }) }
        : {};
    props.setProps(Object.assign({ locked: isDefault && columns.length ? null : name }, ranged));
  };
  /**
   * @param {number} column
   * @param {Modifiers} event
   */
  const lock = (column, event) => {
    const from = anchor.current === null ? home : anchor.current;
    if (!event.shiftKey) anchor.current = column;
    choose(clicked(column, locked, from, event));
  };
  /** @param {number | null} row */
  const pin = (row) => {
    if (row === null || !shown.rows[row]) return;
    props.setProps({ pins: togglePin(props.pins || [], props.sae_id, shown.rows[row].feature) });
  };
  /** @param {number | null} column */
  const mark = (column) => {
    if (column === null || !model.columns[column]) return;
    props.setProps({ source: sourceName(column, model.columns) });
  };
  return { choose, lock, pin, mark };
}

/**
 * The strips and the canvas of rows, in one scrolling box.
 *
 * @param {{ refs: MatrixRefs, control: MatrixControl, model: Model, shown: { rows: FeatureRow[],
 *   geometry: Geometry, locked: number[], source: number }, act: ReturnType<typeof actions>,
 *   baselines: Baselines }} props
 */
function Picture({ refs, control, model, shown, act, baselines }) {
  const { rows, geometry, locked } = shown;
  const bodyHeight = rows.length * geometry.row;
  const aboveRows = headHeight(model.prompts.length);
  const { point } = control;
  const label =
    `firings: ${rows.length} features at ${model.columns.length} positions; arrow keys walk, ` +
    `p pins`;
  return h(
    "div",
    {
      ref: refs.scroller,
      className: "fs-fm-scroll",
      tabIndex: 0,
      role: "application",
      "aria-label": label,
      onScroll: control.request,
      hidden: !model.columns.length,
      style: { height: `min(${bodyHeight + 16 + aboveRows}px, max(420px, 66vh))` },
    },
    h(
      "div",
      {
        className: "fs-fm-inner",
        style: { width: geometry.width, minHeight: bodyHeight + 8 + aboveRows },
      },
      h(MatrixHead, {
        headRef: refs.head,
        model,
        geometry,
        locked,
        source: shown.source,
        baselines,
        point,
        lock: act.lock,
      }),
      h("canvas", {
        ref: refs.canvas,
        className: "fs-fm-canvas",
        style: { top: aboveRows },
        onMouseMove: (event) => {
          const { column, row } = control.under(event);
          point(column, row);
        },
        onMouseLeave: () => point(null, null),
        onClick: (event) => act.pin(control.under(event).row),
      }),
    ),
  );
}

/**
 * The rows that are shown, and where they lie.
 *
 * @param {MatrixProps} props
 * @param {Model} model
 * @param {View} view
 * @param {number} room
 */
function useShown(props, model, view, room) {
  const locked = useMemo(
    () => lockedColumns(props.locked, model.columns, model.prompts),
    [props.locked, model],
  );
  const source = useMemo(() => sourceColumn(props.source, model.columns), [props.source, model]);
  const pins = useMemo(() => pinnedIn(props.pins || [], props.sae_id), [props.pins, props.sae_id]);
  const geometry = useMemo(
    () => layOut(model.columns, Math.max(1, model.prompts.length), room < 640 ? 168 : 212, room),
    [model, room],
  );
  const { rows, hidden } = useMemo(
    () => visibleRows(model.all, view, locked, pins, source),
    [model, props.view, locked, pins, source],
  );
  return { locked, source, pins, geometry, rows, hidden };
}

/**
 * props: see app/parts/components.py.
 *
 * @param {MatrixProps} props
 */
export function FiringMatrix(props) {
  const channel = channelOf(props.group);
  const refs = {
    scroller: useRef(null),
    head: useRef(null),
    canvas: useRef(null),
    readout: useRef(null),
  };
  const scene = useRef(/** @type {any} */ ({ hoverColumn: null, hoverRow: null })).current;
  const anchor = useRef(null);
  const model = useModel(props);
  const view = Object.assign({}, DEFAULT_VIEW, props.view);
  const control = useMemo(() => controller(refs, scene, channel), [channel]);
  const [room, setRoom] = useState(0);
  const shown = useShown(props, model, view, room);
  const { locked, rows, geometry } = shown;
  const { baselines } = props;
  const painted = { geometry, rows, locked: new Set(locked), pins: new Set(shown.pins), baselines };
  useScene(scene, model, painted, control);
  useTold(channel, scene, model, locked, props.pins, shown.source);
  useEffect(() => channel.set({ busy: Boolean(props.busy) }), [props.busy]);
  useReadAgain(refs, scene, baselines);
  useRepainted(refs, scene, control, setRoom, channel);
  useForget(props, model);
  const act = actions(props, model, view, locked, shown, anchor);
  useKeys((event) =>
    onMatrixKey(event, { model, scene, refs, control, locked, anchor, rows, ...act }),
  );
  const busy = props.busy ? " is-busy" : "";
  // narrow, it scrolls: so it must be reached by key
  const readout = { id: props.id + "-readout", "aria-live": "polite", tabIndex: 0 };
  const waiting = "fs-fm-empty" + (props.busy ? " is-waiting" : "");
  return h(
    "div",
    { id: props.id, className: "fs-fm" + busy, "aria-busy": Boolean(props.busy) },
    h(MatrixTools, {
      id: props.id,
      view,
      setView: (patch) => props.setProps({ view: Object.assign({}, view, patch) }),
      line: hiddenLine(rows.length, model.all.length, shown.hidden),
      nLocked: locked.length,
      hasSource: shown.source >= 0,
      model,
    }),
    h(FoldedPrefix, { tokens: prefixOf(model.prompts.length ? model.prompts[0].tokens : []) }),
    h("div", { className: "fs-fm-readout is-idle", ref: refs.readout, ...readout }, HINT),
    h(Picture, { refs, control, model, shown, act, baselines }),
    model.columns.length ? null : h("div", { className: waiting }, nothingYet(Boolean(props.busy))),
  );
}
