"""The ids that Python and the browser's modules share."""

URL = "url"
PAGE = "page"
VIEW = "view"
LANES_FIGURE = "lanes-figure"
NETWORK_VIEW = "network-view"
RANK_GRID = "rank-grid"
RANK_STEP = "rank-step"
