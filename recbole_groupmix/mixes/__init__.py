"""What a run compares: baselines, own mixes, theory, trials, and the weights of each."""
