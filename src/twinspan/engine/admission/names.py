"""Names, descriptions and tags. What a kind's names may look like stands in `model.kinds`.

In: `Site`. Out: findings. Next: `overlap.py`.
"""

import re
from collections.abc import Iterator, Mapping

from twinspan.engine.admission.rule_book import Problem, counting_rule, rule
from twinspan.engine.quotas import limit_of
from twinspan.model.fields import SEED_STEP_1, TWINSPAN, ResourceSpec
from twinspan.model.finding import Path
from twinspan.model.kinds import SECTIONS, Kind
from twinspan.model.site import Site

TAG_VALUE_LENGTH = 128
DESCRIPTION_LENGTH = 256
_RESERVED_STARTS = ("aliyun", "acs:")
_LINKS = ("http://", "https://")
_SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\Z")


def _resources(site: Site) -> Iterator[tuple[Kind, str, ResourceSpec]]:
    for section, kind in SECTIONS.items():
        for name, spec in getattr(site, section).items():
            yield kind, name, spec


def name_fault(kind: Kind, name: str) -> str:
    """What is wrong with a name of that kind; empty: nothing."""
    form = kind.name_rule
    if not form.min_length <= len(name) <= form.max_length:
        return f"its length is {len(name)}; {form.min_length} to {form.max_length} are allowed"
    if name.startswith(_LINKS):
        return "it begins like a link"
    if form.letter_first and not name[0].isalpha():
        return "it does not begin with a letter"
    strange = [character for character in name if not character.isalnum() and character not in form.marks]
    return f"it contains {strange[0]!r}" if strange else ""


@rule("R-NAME-001", "A resource's name has the length and characters that its kind allows.", source=SEED_STEP_1)
def _names(site: Site) -> Iterator[Problem]:
    for kind, name, _ in _resources(site):
        fault = "" if f"{kind.section}.{name}" in site.made else name_fault(kind, name)
        if fault:
            form = kind.name_rule
            first = "a letter first, then " if form.letter_first else ""
            remedy = (
                f"{first}letters, digits and {' '.join(form.marks)}, {form.min_length} to {form.max_length} of them"
            )
            yield Problem((kind.section, name), fault, remedy, name)


@rule("R-NAME-002", "Site and span names are lower case letters, digits and hyphens, at most 31.", source=TWINSPAN)
def _site_names(site: Site) -> Iterator[Problem]:
    named: list[tuple[Path, str]] = [(("site",), site.site), (("gateway", "name"), site.gateway.name)]
    named += [(("spans", index, "name"), span.name) for index, span in enumerate(site.spans)]
    named += [(("data_center", "hosts", index, "name"), host.name) for index, host in enumerate(site.data_center.hosts)]
    for path, name in named:
        if not _SHORT_NAME.match(name):
            proposal = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:31] or "my-site"
            yield Problem(path, "it becomes part of host and process names", f"for example: {proposal}", name)


@rule("R-NAME-003", "A description has at most 256 characters and does not begin like a link.", source=SEED_STEP_1)
def _descriptions(site: Site) -> Iterator[Problem]:
    for kind, name, spec in _resources(site):
        path = (kind.section, name, "description")
        if len(spec.description) > DESCRIPTION_LENGTH:
            yield Problem(path, f"it has {len(spec.description)} characters", f"shorten it to {DESCRIPTION_LENGTH}")
        elif spec.description.startswith(_LINKS):
            yield Problem(path, "it begins like a link", "put a word before it", spec.description)


@counting_rule("R-TAG-001", "A resource has at most 20 tags, or what an operator allows.", source="TagResources")
def _tag_count(site: Site, limits: Mapping[str, int]) -> Iterator[Problem]:
    for kind, name, spec in _resources(site):
        if len(spec.tags) > limit_of("tags_per_resource", limits):
            yield Problem((kind.section, name, "tags"), f"it has {len(spec.tags)} tags", "remove some")


@rule(
    "R-TAG-002",
    "A tag key has at most 64 characters (128 for some kinds) and a value at most 128; neither begins with aliyun or "
    "acs: or contains http:// or https://.",
    source=SEED_STEP_1,
)
def _tags(site: Site) -> Iterator[Problem]:
    for kind, name, spec in _resources(site):
        for key, value in spec.tags.items():
            path = (kind.section, name, "tags", key)
            if fault := _tag_fault(key, kind.tag_key_length):
                yield Problem(path, f"the key {fault}", "choose another key")
            elif fault := _tag_fault(value, TAG_VALUE_LENGTH):
                yield Problem(path, f"the value {fault}", "choose another value", value)


def _tag_fault(text: str, longest: int) -> str:
    if len(text) > longest:
        return f"has {len(text)} characters, more than {longest}"
    start = next((start for start in _RESERVED_STARTS if text.lower().startswith(start)), "")
    if start:
        return f"begins with {start}, which the cloud keeps for itself"
    link = next((link for link in _LINKS if link in text.lower()), "")
    return f"contains {link}" if link else ""


RULES = (_names, _site_names, _descriptions, _tag_count, _tags)
