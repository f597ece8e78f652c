"""The candidates of a run: baselines, own mixes, theory's mix, trials; and their user weights."""
