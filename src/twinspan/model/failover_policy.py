"""Failover policy: when a span counts as dead and when traffic goes back.

In: nothing. Out: `FailoverPolicy`. Next: `site.py`.
"""

from typing import Annotated

from msgspec import Struct

from twinspan.model.fields import TWINSPAN, about


class ProbePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End-to-end probes, pinned to each span in both directions."""

    interval_ms: Annotated[int, about("Time between probes.", source=TWINSPAN, unit="ms", ge=10, le=60000)] = 500
    lost_threshold: Annotated[
        int, about("Probes lost in a row that make a span dead.", source=TWINSPAN, unit="probes", ge=1, le=100)
    ] = 3
    recover_threshold: Annotated[
        int, about("Probes answered in a row that make it alive again.", source=TWINSPAN, unit="probes", ge=1, le=1000)
    ] = 3
    large: Annotated[
        bool,
        about("Also send probes of full size: a span that loses only large packets hangs sessions.", source=TWINSPAN),
    ] = True
    targets: Annotated[
        tuple[str, ...],
        about("Further addresses in the cloud that must answer over the active span.", source=TWINSPAN, form="ipv4"),
    ] = ()


class FailbackPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Damping of the way back: each flap doubles the wait, a quiet time brings it back to the first value."""

    hold_down_s: Annotated[
        float, about("How long the active span must be whole first.", source=TWINSPAN, unit="s", ge=0, le=86400)
    ] = 5
    max_hold_down_s: Annotated[
        float, about("Longest wait after repeated flaps.", source=TWINSPAN, unit="s", ge=0, le=86400)
    ] = 300


class FailoverPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both halves."""

    probe: Annotated[ProbePolicy, about("Detection.", source=TWINSPAN)] = ProbePolicy()
    failback: Annotated[FailbackPolicy, about("The way back.", source=TWINSPAN)] = FailbackPolicy()
