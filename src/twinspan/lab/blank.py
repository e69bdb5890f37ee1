"""A blank lab on paper: the site's machines and cables, with nothing of the site in them yet.

In: a compiled `Deployment`. Out: the same one with a base config for each node: its ports and its management link, no
address, route, session or tunnel. Resources that are stored in the lab's cloud server make the rest. Next: `up.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from twinspan.engine.realisation import base_config
from twinspan.lab.state import LabPaths
from twinspan.model.deployment import Deployment
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import decode_hook

CONFIG = "config.json"
"""In a node's directory: where its agent keeps the config that runs."""


def blank(deployment: Deployment) -> Deployment:
    """What is built, and what is there to begin with."""
    configs = {node: base_config(config) for node, config in deployment.configs.items()}
    return msgspec.structs.replace(deployment, configs=configs)


def running(deployment: Deployment, paths: LabPaths) -> Deployment:
    """The deployment with the configs that the nodes keep now, wherever those came from."""
    found = dict(_running_configs(deployment, paths))
    return msgspec.structs.replace(deployment, configs=deployment.configs | found)


def _running_configs(deployment: Deployment, paths: LabPaths) -> Iterator[tuple[str, DeviceConfig]]:
    for node in deployment.configs:
        # An agent that has just begun may have none yet.
        with contextlib.suppress(OSError, msgspec.DecodeError):
            text = (paths.node(node) / CONFIG).read_bytes()
            yield node, msgspec.json.decode(text, type=DeviceConfig, dec_hook=decode_hook)
