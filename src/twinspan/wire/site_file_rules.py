"""What the text of a site file must be, before anything in it has a meaning.

In: nothing. Out: `FILE_RULES` and the limits. Next: `site_file.py`, which applies them.
"""

from twinspan.model.fields import TWINSPAN
from twinspan.model.finding import Rule

SIZE_LIMIT = 1 << 20
"""Largest site file in bytes. A site of every kind and comment stays below a tenth of it."""

DEPTH_LIMIT = 16
"""Deepest nesting; the declared kinds need seven levels."""

SIZE = Rule(id="R-FILE-001", text=f"A site file has at most {SIZE_LIMIT} bytes (1 MiB).", source=TWINSPAN)
ENCODING = Rule(id="R-FILE-002", text="A site file is UTF-8 text without control characters.", source=TWINSPAN)
TABS = Rule(id="R-FILE-003", text="Indentation is made of spaces.", source="YAML 1.2, 6.1")
SYNTAX = Rule(id="R-FILE-004", text="A site file is well-formed YAML.", source="YAML 1.2")
DUPLICATE = Rule(id="R-FILE-005", text="A name stands only once in its mapping.", source="YAML 1.2, 3.2.1.1")
ALIAS = Rule(id="R-FILE-006", text="Anchors, aliases and merge keys are not used.", source=TWINSPAN)
TAG = Rule(id="R-FILE-007", text="Tags (!...) are not used.", source=TWINSPAN)
DEPTH = Rule(id="R-FILE-008", text=f"Nesting is at most {DEPTH_LIMIT} levels deep.", source=TWINSPAN)
DOCUMENT = Rule(id="R-FILE-009", text="A site file is one document, and that is a mapping.", source=TWINSPAN)
KEY = Rule(id="R-FILE-010", text="A key is a plain name.", source=TWINSPAN)

FILE_RULES = (SIZE, ENCODING, TABS, SYNTAX, DUPLICATE, ALIAS, TAG, DEPTH, DOCUMENT, KEY)
