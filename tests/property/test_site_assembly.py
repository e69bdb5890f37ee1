"""A site taken apart into resources and put together again is the same site."""

import msgspec
from hypothesis import given, settings
from msgspec.structs import replace
from tests.property.site_strategies import sites
from tests.unit.engine.resource_samples import stored

from twinspan.engine.admission.admit import admit
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.expand import expand
from twinspan.engine.reference_walk import references
from twinspan.engine.site_assembly import assemble, export
from twinspan.engine.site_drafts import disassemble
from twinspan.model.finding import has_errors
from twinspan.model.secret import Secret, encode_hook
from twinspan.model.site import Site, SiteFile


def without_marks(site: Site) -> Site:
    return replace(site, made=frozenset())


def compiled(site: Site) -> bytes:
    deployment = compile_site(site, keys_from({name: Secret(name) for name in wanted_keys(site)}))
    return msgspec.json.encode(deployment, enc_hook=encode_hook)


@settings(max_examples=80, deadline=None)
@given(site=sites())
def test_assembling_undoes_disassembling(site: Site) -> None:
    own, resources = stored(site)
    assembled = assemble(own, resources)
    assert without_marks(assembled.site) == without_marks(site)
    assert set(assembled.ids.values()) == {resource.id for resource in resources}
    assert without_marks(export(own, resources).site) == without_marks(site)


@settings(max_examples=40, deadline=None)
@given(site=sites())
def test_the_nodes_are_told_the_same(site: Site) -> None:
    if not has_errors(admit(site)):
        own, resources = stored(site)
        assembled = assemble(own, resources).site
        assert admit(assembled) == admit(site)
        assert compiled(assembled) == compiled(site)


@settings(max_examples=40, deadline=None)
@given(site=sites())
def test_expanding_again_adds_nothing(site: Site) -> None:
    fields = {field: getattr(site, field) for field in SiteFile.__struct_fields__}
    assert without_marks(expand(SiteFile(**fields))) == without_marks(site)


@settings(max_examples=40, deadline=None)
@given(site=sites())
def test_drafts_refer_to_drafts_before_them(site: Site) -> None:
    """Except for entries of route tables, whose attachments need the table first."""
    seen: set[str] = set()
    for draft in disassemble(site):
        for mention in references(draft.spec):
            assert mention.target in seen or mention.path.startswith("entries["), (draft.key, mention)
        seen.add(draft.key)
