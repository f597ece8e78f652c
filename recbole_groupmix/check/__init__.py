"""``groupmix check``: whether mixing can matter, before any model is trained."""
