"""Failover test jobs in the compatible API.

In: the kind FailoverTestJob. Out: `JOB`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Create, Delete, Get, List, Perform, Update
from twinspan.wire.alibaba.listing import by_ids, by_name, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import as_text, choice, spelled, whole, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import JOB as WORDS
from twinspan.wire.alibaba.words import second, word

NS_PER_MIN = 60_000_000_000
_TYPES = {"PHYSICALCONNECTION": "circuit", "VIRTUALBORDERROUTER": "vbr", "BGPPEER": "bgp_peer"}
"""The SDK knows the first; the console has all three."""
_STARTS = {"StartNow": "start_now", "StartLater": "start_later"}


def _status(resource: Resource, _: View) -> str:
    return word(WORDS, resource.phase, capital=True)


def _start(resource: Resource, _: View) -> str:
    if resource.phase != "testing":
        return ""
    return second(resource.phase_until_ns - getattr(resource.spec, "duration_min", 0) * NS_PER_MIN)


def _stop(resource: Resource, _: View) -> str:
    return second(resource.phase_until_ns) if resource.phase == "testing" else ""


JOB = shape(
    "FailoverTestJob",
    id="JobId",
    absent="IllegalParam.JobId",
    tags="",
    reply_tags="",
    words=WORDS,
    capital=True,
    differ=(
        spelled("resource_kind", "ResourceType", choice(_TYPES), words_of(_TYPES)),
        spelled("job_type", "JobType", choice(_STARTS), words_of(_STARTS)),
        spelled("duration_min", "JobDuration", whole, as_text),
    ),
    without=("resource_group",),
    more={"StartTime": _start, "StopTime": _stop},
)

ACTIONS: tuple[Action, ...] = (
    Action(
        name="CreateFailoverTestJob",
        does=Create(JOB),
        needs=("JobDuration", "JobType", "ResourceId", "ResourceType"),
        region=False,
    ),
    Action(name="DescribeFailoverTestJob", does=Get(JOB, into="FailoverTestJobModel"), region=False),
    Action(
        name="DescribeFailoverTestJobs",
        does=List(
            JOB,
            into="FailoverTestJobList",
            keys={
                "JobId": by_ids(),
                "JobName": by_name(),
                "JobStatus": where(_status),
                "ResourceType": where(
                    lambda resource, _: words_of(_TYPES)(getattr(resource.spec, "resource_kind", ""))
                ),
            },
            paging="tokens",
            max_size=100,
        ),
        region=False,
    ),
    Action(name="StartFailoverTestJob", does=Perform(JOB, "start"), region=False),
    Action(name="StopFailoverTestJob", does=Perform(JOB, "stop"), region=False),
    Action(name="UpdateFailoverTestJob", does=Update(JOB), never=("JobType", "ResourceType"), region=False),
    Action(name="DeleteFailoverTestJob", does=Delete(JOB), region=False),
)
