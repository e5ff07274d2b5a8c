/* The range of steps that is laid on the plots; null: all. */

/** @import { Interval } from "../shared/types.js" */

/** @type {{ steps: Interval | null }} */
export const brushed = { steps: null }; // the range of steps laid on the plots: brush.js
