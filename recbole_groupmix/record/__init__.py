"""What the files of a run hold: their shape, and how they are read."""
