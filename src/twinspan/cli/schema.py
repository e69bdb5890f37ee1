"""`twinspan schema`: the JSON Schema of the site file, made from the model.

In: nothing. Out: JSON on standard output, for editors and other programs. Next: `model.site`.
"""

from __future__ import annotations

import click

from twinspan.model.schema import schema_text


@click.command()
def schema() -> int:
    """Print the JSON Schema of the site file (for editors that complete and check as you type).

    \b
    Example:
      twinspan schema > site.schema.json
    """
    click.echo(schema_text())
    return 0
