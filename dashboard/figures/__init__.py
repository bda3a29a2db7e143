"""Pure functions from records to arrays and figures: no store, no Dash."""
