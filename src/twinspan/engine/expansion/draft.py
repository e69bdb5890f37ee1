"""Adding to a site without touching what people wrote.

In: a site and what to add. Out: a new site, with the addition marked as made. Next: the steps beside this module.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from twinspan.model.fields import ResourceSpec
from twinspan.model.site import Site

SpecT = TypeVar("SpecT", bound=ResourceSpec)

EMPTY: tuple[object, ...] = ("", 0, None, ())


def is_empty(value: object) -> bool:
    """Whether a field that `expand` fills still waits for a value. False is a value."""
    return not isinstance(value, bool) and value in EMPTY


def add(site: Site, section: str, name: str, spec: ResourceSpec) -> Site:
    """Add a resource that the file does not have."""
    sections: dict[str, ResourceSpec] = getattr(site, section)
    return replace(site, **{section: {**sections, name: spec}}, made=site.made | {f"{section}.{name}"})


def fill(site: Site, section: str, name: str, **values: object) -> Site:
    """Give values to fields of a resource that are still empty."""
    sections: dict[str, ResourceSpec] = getattr(site, section)
    spec = sections[name]
    wanted = _missing(spec, values)
    if not wanted:
        return site
    made = {f"{section}.{name}.{field}" for field in wanted}
    return replace(site, **{section: {**sections, name: replace(spec, **wanted)}}, made=site.made | made)


def fill_part(site: Site, part: str, **values: object) -> Site:
    """The same for a part of the site itself: gateway, data_center."""
    value = getattr(site, part)
    wanted = _missing(value, values)
    if not wanted:
        return site
    made = {f"{part}.{field}" for field in wanted}
    return replace(site, **{part: replace(value, **wanted)}, made=site.made | made)


def _missing(value: object, values: Mapping[str, object]) -> dict[str, Any]:
    return {
        field: wanted for field, wanted in values.items() if is_empty(getattr(value, field)) and not is_empty(wanted)
    }


def only(specs: Mapping[str, SpecT], where: Callable[[SpecT], bool] = lambda _: True) -> str:
    """The name of the only one, or empty if there is none or a choice."""
    names = [name for name, spec in specs.items() if where(spec)]
    return names[0] if len(names) == 1 else ""


def first(specs: Mapping[str, SpecT], where: Callable[[SpecT], bool] = lambda _: True) -> str:
    """The name of the first one, or empty."""
    return next((name for name, spec in specs.items() if where(spec)), "")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or `wanted-2`, `wanted-3` where it is taken."""
    names = set(taken)
    number = 1
    name = wanted
    while name in names:
        number += 1
        name = f"{wanted}-{number}"
    return name
