"""The declarations as others see them: schema, kinds, pages."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from twinspan.cli.site_file import check
from twinspan.engine.quotas import QUOTAS
from twinspan.model.field_plan import fields_of, structs_in
from twinspan.model.kinds import KINDS, SECTIONS, STORED_KINDS
from twinspan.model.schema import schema_text, site_schema
from twinspan.model.site import SiteFile

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "scripts" / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_field_says_what_it_is_and_who_says_so() -> None:
    for cls in structs_in(SiteFile):
        for field in fields_of(cls).values():
            if cls is SiteFile and field.name in SECTIONS:
                continue
            if cls.__name__ == "SecretSource":
                continue
            assert field.description.endswith("."), (cls, field.name)
            assert field.extra["source"], (cls, field.name)


def test_every_reference_names_a_kind() -> None:
    refs = {
        field.extra["ref"] for cls in structs_in(SiteFile) for field in fields_of(cls).values() if "ref" in field.extra
    }
    assert refs <= set(KINDS)


def test_every_section_is_a_kind() -> None:
    assert len(KINDS) == len(SECTIONS) == 20
    assert SECTIONS["virtual_border_routers"].name == "VirtualBorderRouter"


def test_every_default_lies_in_its_own_range() -> None:
    for cls in structs_in(SiteFile):
        for field in fields_of(cls).values():
            if field.required or "filled" in field.extra or field.default is None:
                continue
            if "range" in field.extra:
                low, high = field.extra["range"]
                assert low <= field.default <= high, (cls, field.name)
            for profile, (low, high) in field.extra.get("limits", {}).items():
                default = field.extra.get("defaults", {}).get(profile, field.default)
                assert low <= default <= high, (cls, field.name, profile)


def test_the_schema_knows_every_field_and_admits_no_other() -> None:
    schema = site_schema()
    for cls in structs_in(SiteFile):
        if cls.__name__ == "SecretSource":
            continue
        part = schema if cls is SiteFile else schema["$defs"][cls.__name__]
        assert set(part["properties"]) == set(fields_of(cls))
        assert part["additionalProperties"] is False


def test_the_schema_lets_a_key_be_a_text_or_a_place() -> None:
    options = site_schema()["$defs"]["SecretSource"]["anyOf"]
    assert [option["type"] for option in options] == ["string", "object", "object"]


def test_the_schema_shows_no_empty_default_of_a_field_that_is_filled() -> None:
    vbr = site_schema()["$defs"]["VirtualBorderRouterSpec"]["properties"]
    assert "default" not in vbr["local_gateway_ip"]
    assert vbr["vlan_id"]["default"] == 0


def test_the_schema_is_json() -> None:
    assert set(json.loads(schema_text())["required"]) == {"site", "data_center", "gateway", "vpcs"}


def test_the_reference_pages_are_fresh(generator: ModuleType) -> None:
    for name, text in generator.pages().items():
        on_disk = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert on_disk == text, f"{name} is stale: run scripts/generate_reference.py"


def test_every_rule_that_the_program_can_name_is_on_the_page_of_rules(generator: ModuleType) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = {rule for text in sources for rule in re.findall(r'"(R-[A-Z]+-[0-9]{3})"', text)}
    assert len(named) > 100
    assert [rule for rule in sorted(named) if f"`{rule}`" not in generator.rules_page()] == []


def test_every_stored_kind_and_every_quota_is_on_the_page_of_resources(generator: ModuleType) -> None:
    page = generator.resources_page()
    assert [kind.name for kind in STORED_KINDS.values() if f"\n## {kind.label}\n" not in page] == []
    assert [quota.name for quota in QUOTAS if f"| `{quota.name}` | {quota.limit} |" not in page] == []
    assert page.count("Only in the service") == len(STORED_KINDS) - len(KINDS)


def test_the_example_of_the_page_is_a_site_that_works(generator: ModuleType) -> None:
    result = check(generator.EXAMPLE.encode(), "site.yaml")
    assert result.site is not None
    assert result.findings == ()
    assert len(generator.EXAMPLE.splitlines()) <= 12
