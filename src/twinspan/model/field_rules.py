"""The rules that hold for every field of every kind; ranges, choices and formats stand in the declarations.

In: nothing. Out: `FIELD_RULES` and each rule by name. Next: `field_check.py`.
"""

from twinspan.model.fields import TWINSPAN
from twinspan.model.finding import Rule

UNKNOWN = Rule(id="R-FIELD-001", text="Only declared fields are allowed.", source=TWINSPAN)
MISSING = Rule(id="R-FIELD-002", text="A field without a default must be given.", source=TWINSPAN)
TYPE = Rule(id="R-FIELD-003", text="A value has the type of its field.", source=TWINSPAN)
RANGE = Rule(id="R-FIELD-004", text="A number lies in the range of its field.", source=TWINSPAN)
PROFILE = Rule(id="R-FIELD-005", text="A number lies in the range that the site's profile allows.", source=TWINSPAN)
CHOICE = Rule(id="R-FIELD-006", text="A field with fixed choices has one of them.", source=TWINSPAN)
ADDRESS = Rule(id="R-FIELD-007", text="An address or prefix is well formed and of the right family.", source=TWINSPAN)
HOST_BITS = Rule(id="R-FIELD-008", text="A prefix has no host bits set.", source=TWINSPAN)
LENGTH = Rule(id="R-FIELD-009", text="A text or list has the length that its field allows.", source=TWINSPAN)
RESERVED = Rule(id="R-FIELD-010", text="A number that is reserved for somebody else is not used.", source=TWINSPAN)
SECRET = Rule(id="R-FIELD-011", text="A key is a text, or names one file or environment variable.", source=TWINSPAN)
CHARACTER = Rule(
    id="R-FIELD-012",
    text="A text has no control characters, none that turn the direction of writing, and no half characters.",
    source=TWINSPAN,
)

FIELD_RULES = (
    UNKNOWN,
    MISSING,
    TYPE,
    RANGE,
    PROFILE,
    CHOICE,
    ADDRESS,
    HOST_BITS,
    LENGTH,
    RESERVED,
    SECRET,
    CHARACTER,
)
