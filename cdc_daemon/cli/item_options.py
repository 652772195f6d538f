"""Options that choose failed items by what they are."""

from __future__ import annotations

import click

status_option = click.option(
    "--status", metavar="STATUS", help="Only items that the sink refused with this code: 422."
)
words_option = click.option(
    "--words", metavar="TEXT", help="Only items whose answer has this text, in upper or lower case."
)
parked_option = click.option("--parked", is_flag=True, help="Only parked items, which wait for a person.")
