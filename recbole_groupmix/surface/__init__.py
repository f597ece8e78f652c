"""What a search learns from tried mixes: coordinates, a surface, belief; with numpy and scipy alone."""
