"""The ids that Python and the browser's modules share."""

URL = "url"
PAGE = "page"
VIEW = "view"
LANES_FIGURE = "lanes-figure"
