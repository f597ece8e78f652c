"""A reader of atomic files in plain Python: what is left of the rows after every step of loading.

It knows neither pandas nor RecBole nor this package, so it can check all three.
"""

import csv
import io
from collections import Counter
from itertools import zip_longest


def columns(text):
    """Return the rows of a file, each a mapping of column names to cells, "" where missing."""
    head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    names = [cell.partition(":")[0] for cell in head]
    return [dict(zip_longest(names, row[: len(names)], fillvalue="")) for row in rows if any(row)]


def left(rows, users, least=1, least_of_item=1, labelled=False, by_file=True, once=False):
    """Return the rows that are left, and how many each step removed (idle steps left out).

    Rows are tuples of user, item and label.
    """
    steps = []

    def keep(kept):
        nonlocal rows
        steps.append(len(rows) - len(kept))
        rows = kept

    keep([row for row in rows if row[0] and row[1]])
    keep(list({row[:2]: row for row in reversed(rows)}.values())[::-1] if once else rows)
    keep([row for row in rows if row[0] in users] if by_file else rows)
    remaining = rows
    while True:
        of_user, of_item = (Counter(row[i] for row in remaining) for i in (0, 1))
        enough = [
            r for r in remaining if of_user[r[0]] >= least and of_item[r[1]] >= least_of_item
        ]
        if len(enough) == len(remaining):
            break
        remaining = enough
    keep(remaining)
    keep([row for row in rows if float(row[2]) >= 1] if labelled else rows)
    return rows, [n for n in steps if n]
