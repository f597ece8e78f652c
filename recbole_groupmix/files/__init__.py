"""Files that this package writes: whole or not at all, in places that were checked before."""
