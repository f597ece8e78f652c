"""Files: read bounded, written whole, in places that were checked before."""
