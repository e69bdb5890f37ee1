"""Makes devices what the stored resources of their site say: other wanted configs where something differs.

In: what is stored of a site, the configs that its devices are to have now. Out: other ones, and what stands in the way.
Next: `services.ConfigService` pushes them, `observe.py` brings back what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from twinspan.engine.realisation import Push, bindings, pushes
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import decode_hook, encode_hook
from twinspan.model.site import SiteSpec
from twinspan.server.config_store import ConfigTable
from twinspan.server.resources.site_watch import SiteKey, SiteResources
from twinspan.server.services import WantedConfig


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices of this server are a site's nodes."""

    bound: dict[str, str]
    """Node to serial."""
    present: dict[str, DeviceConfig]
    """By serial: what they are to be now."""
    problems: tuple[str, ...]


def place(table: ConfigTable, key: SiteKey, stored: SiteResources | None) -> Placed:
    """Find the devices of a site."""
    devices = stored.site.spec.devices if stored and isinstance(stored.site.spec, SiteSpec) else {}
    wanted = table.of_site(key.account, key.name, devices.values())
    present = {serial: _config(one) for serial, one in wanted.items()}
    bound, problems = bindings(key.name, devices, stored.others if stored else {}, present)
    return Placed(bound=bound, present=present, problems=problems)


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
    return WantedConfig(generation=push.config.generation, digest=config_digest(push.config), config=text)
