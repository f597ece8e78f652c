"""Any metric, any group, per user, in any RecBole project."""
