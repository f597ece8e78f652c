"""Back ends: they train models on the user weights of a part."""
