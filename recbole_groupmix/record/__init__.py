"""The folder of a run: what is written in it, and how it is read."""
