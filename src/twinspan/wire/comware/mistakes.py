"""How many lines were refused, as far as the text that is shown tells.

In: what a terminal is shown, in pieces of any size. Out: a count, for exit codes. Next: `agent.shell`,
`cli.device_shell`.
"""

from __future__ import annotations

import re

_MISTAKE = re.compile(r"^ ?% ")
"""What is refused is said in sentences that begin with a percent sign."""
_NEEDED = 3
"""Characters of a line that tell."""


class MistakeCount:
    """Of one session."""

    def __init__(self) -> None:
        self.count = 0
        self._begun = ""
        """The first characters of the line that is being shown."""

    def take(self, text: str) -> None:
        """The next piece."""
        for number, line in enumerate(text.split("\n")):
            before = "" if number else self._begun
            self._begun = (before + line)[:_NEEDED]
            if not _MISTAKE.match(before) and _MISTAKE.match(self._begun):
                self.count += 1
