"""The theory of the paper: recovery bound, optimal mix, discrepancies of groups."""
