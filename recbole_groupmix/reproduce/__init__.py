"""``groupmix reproduce``: a grid of resumable runs, its cost beforehand and its page afterwards."""
