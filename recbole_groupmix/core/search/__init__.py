"""A search that learns from the mixes that were tried: coordinates, surfaces, belief."""
