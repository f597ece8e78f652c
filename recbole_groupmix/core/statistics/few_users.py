"""What intervals over few users hold, in words; the figures are those of docs/statistics.md."""

FEW_USERS = 30
"""Below this many measured users a table says what its intervals hold."""

MEANS_OF_FEW_USERS = (
    "In simulations the 95 % interval of a mean held the true one in 91 to 96 of 100 cases with 20 "
    "users, 88 to 94 with 10 and 76 to 92 with 5: the least where most users are at 0."
)
"""Coverage of the intervals of means."""

CHANGES_OF_FEW_USERS = (
    "In simulations the 95 % interval of a change held the true one in 92 to 100 of 100 cases with 5 "
    "to 30 users, but it is wide, and unbounded where many users are at 0; with fewer than 6 users "
    "nothing can be marked."
)
"""Coverage of the intervals of changes."""
