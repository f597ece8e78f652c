"""Studies other than mixing that ``groupmix reproduce`` makes."""
