"""Settings of the documentation."""

project = "immunoprofile"
author = "the immunoprofile authors"
copyright = "2026, the immunoprofile authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_title = "immunoprofile"
autosummary_generate = True
numpydoc_show_class_members = False
nb_execution_mode = "off"  # the notebooks are executed by the tests
myst_enable_extensions = ["colon_fence", "dollarmath"]
suppress_warnings = ["config.cache"]
