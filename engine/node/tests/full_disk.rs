//! A disk that runs full: what is refused, what still gets in, and how room comes back.

mod common;

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::*;
use tandem_core::command::{CancelList, CancelOrder, Command};
use tandem_core::reject::RejectCode;
use tandem_core::types::{AccountId, CancelRestriction, ClientOrderId, ListId, Side};
use tandem_journal::testing::{FaultStorage, Op};
use tandem_node::batch::Refusal;
use tandem_node::node::Node;
use tandem_node::recovery::{Opened, Options};

const SEGMENT: u64 = 1 << 20;

/// Places orders until the disk is full; returns how many were taken.
fn fill(node: &Node) -> u64 {
    let mut taken = 0;
    while node.is_accepting() {
        let numbers = submit_all(node, (0..1000).map(|_| sell(200, 1)));
        taken += batches(node, numbers.len()).iter().map(|batch| batch.outcomes.len() as u64).sum::<u64>();
        assert!(taken < 100_000, "the disk never ran full");
    }
    taken
}

/// A shard whose disk takes no more than the segment and the spare that it has.
fn full() -> (FaultStorage, Opened) {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, options(&Fatals::default()));
    run(&opened.node, setup());
    // The spare has to be there first: it is made by a thread of the journal.
    wait_until(|| storage.used_bytes() >= 2 * SEGMENT);
    storage.set_capacity(Some(storage.used_bytes()));
    (storage, opened)
}

/// What came of one command: accepted, rejected, or refused.
fn outcome(node: &Node, command: &Command) -> Result<Option<RejectCode>, Refusal> {
    node.submit(command).expect("the queue has space");
    let batch = batches(node, 1).pop().expect("one answer");
    match batch.refused.first() {
        Some((_, refusal)) => Err(*refusal),
        None => Ok(batch.outcomes[0].code),
    }
}

fn cancel_list(account: AccountId, list: u64) -> Command {
    let (client_list_id, new_client_order_id) = (ClientOrderId::EMPTY, ClientOrderId::EMPTY);
    let list_id = Some(ListId(list));
    Command::CancelList(CancelList { account, market: MARKET, list_id, client_list_id, new_client_order_id })
}

/// Of an order of the seller.
fn restricted(order: u64, restriction: CancelRestriction) -> Command {
    match cancel(SELLER, order) {
        Command::CancelOrder(cancel) => Command::CancelOrder(CancelOrder { restriction: Some(restriction), ..cancel }),
        other => other,
    }
}

fn cancel_all(account: AccountId) -> Command {
    Command::CancelAll { account, market: MARKET, by_exchange: false }
}

#[test]
fn only_cancels_of_open_orders_use_what_is_kept_back_for_cancels() {
    let (_storage, opened) = full();
    let node = &opened.node;
    run(node, [sell(100, 1), buy(90, 1)]);
    fill(node);
    let full = Err(Refusal::DiskFull);
    let before = point(node);
    assert_eq!(outcome(node, &sell(100, 1)), full);
    assert_eq!(outcome(node, &cancel(SELLER, 999_999_999)), full, "no such order");
    assert_eq!(outcome(node, &cancel(BUYER, 1)), full, "somebody else's");
    assert_eq!(outcome(node, &cancel_all(AccountId(77))), full, "nobody's");
    assert_eq!(point(node), before, "nothing was written");
    assert_eq!(outcome(node, &cancel(SELLER, 1)), Ok(None));
    assert_eq!(outcome(node, &cancel(SELLER, 1)), full, "it is gone");
    assert_eq!(outcome(node, &cancel_all(BUYER)), Ok(None));
    assert_eq!(outcome(node, &cancel_all(BUYER)), full, "they are gone");
}

