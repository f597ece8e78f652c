"""A page about finished runs, from the files of their folders: neither RecBole nor torch."""
