"""Groups of users: columns, bins, mainstreamness, and differences between groups."""
