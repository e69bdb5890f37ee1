"""Gaps of stored resources that mean what a site file says there: no difference.

Who makes resources one by one leaves open what `settle` fills whenever the site is put together; a site file has it
filled when it comes in. In: drafts and stored specs by key. Out: stored specs, filled where that is what is wanted.
Next: `site_changes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from twinspan.engine.reference_walk import references
from twinspan.engine.settle import settle
from twinspan.engine.site_assembly import put_together
from twinspan.engine.site_drafts import Draft, disassemble
from twinspan.model.fields import ResourceSpec
from twinspan.model.resource import Resource
from twinspan.model.site import SiteSpec


def with_gaps_filled(
    drafts: Mapping[str, Draft], stored: Mapping[str, Resource], specs: Mapping[str, ResourceSpec]
) -> Mapping[str, ResourceSpec]:
    """`specs` (the stored ones, references are keys) with each field as its draft has it that the site, put together
    from them, has so anyway."""
    own = next((one for one in stored.values() if isinstance(one.spec, SiteSpec)), None)
    if own is None:
        return specs
    site = put_together(own, [one for one in stored.values() if one is not own]).site
    filled = {draft.key: draft.spec for draft in disassemble(settle(site))}
    found = dict(specs)
    for key, spec in specs.items():
        # What refers to something else is not put together from these alone.
        if key in drafts and key in filled and all(mention.target in stored for mention in references(spec)):
            found[key] = _filled(spec, filled[key], drafts[key].spec)
    return found


def _filled(spec: ResourceSpec, filled: ResourceSpec, wanted: ResourceSpec) -> ResourceSpec:
    same = {
        field: getattr(wanted, field)
        for field in wanted.__struct_fields__
        if getattr(filled, field) == getattr(wanted, field) != getattr(spec, field)
    }
    return replace(spec, **same) if same else spec
