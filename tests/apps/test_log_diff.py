"""Two directories compared: one exchange or two, where they part, and what is different then."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tandem.apps.cli import main
from tandem.platform.log_files import segments
from tests.apps.directories import PER_SEGMENT, make_directory, opened, snapshot, trade
from tests.engine.shard import BASE, SELLER, wait_for


def diff(a: Path, b: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["diff", str(a), str(b), *options])


def of_two(a: Path, b: Path) -> tuple[int, dict[str, object]]:
    told = diff(a, b, "--json")
    return told.exit_code, json.loads(told.stdout)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """107 commands; only read."""
    directory = tmp_path_factory.mktemp("start") / "data"
    directory.mkdir()
    make_directory(directory)
    return directory


def grown(start: Path, data: Path, orders: int, name: str) -> Path:
    shutil.copytree(start, data)
    with opened(data) as engine:
        trade(engine, orders, name)
    return data


def test_a_directory_is_equal_to_itself_and_to_its_own_beginning(start: Path, tmp_path: Path) -> None:
    longer = grown(start, tmp_path / "longer", 2 * PER_SEGMENT, "more")
    assert len(segments(longer)) > len(segments(start))
    for a, b in ((start, start), (start, longer), (longer, start)):
        code, found = of_two(a, b)
        assert (code, found["equal"], found["common_seq"]) == (0, True, 107)
        assert (found["first_difference"], found["state"]) == (None, {})
    code, found = of_two(longer, longer)
    assert (code, found["common_seq"]) == (0, 107 + 2 * PER_SEGMENT)


@pytest.mark.parametrize("agreed", [1, PER_SEGMENT + 500])
def test_the_first_command_that_differs_is_found(start: Path, tmp_path: Path, agreed: int) -> None:
    a = grown(start, tmp_path / "a", agreed, "same")
    b = grown(a, tmp_path / "b", PER_SEGMENT + 1_000, "new")
    with opened(a) as engine:
        trade(engine, PER_SEGMENT + 2_000, "newer")
    code, found = of_two(a, b)
    difference = found["first_difference"]
    assert isinstance(difference, dict)
    assert (code, found["same_exchange"], found["common_seq"]) == (1, True, 107 + agreed + PER_SEGMENT + 1_000)
    assert difference["seq"] == 107 + agreed + 1
    assert [difference[name]["fields"]["client_order_id"] for name in "ab"] == ["newer0", "new0"]
    assert f"the logs differ from seq {107 + agreed + 1} on\n" in diff(a, b).stdout


def test_balances_and_orders_that_differ_are_named(start: Path, tmp_path: Path) -> None:
    copies = [shutil.copytree(start, tmp_path / name) for name in "ab"]
    for copy, amount in zip(copies, (1, 2), strict=True):
        with opened(copy) as engine:
            engine.credit(SELLER, BASE, amount)
            engine.place_order(SELLER, 0, 1, 0, 0, 10**10, 100 * amount, 0, "mine", -1)
            wait_for(engine, 2)
    code, found = of_two(*copies)
    state = found["state"]
    assert isinstance(state, dict)
    assert (code, list(state)) == (1, ["accounts", "open_orders"])
    [account] = state["accounts"]
    assert account["id"] == SELLER
    assert account["a"]["balances"]["BTC"]["locked"] != account["b"]["balances"]["BTC"]["locked"]
    [order] = state["open_orders"]
    assert (order["a"]["qty"], order["b"]["qty"]) == ("0.00000100", "0.00000200")
    text = diff(*copies).stdout
    assert "open orders that differ: 1\n" in text
    assert "accounts that differ: 1\n" in text
    (line,) = (line for line in text.splitlines() if line.startswith(f"  {SELLER}: "))
    assert "'locked': " in line
    assert "name" not in line


def test_two_exchanges_are_two_even_when_they_did_the_same(start: Path, tmp_path: Path) -> None:
    make_directory(tmp_path)
    code, found = of_two(start, tmp_path)
    assert (code, found["same_exchange"], found["first_difference"]) == (1, False, None)
    assert "these are two exchanges\n" in diff(start, tmp_path).stdout


def test_a_log_whose_beginning_is_gone_is_compared_from_where_it_begins(start: Path, tmp_path: Path) -> None:
    long = shutil.copytree(start, tmp_path / "long")
    with opened(long) as engine:
        trade(engine, PER_SEGMENT, "more")
        snapshot(engine)
    short = shutil.copytree(long, tmp_path / "short")
    segments(short)[0].path.unlink()
    begin = segments(short)[0].first_seq
    assert of_two(long, short)[0] == 0
    other = grown(short, tmp_path / "other", 10, "x")
    with opened(long) as engine:
        trade(engine, 10, "y")
    code, found = of_two(other, long)
    difference = found["first_difference"]
    assert isinstance(difference, dict)
    assert (code, difference["seq"]) == (1, 107 + PER_SEGMENT + 1)
    assert begin > 107


def test_logs_that_part_before_what_is_left_are_said_to(start: Path, tmp_path: Path) -> None:
    copies = [grown(start, tmp_path / name, 10, name) for name in "ab"]
    for copy in copies:
        with opened(copy) as engine:
            trade(engine, PER_SEGMENT, "more")
            snapshot(engine)
    segments(copies[0])[0].path.unlink()
    begin = segments(copies[0])[0].first_seq
    code, found = of_two(*copies)
    assert (code, found["first_difference"]) == (1, {"seq": begin - 1, "or_before": True})
    assert f"the logs differ at seq {begin - 1} or before" in diff(*copies).stdout


def test_what_is_no_exchange_is_not_compared(start: Path, tmp_path: Path) -> None:
    told = diff(start, tmp_path)
    assert (told.exit_code, told.stderr) == (1, f"tandem: {tmp_path} holds no log of an exchange\n")
