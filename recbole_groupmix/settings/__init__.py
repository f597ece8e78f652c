"""The settings of a run: merged, checked, and final before anything is loaded."""
