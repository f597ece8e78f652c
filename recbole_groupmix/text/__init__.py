"""Text for people: numbers, tables, and untrusted names made harmless."""
