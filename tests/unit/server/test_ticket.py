"""A ticket is good once, and what is remembered of it goes when it is over."""

from twinspan.server.ticket import TicketOffice, TicketSettings
from twinspan.wire.cloud_connection.ticket import URL_TTL_NS


def an_office() -> TicketOffice:
    return TicketOffice(TicketSettings(base_url="wss://cloud.example:19443", key=b"k" * 32))


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def test_a_ticket_is_good_once() -> None:
    office = an_office()
    path = path_of(office.tunnel_url("", "S1", 1))
    first = office.redeem(path, 0)
    assert first is not None
    assert (first.serial, first.epoch) == ("S1", 1)
    assert office.redeem(path, 0) is None


def test_a_spent_ticket_is_remembered_until_it_is_over_and_not_longer() -> None:
    office = an_office()
    paths = [path_of(office.tunnel_url("", f"S{n}", 1)) for n in range(3)]
    ends = [ticket.expires_ns for path in paths if (ticket := office.redeem(path, 0))]
    office.sweep(ends[0])
    assert len(office._spent) == 2, "one of the three is over"
    assert [office.redeem(path, 0) for path in paths[1:]] == [None, None], "the others still count as spent"
    office.sweep(ends[-1] + URL_TTL_NS)
    assert not office._spent


def test_a_ticket_for_another_place_is_spent_and_gets_nothing() -> None:
    office = an_office()
    path = path_of(office.tunnel_url("", "S1", 1))
    assert office.redeem(path.replace("/tunnel?", "/service/config?"), 0) is None
    assert office.redeem(path, 0) is None
