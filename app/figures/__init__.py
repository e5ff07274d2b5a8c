"""Pure functions from the wire's models to Plotly figures.

Plotly takes pandas for loaded as soon as it stands in `sys.modules`. pyarrow loads it when it makes
its first array, in
a thread of its own here: a figure that was made meanwhile met half a module. So pandas, where it is
installed, is loaded before the first figure; nothing here needs it.
"""

import contextlib
import importlib

with contextlib.suppress(ImportError):
    importlib.import_module("pandas")
