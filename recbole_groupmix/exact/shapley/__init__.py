"""Who pays for whom: Shapley values of groups for targets, with models in closed form."""
