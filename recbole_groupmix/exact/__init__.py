"""What closed forms answer without a search: influence, gradients, profiles, similarity."""
