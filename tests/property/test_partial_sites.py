"""A site that is being made, or unmade, has configs at every moment."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.property.site_strategies import sites
from tests.unit.engine.resource_samples import stored

from twinspan.engine.admission.admit import admit
from twinspan.engine.compile import compile_partial, compile_site, missing_parts
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.reference_walk import references
from twinspan.engine.site_assembly import assemble
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.device_config import DeviceConfig
from twinspan.model.finding import has_errors
from twinspan.model.resource import Resource
from twinspan.model.secret import Secret
from twinspan.model.site import Site
from twinspan.wire.bird import render_bird


def configs_of(site: Site) -> dict[str, DeviceConfig]:
    return compile_partial(site, keys_from({name: Secret(name) for name in wanted_keys(site)}))


def without(resources: list[Resource], gone: set[str]) -> list[Resource]:
    """The rest, without what refers to what is gone."""
    while True:
        along = {one.id for one in resources if any(m.target in gone for m in references(one.spec))} - gone
        if not along - {resources[-1].id}:
            return [one for one in resources if one.id not in gone]
        gone |= along


def as_the_cloud_makes_it(resource: Resource) -> Resource:
    """An attachment with neither association nor learning."""
    if not isinstance(resource.spec, AttachmentSpec):
        return resource
    return replace(resource, spec=replace(resource.spec, route_table_association=None, route_table_propagation=()))


@settings(max_examples=60, deadline=None)
@given(site=sites(), data=st.data())
def test_whatever_is_missing_the_rest_compiles(site: Site, data: st.DataObject) -> None:
    own, resources = stored(site)
    others = [one.id for one in resources if one is not own]
    left = without(resources, set(data.draw(st.lists(st.sampled_from(others), max_size=4))))
    if data.draw(st.booleans()):
        left = [as_the_cloud_makes_it(one) for one in left]
    blank = replace(own, spec=replace(own.spec, spans=()))  # type: ignore[call-arg]
    partial = assemble(blank, left).site
    configs = configs_of(partial)
    assert {"gateway", "pc", "services"} <= set(configs)
    for config in configs.values():
        if config.bgp is not None:
            render_bird(config, {}, log_path="bird.log")
    missing_parts(partial)


@settings(max_examples=30, deadline=None)
@given(site=sites())
def test_a_complete_site_lacks_nothing_and_compiles_to_the_same(site: Site) -> None:
    if not has_errors(admit(site)):
        keys = keys_from({name: Secret(name) for name in wanted_keys(site)})
        assert compile_partial(site, keys) == compile_site(site, keys).configs
        assert missing_parts(site) == ()
