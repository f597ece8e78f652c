"""Fit of user groups with item categories under repeated recommendation: policies, steps, equilibria."""
