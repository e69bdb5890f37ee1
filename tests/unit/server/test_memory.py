"""The worker gives memory back after connections have ended, and leaves it alone otherwise."""

import asyncio
from collections.abc import Iterator

import pytest

from twinspan.server import memory


class Over(Exception):
    """The counts are used up."""


def given_after(counts: list[int], monkeypatch: pytest.MonkeyPatch) -> int:
    """How often memory was given back while these numbers of ended connections were seen, one at each look."""
    given: list[int] = []
    looks: Iterator[int] = iter(counts)

    async def no_pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    def ended_count() -> int:
        try:
            return next(looks)
        except StopIteration:
            raise Over from None

    def give_back(padding: int) -> int:
        given.append(padding)
        return 1

    monkeypatch.setattr(memory, "pause", no_pause)
    monkeypatch.setattr(memory, "_give_back", lambda: give_back)
    with pytest.raises(Over):
        asyncio.run(memory.keep_small(ended_count))
    return len(given)


def test_a_quiet_worker_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given_after([0, 3, 199, 199], monkeypatch) == 0


def test_what_many_connections_have_left_is_given_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given_after([5000, 5000, 5100, 5199], monkeypatch) == 1


def test_a_steady_coming_and_going_gives_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given_after([150, 300, 450, 600], monkeypatch) == 2


def test_this_systems_c_library_can_give_memory_back() -> None:
    give_back = memory._give_back()
    assert give_back is not None
    assert give_back(0) in (0, 1), "malloc_trim(3): whether there was any"
