"""Makes devices what the stored resources of their site say: other wanted configs where something differs.

In: what is stored of a site, the configs that its devices are to have now. Out: other ones, and what stands in the way.
Next: `services.ConfigService` pushes them, `observe.py` brings back what came of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from twinspan.engine.realisation import Push, bindings, pushes
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.resource import Resource
from twinspan.model.secret import decode_hook, encode_hook
from twinspan.model.site import SiteSpec
from twinspan.server.config_store import ConfigTable
from twinspan.server.config_trial import TRIAL_S
from twinspan.server.resources.site_watch import SiteKey, SiteResources
from twinspan.server.services import WantedConfig


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices of this server are a site's nodes."""

    bound: dict[str, str]
    """Node to serial."""
    present: dict[str, DeviceConfig]
    """By serial: what they are to be now."""
    problems: tuple[str, ...]


def wanted_now(table: ConfigTable, key: SiteKey, stored: SiteResources | None) -> dict[str, WantedConfig]:
    """By serial: of all devices that may be nodes of the site."""
    return table.of_site(key.account, key.name, _devices(stored).values())


def basis_of(stored: SiteResources | None, wanted: Mapping[str, WantedConfig]) -> bytes:
    """A digest of everything that the realisation of a site rests on: the same again comes to the same again."""
    configs = sorted((serial, one.digest, one.refusal) for serial, one in wanted.items())
    resources = [] if stored is None else sorted(_as_of(one) for one in (stored.site, *stored.resources))
    others = [] if stored is None else sorted(stored.others.items())
    return hashlib.blake2b(msgspec.json.encode([configs, resources, others]), digest_size=16).digest()


def _as_of(resource: Resource) -> tuple[str, int, str]:
    return resource.id, resource.generation, resource.phase


def place(key: SiteKey, stored: SiteResources | None, wanted: Mapping[str, WantedConfig]) -> Placed:
    """Find the devices of a site."""
    present = {serial: _config(one) for serial, one in wanted.items()}
    bound, problems = bindings(key.name, _devices(stored), stored.others if stored else {}, present)
    return Placed(bound=bound, present=present, problems=problems)


def refusals(placed: Placed, wanted: Mapping[str, WantedConfig], told: Iterable[str]) -> tuple[str, ...]:
    """Of the site's devices: who does not have what it shall, and why. Who was just told has not tried yet."""
    found = []
    for node, serial in sorted(placed.bound.items()):
        why = wanted[serial].refusal if serial in wanted and serial not in told else ""
        if why:
            found.append(f"{node} (device {serial}) did not keep generation {wanted[serial].generation}: {why}")
    return tuple(found)


def _devices(stored: SiteResources | None) -> dict[str, str]:
    return stored.site.spec.devices if stored and isinstance(stored.site.spec, SiteSpec) else {}


def tell(table: ConfigTable, site: str, placed: Placed, configs: Mapping[str, DeviceConfig]) -> tuple[str, ...]:
    """Want of the devices what the site's nodes shall be; serials of those for whom that is news."""
    told = []
    for push in pushes(site, configs, placed.bound, placed.present):
        before = config_digest(placed.present[push.serial])
        # Should an administrator have given it another config meanwhile, the next look begins with that one.
        if table.replace(push.serial, before, _wanted(push)):
            told.append(push.serial)
    return tuple(told)


def _config(wanted: WantedConfig) -> DeviceConfig:
    return msgspec.json.decode(wanted.config, type=DeviceConfig, dec_hook=decode_hook)


def _wanted(push: Push) -> WantedConfig:
    text = msgspec.json.encode(push.config, enc_hook=encode_hook)
    digest, generation = config_digest(push.config), push.config.generation
    return WantedConfig(generation=generation, digest=digest, config=text, trial_s=TRIAL_S)
