/* The picture of the bipartite graph: ribbons on canvas, blocks as buttons on both sides. Hovering
 * never asks the server and never renders: the base is painted once a view, what is pointed at on a
 * canvas above it. */

import { useEscape } from "../shared/hooks/keys.js";
import { h, useEffect, useLayoutEffect, useMemo, useRef } from "../shared/hooks/react.js";
import { neighbour, sideOf } from "./blocks.js";
import * as graph from "./layout.js";
import { HINT, controller } from "./pointer.js";

/** @import { GraphControl, GraphRefs, GraphScene, GraphView, Pointed } from "./types.js" */
/** @import { Drawn, KeyAt } from "../shared/hooks/types.js" */
/** @import { DashProps } from "../shared/types.js" */

/**
 * Where blocks and ribbons lie; null without a view.
 *
 * @param {GraphView | null | undefined} view
 */
function usePlaced(view) {
  return useMemo(() => {
    if (!view) return null;
    const height = graph.height(view);
    const left = graph.column(view.token_blocks, height, graph.tokenWeight);
    const right = graph.column(view.feature_blocks, height, graph.featureWeight);
    return { view, height, left, right, ribbons: graph.ribbons(view, left, right) };
  }, [view]);
}

/**
 * Another view is painted, and the focus goes to the side that was entered; so are another size and
 * another scheme.
 *
 * @param {GraphRefs} refs
 * @param {GraphScene} scene
 * @param {GraphControl} control
 * @param {object | null} placed
 */
function usePainted(refs, scene, control, placed) {
  useLayoutEffect(() => {
    if (!placed) return;
    Object.assign(scene, placed);
    control.point(null);
    control.base();
    if (scene.entered && refs.root.current.contains(document.activeElement)) {
      /** @type {HTMLElement | null} */
      const first = refs.root.current.querySelector(`button[data-side="${scene.entered}"]`);
      if (first) first.focus({ preventScroll: true });
    }
  }, [placed]);
  useEffect(() => {
    const sizes = new ResizeObserver(control.base);
    sizes.observe(refs.root.current);
    const scheme = new MutationObserver(control.base);
    scheme.observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-mantine-color-scheme"],
    });
    return () => {
      sizes.disconnect();
      scheme.disconnect();
    };
  }, []);
}

/**
 * @param {KeyAt} event
 * @param {GraphScene} scene
 * @param {HTMLElement} root
 */
function walkBlocks(event, scene, root) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  /** @type {HTMLElement | null} */
  const button = event.target.closest("button[data-side]");
  const next = button ? neighbour(scene, button, event.key) : null;
  if (!next) return;
  event.preventDefault();
  /** @type {HTMLElement | null} */
  const wanted = root.querySelector(`button[data-side="${next[0]}"][data-index="${next[1]}"]`);
  wanted?.focus();
}

/** @param {{ refs: GraphRefs, control: GraphControl, split: (at: Pointed) => void }} props */
function Ribbons({ refs, control, split }) {
  return h(
    "div",
    { className: "fs-graph__ribbons" },
    h("canvas", { ref: refs.base, className: "fs-graph__base", "aria-hidden": true }),
    h("canvas", {
      ref: refs.over,
      className: "fs-graph__over",
      "aria-hidden": true,
      onMouseMove: (event) => control.point(control.ribbonAt(event)),
      onMouseLeave: () => control.point(null),
      onClick: (event) => {
        const at = control.ribbonAt(event);
        if (at) split(at);
      },
    }),
  );
}

/** @param {{ refs: GraphRefs, id: string }} props */
function Readout({ refs, id }) {
  const className = "fs-graph__readout is-idle";
  return h("p", { ref: refs.readout, className, id: `${id}-readout`, role: "status" }, HINT);
}

/** @param {{ name: string, label: string, children?: Drawn }} props */
function Side({ name, label, children }) {
  const className = `fs-graph__side fs-graph__side--${name}`;
  return h("ul", { className, "aria-label": label }, children);
}

const HEADS = h(
  "div",
  { className: "fs-graph__heads", "aria-hidden": true },
  h("span", null, "tokens, by frequency rank"),
  h("span", null, "features, by the first rank that reaches them"),
);

/**
 * props: view (GET /api/graph), path {key, steps}, pathKey (what path belongs to), sae_id, busy.
 *
 * @param {DashProps & { view?: GraphView | null, path?: { key: string, steps: string[] } | null,
 *   pathKey?: string, sae_id: string, busy?: boolean }} props
 */
export function BipartiteGraph(props) {
  const refs = {
    root: useRef(null),
    base: useRef(null),
    over: useRef(null),
    readout: useRef(null),
  };
  const scene = useRef(/** @type {any} */ ({ at: null, ribbons: [] })).current;
  const control = useMemo(() => controller(refs, scene), []);
  const { view, busy } = props;
  const placed = usePlaced(view);
  const steps = props.path && props.path.key === props.pathKey ? props.path.steps : [];
  /** @param {string[]} next */
  const go = (next) => props.setProps({ path: { key: props.pathKey, steps: next } });
  /** @param {Pointed} at */
  const split = (at) => {
    const step = view ? graph.split(view, at) : null;
    if (!step || busy) return;
    scene.entered = at.feature !== undefined ? "feature" : "token";
    go([...steps, step]);
  };
  const act = { point: control.point, split };
  // wherever the focus is: a split block takes it along
  useEscape(() => steps.length && go(steps.slice(0, -1)));
  usePainted(refs, scene, control, placed);
  /**
   * @param {"token" | "feature"} name
   * @param {"left" | "right"} column
   */
  const blocks = (name, column) =>
    placed ? sideOf(placed.view, name, placed[column], props.sae_id, act) : null;
  const tokens = { name: "token", label: "Blocks of tokens, by frequency rank" };
  const features = {
    name: "feature",
    label: "Blocks of features, by the first rank that reaches them",
  };
  return h(
    "div",
    {
      id: props.id,
      className: "fs-graph" + (busy ? " is-busy" : ""),
      onKeyDown: (event) => walkBlocks(event, scene, refs.root.current),
      "aria-busy": Boolean(busy),
    },
    h(Readout, { refs, id: props.id }),
    HEADS,
    h(
      "div",
      {
        ref: refs.root,
        className: "fs-graph__picture",
        style: { height: placed ? placed.height : 560 },
      },
      h(Side, tokens, blocks("token", "left")),
      h(Ribbons, { refs, control, split }),
      h(Side, features, blocks("feature", "right")),
    ),
  );
}
