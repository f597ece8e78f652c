"""Text for people: numbers, tables, and names of others made harmless."""
