"""Recommenders by name, and our own as classes that any RecBole script can train."""
