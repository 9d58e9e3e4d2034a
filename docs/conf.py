"""Settings of the documentation: Sphinx reads the Markdown pages beside this file; `make docs` runs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The pages' environment holds the libraries but not the package; autodoc takes it from the checkout.
sys.path.insert(0, str(ROOT))

project = "voxsession"
author = "voxsession contributors"
copyright = "2026, voxsession contributors"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "Thumbs.db", ".DS_Store"]
suppress_warnings: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# No page loads a font, a script or a picture from another host.
html_theme = "furo"
html_title = "voxsession"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
