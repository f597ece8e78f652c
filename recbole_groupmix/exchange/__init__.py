"""Tables of tried mixes, to and from other programs: export of a run's, fit of anybody's."""
