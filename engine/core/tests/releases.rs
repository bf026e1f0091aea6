//! What one command may set off is bounded; the rest goes on with the next command.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the runner stops at the first surprise"
)]

mod story;

use story::World;
use tandem_core::types::RELEASES_MAX;

const STOPS: usize = RELEASES_MAX + 44;

fn released(said: &[String]) -> usize {
    said.iter().filter(|event| event.starts_with("released")).count()
}

/// A market at 100 in which alice has [`STOPS`] stops at 90, which all rest at 200 once they work; then a trade at 90.
fn stampede() -> (World, Vec<String>) {
    let mut world = World::new();
    let run = |world: &mut World, line: &str| world.run(line).unwrap();
    for line in ["standard", "place carol BTCUSDT sell limit 1 @ 100", "place bob BTCUSDT buy limit 1 @ 100"] {
        run(&mut world, line);
    }
    for _ in 0..STOPS {
        let said = run(&mut world, "place alice BTCUSDT sell stop_loss_limit 0.001 @ 200 stop=90");
        assert!(said[0].starts_with("accepted"), "{said:?}");
    }
    run(&mut world, "place bob BTCUSDT buy limit 1 @ 90");
    let said = run(&mut world, "place carol BTCUSDT sell limit 1 @ 90");
    (world, said)
}

#[test]
fn one_command_releases_so_many_and_the_next_accepted_one_goes_on() {
    let (mut world, said) = stampede();
    assert_eq!((released(&said), world.core.releases()), (RELEASES_MAX, STOPS - RELEASES_MAX));
    // The queue is part of the state.
    world.end().unwrap();
    assert_eq!(released(&world.run("cancel alice BTCUSDT #1").unwrap()), 0);
    assert_eq!(world.core.releases(), STOPS - RELEASES_MAX);
    let said = world.run("credit bob USDT 1").unwrap();
    assert_eq!((said[0].as_str(), released(&said)), ("credited bob USDT 1", STOPS - RELEASES_MAX));
    assert_eq!(world.run("run-releases").unwrap(), ["rejected nothing_to_release"]);
}

#[test]
fn what_was_cut_off_goes_on_by_itself() {
    let (mut world, _) = stampede();
    let said = world.run("run-releases").unwrap();
    assert_eq!((said.len(), released(&said)), (STOPS - RELEASES_MAX, STOPS - RELEASES_MAX));
    assert_eq!(world.run("run-releases").unwrap(), ["rejected nothing_to_release"]);
    world.end().unwrap();
}

#[test]
fn what_is_canceled_before_its_release_is_not_released() {
    let (mut world, _) = stampede();
    let said = world.run("cancel-all alice BTCUSDT").unwrap();
    assert_eq!((said.len(), released(&said), world.core.releases()), (STOPS, 0, 0));
    assert_eq!(world.run("run-releases").unwrap(), ["rejected nothing_to_release"]);
    world.end().unwrap();
}
