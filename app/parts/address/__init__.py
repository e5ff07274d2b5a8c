"""The settings of a page, each declared once.

A page's state is a frozen dataclass of settings: `cut: int = choice("Function cut, %", CUTS, 40)`.
From that follow how an address is read and written, the bar of controls, what the browser holds
(static/js/shared/controls.js) and what is said of a value that is not there.

A field's own default is what the page opens with; `opens` where the build or the preset says that.
"""
