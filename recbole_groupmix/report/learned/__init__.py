"""The sections of a page on what a search learned: its surface, and what was known when."""
