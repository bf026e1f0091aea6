//! What one command does not get to, the node carries on with.

mod common;

use common::shared_log::{SharedLog, node_after};
use common::*;
use tandem_core::Core;
use tandem_core::codec;
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_core::types::{RELEASES_MAX, Seq, Side, TimeUs};
use tandem_journal::testing::FaultStorage;
use tandem_node::node::Node;

/// More than two commands get to.
const STOPS: u64 = 600;

/// Stop orders that all fire at one price, and enough bids for them.
fn armed() -> Vec<Command> {
    let stops = (0..STOPS).map(|_| Command::PlaceOrder(stop(limit(SELLER, Side::Sell, 0, 1), 90)));
    let mut commands = setup();
    commands.extend(stops);
    commands.extend([buy(90, 1), buy(80, 1000)]);
    commands
}

/// Fires all of them.
fn trigger() -> Command {
    sell(90, 1)
}

fn released(node: &Node, results: usize) -> usize {
    let events = batches(node, results).into_iter().flat_map(|batch| batch.events);
    events.filter(|event| matches!(event, Event::OrderReleased(_))).count()
}

fn open_orders(node: &Node) -> usize {
    node.replica().core().open_orders().count()
}

#[test]
fn a_cascade_longer_than_one_command_goes_on_by_itself() {
    let storage = FaultStorage::new();
    let opened = open(&storage);
    let node = &opened.node;
    run(node, armed());
    node.submit(&trigger()).expect("the queue has space");
    let taken = batches(node, 3);
    let outcomes: Vec<_> = taken.iter().flat_map(|batch| &batch.outcomes).collect();
    assert_eq!(outcomes.iter().map(|outcome| outcome.code).collect::<Vec<_>>(), [None; 3]);
    assert!(outcomes[0].number > 0 && outcomes[1].number == 0 && outcomes[2].number == 0);
    let released: Vec<usize> = taken
        .iter()
        .flat_map(|batch| batch.iter().map(|(_, events, _)| events))
        .map(|events| events.iter().filter(|event| matches!(event, Event::OrderReleased(_))).count())
        .collect();
    assert_eq!(released, [RELEASES_MAX, RELEASES_MAX, STOPS as usize - 2 * RELEASES_MAX]);
    assert_eq!((open_orders(node), stat(node, "release_runs")), (1, 2));
    // One at a time: none was sent in vain.
    assert_eq!(run(node, [sell(200, 1)])[0].seq, outcomes[2].seq + 1);
    let end = point(node);
    drop(opened);
    assert_eq!(point(&open(&storage).node), end);
}

/// A log that ends right after the trigger, and the core that has applied it.
fn cut_off() -> (SharedLog, Core) {
    let (log, mut core) = (SharedLog::default(), Core::new());
    for (command, seq) in armed().iter().chain([&trigger()]).zip(1..) {
        let mut payload = Vec::new();
        codec::encode(Origin { session: 5, number: seq }, command, &mut payload);
        core.apply(Seq(seq), TimeUs(1), &payload, &mut Vec::new()).expect("the core is sound");
        log.push(payload);
    }
    assert_eq!(core.releases(), STOPS as usize - RELEASES_MAX);
    (log, core)
}

#[test]
fn what_an_earlier_life_left_is_carried_on_with_at_the_start() {
    let (log, core) = cut_off();
    let node = node_after(&log, core, 11);
    assert_eq!(released(&node, 2), STOPS as usize - RELEASES_MAX);
    assert_eq!(open_orders(&node), 1);
}

#[test]
fn what_has_fired_may_use_what_is_kept_back_when_the_disk_is_full() {
    let (log, core) = cut_off();
    log.set_full(true, true);
    let node = node_after(&log, core, 11);
    assert_eq!(released(&node, 2), STOPS as usize - RELEASES_MAX);
    assert!(!node.is_accepting());
}

#[test]
fn what_found_no_room_at_all_is_carried_on_with_when_there_is_room() {
    let (log, core) = cut_off();
    log.set_full(true, false);
    let node = node_after(&log, core, 11);
    wait_until(|| !node.is_accepting());
    assert_eq!((open_orders(&node), stat(&node, "refused")), (STOPS as usize - RELEASES_MAX + 1, 0));
    log.set_full(false, false);
    assert_eq!(released(&node, 2), STOPS as usize - RELEASES_MAX);
    assert!(node.is_accepting());
}

#[test]
fn nodes_on_one_log_carry_on_together_and_come_to_one_digest() {
    let (log, core) = cut_off();
    let nodes = [node_after(&log, core.clone(), 11), node_after(&log, core, 22)];
    let is_done = |node: &Node| node.replica().core().releases() == 0;
    wait_until(|| nodes.iter().all(is_done));
    // Each may have sent some in vain, which comes to an end.
    let last = nodes[0].submit(&sell(200, 1)).expect("the queue has space");
    wait_until(|| nodes[0].poll(usize::MAX).iter().any(|batch| batch.outcomes.iter().any(|o| o.number == last)));
    wait_until(|| point(&nodes[0]) == point(&nodes[1]));
    assert_eq!(open_orders(&nodes[1]), 2);
}
