"""From settings to a result: assembly, training of mixes, search, run folder."""
