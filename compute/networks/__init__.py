"""Network science on ablation graphs: NumPy and SciPy only, so that pages may ask for it too."""
