"""Settings of the documentation; its reference pages are made from the code by ``_ext/generated.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import immunoprofile

project = "immunoprofile"
author = "the immunoprofile authors"
copyright = "2026, the immunoprofile authors"
version = release = immunoprofile.__version__
extensions = [
    "generated",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
exclude_patterns = ["_build", "_ext"]
templates_path = []
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "use_edit_page_button": False,
    "show_nav_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_title = "immunoprofile"
html_show_sourcelink = False
html_copy_source = False

autosummary_generate = False  # the pages of the rooms are made by generated.py
autodoc_typehints = "none"  # numpydoc's Parameters say the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
toc_object_entries_show_parents = "hide"

nb_execution_mode = "auto"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]