#[test]
fn a_cancel_of_a_list_uses_what_is_kept_back_and_one_that_its_state_forbids_does_not() {
    let (_storage, opened) = full();
    let node = &opened.node;
    let pair = |account: AccountId| oco(stop(limit(account, Side::Sell, 0, 1), 90), limit(account, Side::Sell, 150, 1));
    run(node, [pair(SELLER), pair(SELLER), sell(100, 4), buy(100, 1)]);
    fill(node);
    let full = Err(Refusal::DiskFull);
    let before = point(node);
    assert_eq!(outcome(node, &cancel_list(BUYER, 0)), full, "somebody else's");
    assert_eq!(outcome(node, &cancel_list(SELLER, 7)), full, "no such list");
    assert_eq!(outcome(node, &restricted(5, CancelRestriction::OnlyNew)), full, "it is filled in part");
    assert_eq!(outcome(node, &amend(SELLER, 5, 2)), full, "an amend is no cancel");
    assert_eq!(point(node), before, "nothing was written");
    assert_eq!(outcome(node, &restricted(5, CancelRestriction::OnlyPartiallyFilled)), Ok(None));
    assert_eq!(outcome(node, &cancel_list(SELLER, 0)), Ok(None));
    assert_eq!(outcome(node, &cancel_list(SELLER, 0)), full, "it is gone");
    assert_eq!(outcome(node, &cancel(SELLER, 3)), Ok(None), "an order of a list");
    assert_eq!(outcome(node, &cancel_list(SELLER, 1)), full, "the list went with it");
}

#[test]
fn a_cancel_that_is_repeated_in_one_batch_uses_what_is_kept_back_once() {
    let (_storage, opened) = full();
    let node = &opened.node;
    run(node, [sell(100, 1), sell(101, 1), buy(90, 1)]);
    fill(node);
    let before = point(node).0;
    let commands = (0..3000).map(|n| match n % 3 {
        0 => cancel(SELLER, 1),
        1 => cancel(SELLER, 2),
        _ => cancel_all(BUYER),
    });
    let numbers = submit_all(node, commands);
    let answers = batches(node, numbers.len());
    assert!(answers.iter().flat_map(|batch| &batch.outcomes).all(|outcome| outcome.code.is_none()));
    assert_eq!(point(node).0, before + 3);
    assert_eq!(node.replica().core().open_orders_of(BUYER, MARKET).count(), 0);
}

#[test]
fn room_comes_back_by_itself_when_the_log_is_longer_than_the_state() {
    let storage = FaultStorage::new();
    // No snapshot is due by count, and snapshots need what the log leaves to others.
    let options = Options { min_free_bytes: SEGMENT, ..options(&Fatals::default()) };
    let opened = open_with(&storage, options);
    let node = &opened.node;
    run(node, setup());
    wait_until(|| storage.used_bytes() >= 2 * SEGMENT);
    storage.set_capacity(Some(storage.used_bytes() + 3 * SEGMENT));
    run(node, (0..1000).map(|_| buy(90, 1)));
    let (mut fulls, mut bids) = (0, 1..=1000);
    // Each order is cancelled, so that the state stays small, while the log becomes many times as long as the disk.
    for _ in 0..120 {
        let commands = (0..1000).flat_map(|_| [sell(200, 1), cancel_all(SELLER)]);
        let numbers = submit_all(node, commands);
        batches(node, numbers.len());
        if !node.is_accepting() {
            fulls += 1;
            // The snapshot that is asked for when the last segment begins may come late here, where a segment is full in
            // no time. Then the log has to grow by something before there can be another one.
            let mut last = Instant::now();
            wait_until(|| {
                if last.elapsed() > Duration::from_millis(50) && !node.is_accepting() {
                    last = Instant::now();
                    assert_eq!(outcome(node, &cancel(BUYER, bids.next().unwrap())), Ok(None));
                }
                node.is_accepting()
            });
        }
    }
    assert!(fulls < 60, "{fulls} times full");
    assert!(point(node).0 * 130 > 12 * SEGMENT, "the log hardly grew: {:?}", point(node));
    assert!(stat(node, "snapshots") > 2);
    assert_eq!((stat(node, "snapshots_failed"), stat(node, "findings")), (0, 0));
    let before = point(node);
    drop(opened);
    assert_eq!(point(&open(&storage).node), before);
}

