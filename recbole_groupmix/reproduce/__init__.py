"""``groupmix reproduce``: a grid of resumable runs, or a study; its cost beforehand and its page afterwards."""
