"""Exact answers of closed forms, without a search: influence, Shapley values, gradient, profile, similarity."""
