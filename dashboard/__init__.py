"""The dashboard: a web page that reads the store and shows how a run develops."""
