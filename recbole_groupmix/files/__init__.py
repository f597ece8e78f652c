"""Files: read up to a size limit, written atomically, at paths that were checked before."""
