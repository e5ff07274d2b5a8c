/* What modules name when they are read: React, which Dash brings to a page. Nothing here draws. */

globalThis.window = {
  React: { createElement: () => null, memo: (component) => component },
};
