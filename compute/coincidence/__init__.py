"""Whether two developments coincide: boundaries, rates of change, components; NumPy only."""
