from tandem.trading.retention import FairShare


def share(limit: int, floor: int = 1) -> tuple[FairShare[int], list[tuple[int, int]]]:
    dropped: list[tuple[int, int]] = []
    return FairShare(limit, lambda account, item: dropped.append((account, item)), floor=floor), dropped


def test_nothing_is_dropped_up_to_the_limit() -> None:
    memory, dropped = share(6)
    for item in range(6):
        memory.add(item % 2, item)
    assert (len(memory), dropped) == (6, [])


def test_one_account_alone_loses_its_oldest() -> None:
    memory, dropped = share(3)
    for item in range(5):
        memory.add(7, item)
    assert (len(memory), dropped) == (3, [(7, 0), (7, 1)])


def test_a_quiet_account_keeps_everything_beside_a_busy_one() -> None:
    memory, dropped = share(10)
    for item in range(4):
        memory.add(1, item)
    for item in range(100):
        memory.add(2, item)
    assert {account for account, _ in dropped} == {2}
    assert len(memory) == 10


def test_busy_accounts_share_equally_what_quiet_ones_leave() -> None:
    memory, dropped = share(10)
    memory.add(1, 0)
    memory.add(1, 1)
    for item in range(50):
        memory.add(2, item)
        memory.add(3, item)
    kept = {account: 50 - sum(1 for who, _ in dropped if who == account) for account in (2, 3)}
    assert kept == {2: 4, 3: 4}


def test_each_account_keeps_its_floor_whatever_the_limit() -> None:
    memory, dropped = share(4, floor=2)
    for account in range(5):
        for item in range(3):
            memory.add(account, item)
    kept = {account: 3 - sum(1 for who, _ in dropped if who == account) for account in range(5)}
    assert set(kept.values()) == {2}


def test_what_is_dropped_is_always_the_oldest_of_its_account() -> None:
    memory, dropped = share(64)
    for item in range(1000):
        memory.add(item % 7 if item % 3 else 0, item)
    for account in range(7):
        mine = [item for who, item in dropped if who == account]
        assert mine == sorted(mine)
    assert len(memory) <= 64
