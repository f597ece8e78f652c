"""Trains many matrix factorisations or LightGCNs at once, on CPU or GPU; independent of RecBole."""
