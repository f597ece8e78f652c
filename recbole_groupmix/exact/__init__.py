"""Exact answers of closed forms, without a search: influence, gradient, profile, similarity."""
