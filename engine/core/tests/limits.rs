//! What can be counted has an end that is a reject, never a broken invariant.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the runner stops at the first surprise"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod story;

use story::World;
use tandem_core::command::{AmendOrder, Command, Origin};
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::*;

/// Amends an order to `qty`, without the checks that a story makes after each command.
fn amend(world: &mut World, order: u64, qty: u64) -> Event {
    let command = Command::AmendOrder(AmendOrder {
        account: world.core.account_by_name("alice").unwrap().id,
        market: MarketId(0),
        order_id: Some(OrderId(order)),
        client_order_id: ClientOrderId::EMPTY,
        new_qty: Qty(qty),
        new_client_order_id: ClientOrderId::EMPTY,
    });
    let (mut events, time) = (Vec::new(), world.core.time());
    let seq = Seq(world.core.seq().0 + 1);
    world.core.apply_command(seq, time, Origin::default(), &command, &mut events).unwrap();
    events.swap_remove(0)
}

#[test]
fn an_order_in_a_market_without_a_bound_on_amends_is_amended_as_often_as_can_be_counted() {
    let mut world = World::new();
    let lines = [
        "standard tick=1 lot=0.00000001",
        "place alice BTCUSDT sell limit 1 @ 100",
        "list alice BTCUSDT oco | sell stop_loss 1 stop=90 | sell maker 1 @ 110",
    ];
    lines.iter().for_each(|line| assert!(!world.run(line).unwrap().join("").contains("rejected"), "{line}"));
    for order in [1, 2] {
        let qty = |amends: u64| 100_000_000 - amends;
        for amends in 1..=u64::from(u16::MAX) {
            let said = amend(&mut world, order, qty(amends));
            assert!(matches!(said, Event::OrderAmended(_)), "{amends}: {said:?}");
        }
        let said = amend(&mut world, order, qty(u64::from(u16::MAX) + 1));
        assert_eq!(said, Event::Rejected { code: RejectCode::MaxNumOrderAmendsReached });
    }
    world.core.check().unwrap();
}