#[test]
fn a_disk_that_runs_full_without_any_snapshot_makes_room_though_nothing_more_is_sent() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, options(&Fatals::default()));
    let node = &opened.node;
    run(node, setup());
    wait_until(|| storage.used_bytes() >= 2 * SEGMENT);
    // Some sectors are left beside the segments; a snapshot takes two.
    storage.set_capacity(Some(storage.used_bytes() + 2 * SEGMENT + 4096));
    while node.is_accepting() {
        let numbers = submit_all(node, (0..500).flat_map(|_| [sell(200, 1), cancel_all(SELLER)]));
        batches(node, numbers.len());
        let segments = storage.names().iter().filter(|name| name.ends_with(".log")).count();
        // The first snapshot is asked for when the last segment begins; here that would be full in no time.
        wait_until(|| segments < 4 || stat(node, "snapshots") > 0);
    }
    wait_until(|| node.is_accepting());
}

#[test]
fn a_snapshot_that_failed_is_tried_again_soon() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { snapshot_every: 100, ..options(&Fatals::default()) });
    let node = &opened.node;
    run(node, setup());
    storage.fail(Op::Rename, 0, io::ErrorKind::Other, false);
    let numbers = submit_all(node, (0..150).map(|_| sell(200, 1)));
    batches(node, numbers.len());
    wait_until(|| stat(node, "snapshots_failed") == 1);
    wait_until(|| stat(node, "snapshots") == 1);
    assert_eq!(stat(node, "snapshot_seq"), point(node).0, "nothing was sent meanwhile");
}

#[test]
fn what_pruning_finds_is_counted_once_and_is_no_failure_of_the_snapshot() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { snapshot_every: 100, ..options(&Fatals::default()) });
    let node = &opened.node;
    run(node, setup());
    let take = |n: u64| {
        let numbers = submit_all(node, (0..100).map(|_| sell(200, 1)));
        batches(node, numbers.len());
        wait_until(|| stat(node, "snapshots") == n);
    };
    take(1);
    take(2);
    assert_eq!(stat(node, "findings"), 0);
    let oldest = storage.names().into_iter().find(|name| name.ends_with(".snap")).unwrap();
    storage.flip_bit(&oldest, 8 * 200);
    take(3);
    wait_until(|| stat(node, "findings") == 1);
    take(4);
    take(5);
    assert_eq!(stat(node, "findings"), 1, "the same one is not counted again");
    storage.fail(Op::Remove, 0, io::ErrorKind::Other, false);
    take(6);
    wait_until(|| stat(node, "findings") == 2);
    assert_eq!(stat(node, "snapshots_failed"), 0);
}

const IS_CHILD: &str = "TANDEM_TEST_IS_CHILD";

#[test]
fn a_quota_that_looks_like_room_is_not_reported_again_and_again() {
    const TEST: &str = "a_quota_that_looks_like_room_is_not_reported_again_and_again";
    if std::env::var_os(IS_CHILD).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([TEST, "--exact", "--nocapture"]).env(IS_CHILD, "1").stdout(Stdio::null());
        let output = child.stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let about_room = |line: &&str| line.contains("taking cancels only") || line.contains("there is room");
        assert_eq!(said.lines().filter(about_room).count(), 1, "{said}");
        return;
    }
    let (storage, opened) = full();
    let node = &opened.node;
    fill(node);
    // There are bytes, but no file may be made.
    storage.fail(Op::Create, 0, io::ErrorKind::QuotaExceeded, true);
    storage.set_capacity(None);
    for _ in 0..3 {
        wait_until(|| node.is_accepting());
        fill(node);
    }
}
