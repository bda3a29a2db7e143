"""The pages: each has a PATH, a TITLE, a layout and what it registers."""
