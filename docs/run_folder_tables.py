"""Write the tables of docs/run_folder.md from the types of the records.

python docs/run_folder_tables.py
"""

import ast
import re
import types
import typing
from pathlib import Path

from recbole_groupmix.core import mix
from recbole_groupmix.record import check_schema, fold_schema, result_schema, schema, study_cell
from recbole_groupmix.reproduce import costs, finished_cells

PAGE = Path(__file__).resolve().parent.parent / "docs" / "run_folder.md"
MODULES = (
    *(mix, schema, fold_schema, result_schema, check_schema),
    *(finished_cells, costs, study_cell),
)
RECORDS = {
    name: record
    for module in MODULES
    for name, record in vars(module).items()
    if typing.is_typeddict(record) and record.__module__ == module.__name__
}
#: A place of the page that this program fills: the fields of one record.
PLACE = re.compile(r"(<!-- fields of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_PLAIN = {str: "text", bool: "true or false", int: "whole number", float: "number"}
#: Fields that a class body cannot have, by their record: they are no names of Python.
_NO_NAMES = {
    "_Lambda": {"lambda": "EASE's L2 weight, by target."},
    "_Ndcg": {"ndcg@20": "The NDCG@20 of each of these users."},
}


def sentences():
    """Return by record its own fields with their sentences, and its bases."""
    fields_and_bases = {}
    for module in MODULES:
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name in RECORDS:
                fields = {
                    field.target.id: " ".join(said.value.value.split())
                    for field, said in zip(node.body, node.body[1:], strict=False)
                    if isinstance(field, ast.AnnAssign) and isinstance(said, ast.Expr)
                }
                fields_and_bases[node.name] = fields, [base.id for base in node.bases]
    return fields_and_bases


def said(record, known=None):
    """Return the sentences of all fields of a record, those of its bases first."""
    known = known or sentences()
    if record not in known:
        return _NO_NAMES.get(record, {})
    fields, bases = known[record]
    return {k: v for base in bases for k, v in said(base, known).items()} | fields


def words(kind):
    """Return a type in words; a record is a link to its table."""
    if typing.get_origin(kind) is typing.Annotated:
        kind, *bounds = typing.get_args(kind)
        inner = typing.get_args(kind)
        if typing.get_origin(kind) is list:
            return f"{words(kind)}, at least {bounds[0].removeprefix('>= ')}"
        if types.NoneType in inner:
            return f"{words(inner[0])} {bounds[0]} or null"
        return f"{words(kind)} {' '.join(bounds)}"
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is list:
        return f"list of {words(inner[0])}"
    if typing.get_origin(kind) is dict:
        return f"by name: {words(inner[1])}"
    if types.NoneType in inner:
        return f"{words(inner[0])} or null"
    if typing.is_typeddict(kind):
        name = kind.__name__
        return "object" if name.startswith("_") else f"[{name}](#{name.lower()})"
    return "anything" if kind is typing.Any else _PLAIN[kind]


def table(name):
    """Return the fields of a record as a table of Markdown."""
    record, meaning = RECORDS[name], said(name)
    lines = ["| field | type | meaning |", "| --- | --- | --- |"]
    for field, kind in typing.get_type_hints(record, include_extras=True).items():
        optional = "" if field in record.__required_keys__ else " (optional)"
        lines.append(f"| `{field}`{optional} | {words(kind)} | {meaning[field]} |")
    return "\n".join(lines)


def filled(text):
    """Return the page with new tables."""
    return PLACE.sub(lambda place: f"{place[1]}{table(place[2])}\n{place[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
