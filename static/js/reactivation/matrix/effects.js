/* React hooks of the firing matrix: its model, and what follows when that, the lock or the window changes. */

import { useEffect, useLayoutEffect, useMemo, useRef } from "../../shared/react.js";
import { colours } from "./measures.js";
import { countDifferences } from "./pair.js";
import { readout } from "./readout.js";
import { alignedColumns, featureRows } from "./rows.js";

export function useModel(props) {
  const prompts = props.prompts || [];
  return useMemo(() => {
    const columns = alignedColumns(prompts);
    const byFeature = featureRows(prompts, columns, props.info || {});
    const all = [...byFeature.values()];
    const differences = countDifferences(all, columns.length);
    return {
      prompts,
      columns,
      byFeature,
      all,
      differences,
      info: props.info || {},
      saeId: props.sae_id,
    };
  }, [props.prompts, props.info, props.sae_id]);
}

/** A lock belongs to its tokens: other tokens, and it goes back to the last function token. */
export function useForget(props, model) {
  const before = useRef(null);
  useEffect(() => {
    const now = model.prompts
      .map((prompt) => prompt.tokens.map((token) => token.token_id).join())
      .join(";");
    if (before.current && now && before.current !== now && props.locked)
      props.setProps({ locked: null });
    before.current = now || before.current;
  }, [model]);
}

/** What is painted is what is shown; called after every render. */
export function useScene(scene, model, shown, control) {
  useLayoutEffect(() => {
    Object.assign(scene, model, shown, { colours: colours() });
    if (scene.hoverColumn !== null && scene.hoverColumn >= model.columns.length)
      scene.hoverColumn = null;
    control.request();
  });
}

/** The panels beside the matrix hear of its model, its lock and its pins. */
export function useTold(channel, scene, model, locked, pins) {
  const home = locked.length ? locked[locked.length - 1] : null;
  useEffect(() => {
    channel.set({ model, hover: null });
    scene.hoverColumn = null;
    scene.hoverRow = null;
  }, [model]);
  useEffect(
    () => channel.set({ locked: home, nLocked: locked.length, pins: pins || [] }),
    [home, locked.length, pins, model],
  );
}

/** Other baselines: the readout says so. */
export function useReadAgain(refs, scene, baselines) {
  useEffect(() => {
    if (scene.hoverColumn !== null)
      refs.readout.current.textContent = readout(scene, scene.hoverColumn, scene.hoverRow);
  }, [baselines]);
}

/** Another size, another scheme or the fonts' arrival: painted again. The channel is emptied with the matrix. */
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
