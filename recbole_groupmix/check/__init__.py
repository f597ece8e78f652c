"""``groupmix check``: what is known about mixing before any model is trained."""
