/* React hooks of the firing matrix: its model, and what follows when that, the lock or the window
 * changes. */

import { useEffect, useLayoutEffect, useMemo, useRef } from "../../shared/hooks/react.js";
import { useLabels, withLabels } from "../../shared/hooks/labels.js";
import { colours } from "./measures.js";
import { countDifferences } from "./pair.js";
import { readout } from "./readout.js";
import { alignedColumns, featureRows } from "./rows.js";

/** @import { Baselines, MatrixControl, MatrixProps, MatrixRefs, Model, Scene } from "./types.js" */
/** @import { Channel } from "../../shared/types.js" */

/**
 * @param {MatrixProps} props
 * @returns {Model}
 */
export function useModel(props) {
  const prompts = props.prompts || [];
  const labels = useLabels();
  return useMemo(() => {
    const info = withLabels(props.info || {}, props.sae_id, labels);
    const columns = alignedColumns(prompts);
    const byFeature = featureRows(prompts, columns, info);
    const all = [...byFeature.values()];
    const differences = countDifferences(all, columns.length);
    return {
      prompts,
      columns,
      byFeature,
      all,
      differences,
      info,
      saeId: props.sae_id,
    };
  }, [props.prompts, props.info, props.sae_id, labels]);
}

/**
 * A lock belongs to its tokens: other tokens, and it goes back to the last function token.
 *
 * @param {MatrixProps} props
 * @param {Model} model
 */
export function useForget(props, model) {
  const before = useRef(null);
  useEffect(() => {
    const now = model.prompts
      .map((prompt) => prompt.tokens.map((token) => token.token_id).join())
      .join(";");
    if (before.current && now && before.current !== now && (props.locked || props.source))
      props.setProps({ locked: null, source: null });
    before.current = now || before.current;
  }, [model]);
}

/**
 * What is painted is what is shown; called after every render.
 *
 * @param {Scene} scene
 * @param {Model} model
 * @param {Partial<Scene>} shown
 * @param {MatrixControl} control
 */
export function useScene(scene, model, shown, control) {
  useLayoutEffect(() => {
    Object.assign(scene, model, shown, { colours: colours() });
    if (scene.hoverColumn !== null && scene.hoverColumn >= model.columns.length)
      scene.hoverColumn = null;
    control.request();
  });
}

/**
 * The panels beside the matrix hear of its model, its lock, its source and its pins.
 *
 * @param {Channel} channel
 * @param {Scene} scene
 * @param {Model} model
 * @param {number[]} locked
 * @param {string[] | undefined} pins
 * @param {number} source a column, -1 = none
 */
export function useTold(channel, scene, model, locked, pins, source) {
  const home = locked.length ? locked[locked.length - 1] : null;
  useEffect(() => {
    channel.set({ model, hover: null });
    scene.hoverColumn = null;
    scene.hoverRow = null;
  }, [model]);
  useEffect(
    () => channel.set({ locked: home, nLocked: locked.length, pins: pins || [], source }),
    [home, locked.length, pins, model, source],
  );
}

/**
 * Other baselines: the readout says so.
 *
 * @param {MatrixRefs} refs
 * @param {Scene} scene
 * @param {Baselines} baselines
 */
export function useReadAgain(refs, scene, baselines) {
  useEffect(() => {
    if (scene.hoverColumn !== null)
      refs.readout.current.textContent = readout(scene, scene.hoverColumn, scene.hoverRow);
  }, [baselines]);
}

/**
 * Another size, another scheme or the fonts' arrival: painted again. The channel is emptied with
 * the matrix.
 *
 * @param {MatrixRefs} refs
 * @param {Scene} scene
 * @param {MatrixControl} control
 * @param {(room: number) => void} setRoom
 * @param {Channel} channel
 */
export function useRepainted(refs, scene, control, setRoom, channel) {
  useEffect(() => {
    const repaint = () => {
      scene.colours = colours();
      control.request();
    };
    const sizes = new ResizeObserver(() => {
      setRoom(refs.scroller.current.clientWidth);
      repaint();
    });
    sizes.observe(refs.scroller.current);
    const scheme = new MutationObserver(repaint);
    scheme.observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-mantine-color-scheme"],
    });
    if (document.fonts) document.fonts.ready.then(repaint);
    return () => {
      sizes.disconnect();
      scheme.disconnect();
      channel.set({ model: null, hover: null, locked: null });
    };
  }, []);
}
