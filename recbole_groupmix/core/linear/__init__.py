"""Gram matrices of weighted users, EASE, and the gradient of its loss by the mix."""
