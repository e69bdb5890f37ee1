"""`plan` compares with the lab of the same site, whatever that lab is called."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from twinspan.cli import plan as plan_module
from twinspan.cli.site import load_site, plan_deployment
from twinspan.model.errors import Rejected

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Lab to the site it was built from; a lab of no site cannot be opened."""
    made: dict[str, str] = {}

    def open_lab(name: str) -> SimpleNamespace:
        if not made[name]:
            raise Rejected("half-made")
        return SimpleNamespace(state=SimpleNamespace(site=made[name]), deployment=name)

    monkeypatch.setattr(plan_module, "lab_names", lambda: tuple(made))
    monkeypatch.setattr(plan_module, "open_lab", open_lab)
    return made


def test_a_lab_of_another_name_is_found_by_its_site(labs: dict[str, str]) -> None:
    labs |= {"broken": "", "other": "elsewhere", "demo": "two-spans"}
    assert plan_module._running("two-spans") == "demo"


def test_of_several_the_one_named_after_the_site_counts(labs: dict[str, str]) -> None:
    labs |= {"a": "two-spans", "two-spans": "two-spans"}
    assert plan_module._running("two-spans") == "two-spans"


def test_a_lab_with_the_sites_name_but_of_another_site_does_not_count(labs: dict[str, str]) -> None:
    labs |= {"two-spans": "elsewhere"}
    assert plan_module._running("two-spans") is None


def test_the_example_against_itself_changes_nothing() -> None:
    deployment = plan_deployment(load_site(EXAMPLE))
    assert {change.what for change in plan_module.plan_site(deployment, deployment).changes} == {"none"}
