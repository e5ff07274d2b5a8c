/* What other scripts put on `window`: React, Plotly and AG Grid as Dash ships them, and Dash. */

import type { ReactApi } from "./shared/hooks/types.js";

declare global {
  interface DrawnTrace {
    name?: string;
    type: string;
    x?: Iterable<unknown>;
    y?: Iterable<unknown>;
    xaxis?: string;
    yaxis?: string;
    customdata?: unknown[];
    /** `of`: of how many points the trace is drawn at some (app/figures/template.py). */
    meta?: any;
  }

  interface PlotlyFigure extends HTMLElement {
    data: { meta?: number }[];
    layout: Record<string, any>;
    _fullData?: DrawnTrace[];
    _fullLayout?: {
      [axis: string]: any;
      xaxis?: { d2p(at: number): number; _length: number; _offset: number; range: number[] };
    };
  }

  interface Window {
    React: ReactApi;
    Plotly: {
      restyle(figure: PlotlyFigure, changes: Record<string, unknown>): void;
      relayout(figure: PlotlyFigure, changes: Record<string, unknown>): void;
      downloadImage(figure: object, options: Record<string, unknown>): Promise<string>;
    };
    dash_clientside: {
      no_update: unknown;
      set_props(id: string, props: Record<string, unknown>): void;
      callback_context: {
        triggered: { prop_id: string; value: unknown }[];
        triggered_id: { index: number } | undefined;
      };
    };
    dash_ag_grid: {
      getApiAsync(id: string): Promise<{ exportDataAsCsv(options: object): void }>;
    };
    [published: string]: unknown;
  }
}
