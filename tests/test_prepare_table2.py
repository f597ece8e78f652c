import pytest

from recbole_groupmix.prepare.table2 import TABLE2, Reference, compare, format_comparison


def data_set(groups):
    """Users, interaction users and items of a data set with these (users, interactions)."""
    group_of_user, users, items = {}, [], []
    for group, (n_users, n_interactions) in groups.items():
        names = [f"{group}-{i}" for i in range(n_users)]
        group_of_user |= dict.fromkeys(names, group)
        users += [names[i % n_users] for i in range(n_interactions)]
        items += [str(i % 4) for i in range(n_interactions)]
    return group_of_user, users, items


@pytest.fixture
def toy_reference(monkeypatch):
    def install(digits=None):
        reference = Reference({"9": (2, 4), "10": (3, 1234)}, n_items=4, digits=digits)
        monkeypatch.setitem(TABLE2, "toy", reference)

    return install


def test_table_2_of_the_paper():
    ml_1m = TABLE2["ml-1m"]
    assert sum(users for users, _ in ml_1m.groups.values()) == 6040
    assert sum(n for _, n in ml_1m.groups.values()) == 1_000_209
    # The paper prints its counts of interactions to three digits.
    printed = ["2.72", "1.84", "3.96", "1.99", "8.36", "7.25", "3.88"]
    assert [f"{n:.2e}"[:4] for _, n in ml_1m.groups.values()] == printed
    lastfm = TABLE2["lastfm-asia"]
    assert sum(users for users, _ in lastfm.groups.values()) == 4320
    assert f"{sum(n for _, n in lastfm.groups.values()):.2e}" == "1.75e+06"


def test_exact_counts_agree_and_groups_are_in_order_of_number(toy_reference):
    toy_reference()
    comparison = compare("toy", *data_set({"10": (3, 1234), "9": (2, 4)}))
    assert [row.group for row in comparison.rows] == ["9", "10", "all"]
    assert [(row.users, row.interactions) for row in comparison.rows] == [
        (2, 4),
        (3, 1234),
        (2 + 3, 4 + 1234),
    ]
    assert [row.ok for row in comparison.rows] == [True, True, True]
    assert comparison.ok is True
    assert "agrees with Table 2" in format_comparison(comparison)


def test_counts_of_interactions_are_compared_exactly_or_to_three_digits(toy_reference):
    six_more = data_set({"9": (2, 4), "10": (3, 1240)})
    one_less = data_set({"9": (2, 4), "10": (3, 1233)})
    toy_reference()
    assert [row.ok for row in compare("toy", *six_more).rows] == [True, False, False]
    assert [row.ok for row in compare("toy", *one_less).rows] == [True, False, False]
    toy_reference(digits=3)
    # 1240 is 1.24e3 and not 1.23e3 as 1234; the totals 1244 and 1238 are both 1.24e3
    assert [row.ok for row in compare("toy", *six_more).rows] == [True, False, True]
    # 1233 and 1234 are 1.23e3, 1237 and 1238 are 1.24e3
    assert [row.ok for row in compare("toy", *one_less).rows] == [True, True, True]


def test_users_are_compared_exactly_also_where_interactions_are_rounded(toy_reference):
    toy_reference(digits=3)
    rows = compare("toy", *data_set({"9": (2, 4), "10": (4, 1234)})).rows
    assert [row.ok for row in rows] == [True, False, False]


def test_a_user_without_interactions_is_not_counted(toy_reference):
    toy_reference()
    group_of_user, users, items = data_set({"9": (2, 4), "10": (3, 1234)})
    assert compare("toy", {**group_of_user, "idle": "9"}, users, items).ok is True


def test_missing_and_unexpected_groups_and_items_are_shown(toy_reference):
    toy_reference()
    comparison = compare("toy", *data_set({"9": (2, 3), "x": (1, 2)}))
    assert [(row.group, row.users, row.expected_users, row.ok) for row in comparison.rows] == [
        ("9", 2, 2, False),
        ("10", 0, 3, False),
        ("x", 1, None, False),
        ("all", 3, 5, False),
    ]
    assert (comparison.n_items, comparison.expected_items) == (3, 4)
    text = format_comparison(comparison)
    assert text.splitlines() == [
        "group  users  Table 2  interactions  Table 2",
        "9          2        2             3        4  differs",
        "10         0        3             0    1,234  differs",
        "x          1        -             2        -  differs",
        "all        3        5             5    1,238  differs",
        "items: 3, expected 4; DIFFERS from Table 2 of the paper",
    ]


def test_a_data_set_that_the_paper_does_not_have_is_only_counted():
    comparison = compare("mine", {"u": "b", "v": "a"}, ["u", "u", "v"], ["1", "2", "1"])
    assert comparison.ok is None
    assert [row.ok for row in comparison.rows] == [None, None, None]
    assert format_comparison(comparison).splitlines() == [
        "group  users  interactions",
        "a          1             1",
        "b          1             2",
        "all        2             3",
        "items: 2",
    ]
