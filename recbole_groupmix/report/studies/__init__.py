"""Pages of the studies other than mixing, from the files of their cells."""
