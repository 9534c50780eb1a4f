"""Writes the page that `dvc plots` puts its figures in, with all that draws them: `make plots`.

DVC's own page loads Vega from the web. Here Vega, Vega-Lite and Vega-Embed stand in the page, as
vl-convert has them (all BSD-3-Clause), so that a page with figures opens without a network.
"""

from __future__ import annotations

import sys
from pathlib import Path

import vl_convert

VEGA_LITE = "5.21"
"""DVC's figures are written for version 5."""
FOR_THE_PAGE = "Object.assign(window, {vega, vegaLite, vegaEmbed});"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>szmass: figures of DVC</title>
<style>table { border-spacing: 15px; }</style>
<script>
// Vega, Vega-Lite, Vega-Embed: BSD 3-Clause, (c) University of Washington Interactive Data Lab
SCRIPTS
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""

scripts = vl_convert.javascript_bundle(FOR_THE_PAGE, vl_version=VEGA_LITE)
Path(sys.argv[1]).write_text(PAGE.replace("SCRIPTS", scripts), encoding="utf-8")
