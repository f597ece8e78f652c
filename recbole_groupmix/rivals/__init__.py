"""Rivals of mixing: other ways to serve a target group with the same model, one file each."""
