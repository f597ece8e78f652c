"""``groupmix run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, settings_of
from recbole_groupmix.cli.streams import answer, asker, saying

SUMMARY = "Search the mix that serves a target group best."
EXAMPLES = (
    "groupmix run --dataset=ml-100k --target=56",
    "groupmix run -d mine --group_field=country --target=FR -m LightGCN",
)
RESUMES = True


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add_flag(parser, "--yes", "start work of more than a day without asking first")
    add_flag(
        parser, "--report", "write the page of the run (the default; --report=False does not)"
    )
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        "protocol",
        *(
            "weighting",
            "trials",
            "search",
            "hours",
            "folds",
            "repeats",
            "mix",
            "rivals",
            "embedding_size",
            "topk",
            "seed",
        ),
        "workers",
        "output_dir",
        target="target group, a value of the group column (without it the groups are listed); "
        "all: every group at once (BPR, LightGCN and closed-form models)",
    )


def call(own: dict[str, Any], keys: Mapping[str, str]) -> int:
    """Run the search, print its table and where its files are."""
    draws_page = own.pop("report", True)
    settings = settings_of({**keys, **own})

    from recbole_groupmix.all_targets.index import index_table
    from recbole_groupmix.record.result_table import result_table
    from recbole_groupmix.run import run  # torch takes seconds to load

    with saying() as say:
        result = run(settings, say, asker())
    if "targets" in result:
        of_targets = [entry["folder"] for entry in result["targets"].values()]
        answer(index_table(result))
    else:
        of_targets = []
        answer(result_table(result))
    answer(f"\n{result['run_folder']}")
    if draws_page:
        from recbole_groupmix.report.after_run import page_of_run

        with saying() as say:
            page = page_of_run(result["run_folder"], of_targets, say)
        if page:
            answer(page)
    return 0
