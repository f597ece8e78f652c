"""Trains many matrix factorisations or LightGCNs at once on the CPU; knows no torch, no RecBole."""
