/* A recorded run's page. */

import { address } from "./address.js";
import { showOwner } from "./owner.js";

export const components = {};
export const clientside = { run_address: { address }, run_owner: { showOwner } };
export const cells = {};
