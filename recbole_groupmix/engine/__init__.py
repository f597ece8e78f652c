"""Trains many matrix factorisations or LightGCNs at once, on CPU or GPU; knows no RecBole."""
