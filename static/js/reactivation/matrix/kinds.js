/* What a firing is: see rows.js. */

export const FIRST = 0;

export const REACTIVATED = 1;

export const CARRIED = 2;

export const SPECIAL = 3;

export const KIND_NAMES = ["first firing", "reactivated", "carried", "at a special token"];
