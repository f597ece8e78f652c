"""Recommenders of our own, as classes that any RecBole script can train."""
