"""Measurements: pure functions from a model, a batch, a spec and a generator to a record."""
