"""An alarm has a beginning and an end, each said once."""

from __future__ import annotations

from twinspan.engine.failover import Condition

DEAD = Condition(name="standby_dead", subject="vpn", detail="no probe answers")


def test_an_alarm_keeps_its_beginning_while_its_detail_changes(desk):
    desk.alarms.hold("failover", (DEAD,))
    (first,) = desk.alarms.alarms()
    desk.alarms.hold("failover", (Condition(name="standby_dead", subject="vpn", detail="link down"),))
    (second,) = desk.alarms.alarms()
    assert (second.since_ns, second.detail) == (first.since_ns, "link down")
    assert desk.told("failover") == [("alarm raised: standby_dead", "no probe answers")]


def test_what_no_longer_holds_is_cleared_and_said_once(desk):
    desk.alarms.hold("failover", (DEAD,))
    desk.alarms.hold("failover", ())
    desk.alarms.hold("failover", ())
    assert desk.alarms.alarms() == ()
    assert desk.told("failover")[1:] == [("alarm cleared: standby_dead", "vpn")]


def test_groups_do_not_clear_each_other(desk):
    desk.alarms.hold("failover", (DEAD,))
    desk.alarms.hold("node", ())
    assert [a.name for a in desk.alarms.alarms()] == ["standby_dead"]
