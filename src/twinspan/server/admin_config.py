"""The part of the admin API that is about what devices shall be and are: /devices/{serial}/config and /report.

In: calls. Out: a wanted config is kept and its device told within half a second, whichever worker it is connected to;
what is said of it has no secret in it. Reports are those of devices of this worker. Next: `config_store.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import encode_hook
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.config_trial import TRIAL_S
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.services import WantedConfig

MAX_TRIAL_S = 3600


async def show_config(call: Call) -> Result:
    """GET /devices/{serial}/config: which one is wanted, and whether the device has taken it"""
    found = call.office.configs.state(call.device().serial)
    if found is None:
        raise ProblemRaised(problem(404, "no-config", "No config is wanted of this device", remedy="give it one: PUT"))
    return Result(value=found)


async def put_config(call: Call) -> Result:
    """PUT /devices/{serial}/config?trial_s=60, a whole DeviceConfig: 202, the device is told as soon as it is there

    It goes back by itself if the config does not prove itself within `trial_s` seconds; 0: it is for good at once.
    """
    trial_s = call.number("trial_s", TRIAL_S, MAX_TRIAL_S, 0)
    serial, config = call.device().serial, call.read(DeviceConfig)
    text = msgspec.json.encode(config, enc_hook=encode_hook)
    wanted = WantedConfig(generation=config.generation, digest=config_digest(config), config=text, trial_s=trial_s)
    call.office.configs.want(serial, wanted)
    return Result(value=call.office.configs.state(serial), status=202)


async def show_report(call: Call) -> Result:
    """GET /devices/{serial}/report: the newest"""
    row = call.device()
    report = call.office.reports.get(row.serial)
    if report is None:
        where = f"it is connected to {row.worker}" if row.worker else "it is not connected"
        remedy = "ask again in a moment; with several workers, ask the one it is connected to on that one's own port"
        raise ProblemRaised(problem(404, "no-report", "No report is here", detail=where, remedy=remedy))
    return Result(value=msgspec.Raw(report))


_ONE = "/devices/{serial}"
ROUTES = (
    Route(method="GET", path=f"{_ONE}/config", function=show_config),
    Route(method="PUT", path=f"{_ONE}/config", function=put_config),
    Route(method="GET", path=f"{_ONE}/report", function=show_report),
)
