"""Proposers of mixes, one file each: ``propose(history, n, rng)`` returns the next mixes to try."""
