/* What every page has: tokens, links, cells of tables, the address bar, the form of /unlock. */

import "./address.js";
import "./choices.js";

import { ConversationBox } from "./tokens/conversation.js";
import { PrefixBox } from "./tokens/prefix_box.js";
import { PromptBox } from "./tokens/prompt_box.js";
import { RunLink } from "./run_link.js";
import { Still } from "./still.js";
import { TokenStrip } from "./tokens/strip.js";
import "./unlock.js";

export const components = { ConversationBox, PrefixBox, PromptBox, RunLink, Still, TokenStrip };
export const clientside = {};
export const cells = {};
