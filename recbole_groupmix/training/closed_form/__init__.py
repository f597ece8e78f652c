"""The back end of models that are solved in closed form."""
