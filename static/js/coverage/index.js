/* The page Coverage. */

import { FsExcess, FsShare, FsTokenLink } from "./cells.js";
import { namedWithTheta, openRow, sorted, thetas, ticked } from "./table.js";

export const components = {};
export const clientside = {
  fsCoverage: { named: namedWithTheta, openRow, sorted, thetas, ticked },
};
export const cells = { FsExcess, FsShare, FsTokenLink };
