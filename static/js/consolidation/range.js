/* The range of steps that is laid on the plots; null: all. */

export const brushed = { steps: null }; // the range of steps laid on the plots: brush.js
