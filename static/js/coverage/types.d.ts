/* The rank table. */

import type { TokenClass } from "../shared/types.js";

/** A cell of the rank table. */
export interface CellProps {
  value: number;
  valueFormatted: string;
  data: {
    href: string;
    token_class: TokenClass;
    token_id: number;
    extrapolated?: boolean;
    excess_title?: string;
  };
}

/** A row of the rank table. */
export interface Listed {
  id: string;
  href: string;
}

/** By SAE, [value, label] of every theta. */
export type Grids = Record<string, [unknown, string][]>;
