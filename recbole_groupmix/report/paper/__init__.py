"""The figures, tables and claims of the paper's grid of runs."""
