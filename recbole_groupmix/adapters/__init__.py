"""Adapters between RecBole 1.2.1 and the pure maths in :mod:`recbole_groupmix.core`."""
