"""Failover test job: circuits, VBRs or BGP peers are out on purpose for a while, to see the standby work.

In: nothing. Out: `FailoverTestJobSpec`. Next: `kinds.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import ResourceSpec, about

CREATE = "CreateFailoverTestJob"


class FailoverTestJobSpec(ResourceSpec, frozen=True, kw_only=True):
    """One test. It may be changed only before it starts; when its time is over everything is as before."""

    resource_kind: Annotated[
        Literal["circuit", "vbr", "bgp_peer"],
        about("What is taken out.", source=CREATE, api="ResourceType"),
    ] = "circuit"
    resources: Annotated[
        tuple[str, ...],
        about(
            "The circuits, VBRs or BGP peers, of one kind, at most 16.",
            source=CREATE,
            min_length=1,
            max_length=16,
            api="ResourceId",
        ),
    ]
    job_type: Annotated[
        Literal["start_now", "start_later"],
        about(
            "start_now: starts as soon as it is made. start_later: waits to be started.", source=CREATE, api="JobType"
        ),
    ] = "start_later"
    duration_min: Annotated[
        int,
        about("How long it lasts unless it is stopped.", source=CREATE, unit="min", ge=1, le=4320, api="JobDuration"),
    ] = 180
