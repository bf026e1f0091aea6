//! What the consumer is told: its own numbers, the levels that changed, the balances it watches.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::shared_log::{SharedLog, node_on};
use common::*;
use tandem_core::Core;
use tandem_core::command::{Command, PlaceOrder};
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, Amount, AssetId, Discount, ExchangeRules, FEE_ACCOUNT, Fees, MarketId, MarketRules, Price, RateE8, Seq,
    Side, Terms, TimeUs,
};
use tandem_journal::testing::FaultStorage;
use tandem_node::batch::{BalanceNow, Batch, BookChange};
use tandem_node::log::{Records, Tail};
use tandem_node::node::{Fatal, Node, Settings, Start};
use tandem_node::queue::SubmitError;
use tandem_node::replica::Replica;
use tandem_node::snapshots::Store;
use tandem_node::stats::Stats;

#[test]
fn nodes_on_one_log_come_to_one_digest_and_each_finds_its_own_results() {
    let log = SharedLog::default();
    let nodes = [node_on(&log, 11), node_on(&log, 22)];
    run(&nodes[0], setup());
    results(&nodes[1], 7);
    let mut numbers = [Vec::new(), Vec::new()];
    for n in 0..2000 {
        let who = (n % 3 == 0) as usize;
        numbers[who].extend(submit_all(&nodes[who], [nth_command(n)]));
    }
    for (node, sent) in nodes.iter().zip(&numbers) {
        let outcomes = results(node, 2000);
        let own: Vec<u64> = outcomes.iter().map(|outcome| outcome.number).filter(|number| *number > 0).collect();
        assert_eq!(&own, sent);
    }
    assert_eq!(point(&nodes[0]), point(&nodes[1]));
}

#[test]
fn a_command_that_the_log_holds_twice_is_applied_once() {
    let log = SharedLog::default();
    let node = node_on(&log, 11);
    run(&node, setup());
    let first = run(&node, [sell(100, 1)])[0];
    let again = log.last();
    log.push(again);
    let second = results(&node, 1)[0];
    assert_eq!((first.number, first.code), (8, None));
    assert_eq!((second.number, second.code), (8, Some(RejectCode::CommandRepeated)));
    assert_eq!(node.replica().core().open_orders().count(), 1);
}

#[test]
fn bytes_that_are_no_command_are_rejected_and_belong_to_nobody() {
    let log = SharedLog::default();
    let node = node_on(&log, 11);
    log.push(b"no command".to_vec());
    let outcome = results(&node, 1)[0];
    assert_eq!((outcome.number, outcome.code), (0, Some(RejectCode::CommandNotUnderstood)));
}

/// Has no entries and no patience.
struct BuggyTail;

impl Tail for BuggyTail {
    fn next(&mut self) -> Result<Option<Records>, String> {
        assert_eq!(1, 2, "planted");
        Ok(None)
    }
}

#[test]
fn a_thread_that_panics_ends_the_node() {
    let fatals = Fatals::default();
    let noted = Arc::clone(&fatals);
    let log = SharedLog::default();
    let (writer, _) = log.ends(0);
    let replica = Replica::new(Core::new(), 0, Some(1));
    let start = Start { replica, replay: None, store: None, snapshot_seq: 0 };
    let on_fatal = Arc::new(move |fatal| noted.lock().push(fatal));
    let settings = Settings { session: 1, queue_limit: 10, snapshot_every: 10, on_fatal };
    let node = Node::start(writer, BuggyTail, start, settings, Arc::new(Stats::default())).unwrap();
    wait_until(|| !node.is_accepting());
    node.close();
    assert_eq!(fatals.lock()[0].exit_code(), 70);
    assert!(format!("{:?}", fatals.lock()[0]).contains("planted"));
}

/// Takes snapshots without keeping them.
#[derive(Clone, Default)]
struct CountingStore(Arc<AtomicUsize>);

impl Store for CountingStore {
    fn write(&mut self, _: &Core, _: u128, _: &[u8]) -> Result<Result<Vec<String>, String>, String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Ok(Vec::new()))
    }
}

#[test]
fn a_broken_state_ends_the_node_and_gets_into_no_snapshot() {
    let mut core = Core::new();
    let apply = |core: &mut Core, seq| core.apply(Seq(seq), TimeUs(seq), b"no command", &mut Vec::new());
    apply(&mut core, 1).unwrap();
    let sound = core.clone();
    apply(&mut core, 7).unwrap_err();
    for (core, is_broken) in [(sound, false), (core, true)] {
        let fatals = Fatals::default();
        let (noted, store) = (Arc::clone(&fatals), CountingStore::default());
        let (writer, follower) = SharedLog::default().ends(0);
        let start = Start {
            replica: Replica::new(core, 0, Some(1)),
            replay: None,
            store: Some(Box::new(store.clone())),
            snapshot_seq: 0,
        };
        let on_fatal = Arc::new(move |fatal| noted.lock().push(fatal));
        let settings = Settings { session: 1, queue_limit: 10, snapshot_every: 10, on_fatal };
        let node = Node::start(writer, follower, start, settings, Arc::new(Stats::default())).unwrap();
        node.request_snapshot();
        wait_until(|| if is_broken { !node.is_accepting() } else { stat(&node, "snapshots") == 1 });
        node.close();
        assert_eq!(store.0.load(Ordering::SeqCst), usize::from(!is_broken));
        assert_eq!(
            fatals.lock().iter().map(Fatal::exit_code).collect::<Vec<_>>(),
            if is_broken { vec![70] } else { vec![] }
        );
    }
}

/// A book that is kept from changes alone.
#[derive(Default)]
struct Follow {
    version: u64,
    sides: [BTreeMap<u64, u128>; 2],
}

impl Follow {
    fn apply(&mut self, change: &BookChange) {
        assert_eq!(change.first_version, self.version + 1);
        self.version = change.last_version;
        for (side, levels) in self.sides.iter_mut().zip([&change.bids, &change.asks]) {
            for (price, total) in levels {
                match total {
                    0 => side.remove(&price.0),
                    total => side.insert(price.0, *total),
                };
            }
        }
        assert!(change.bids.is_sorted_by(|a, b| a.0 > b.0) && change.asks.is_sorted_by(|a, b| a.0 < b.0));
        let best = |level: Option<(&u64, &u128)>| level.map(|(price, total)| (*price, *total));
        assert_eq!(change.best_bid.map(|(price, total)| (price.0, total)), best(self.sides[0].last_key_value()));
        assert_eq!(change.best_ask.map(|(price, total)| (price.0, total)), best(self.sides[1].first_key_value()));
    }
}

#[test]
fn the_changes_of_every_batch_add_up_to_the_book() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup());
    let mut follow = Follow::default();
    let (mut released, mut amended, mut paired) = (0, 0, 0);
    for round in 0..300 {
        let size = 1 + round * 7 % 40;
        let numbers = submit_all(node, (0..size).map(|n| nth_command(round * 40 + n)));
        let taken = batches(node, numbers.len());
        taken.iter().flat_map(|batch| &batch.depth).for_each(|change| follow.apply(change));
        for event in taken.iter().flat_map(|batch| &batch.events) {
            released += usize::from(matches!(event, Event::OrderReleased(_)));
            amended += usize::from(matches!(event, Event::OrderAmended(_)));
            paired += usize::from(matches!(event, Event::ListClosed { .. }));
        }
        let depth = node.replica().core().depth(MARKET, usize::MAX).unwrap();
        let plain = |levels: &[(tandem_core::types::Price, u128)]| levels.iter().map(|(p, t)| (p.0, *t)).collect();
        assert_eq!(follow.version, depth.version);
        assert_eq!(follow.sides, [plain(&depth.bids), plain(&depth.asks)]);
    }
    assert!(follow.version > 3000, "the stream hardly touched the book");
    assert!(released.min(amended).min(paired) > 9, "{released} released, {amended} amended, {paired} pairs");
}

/// One order takes what so many accounts offer. Returns its batch and how long it was applied.
fn sweep(makers: u32, is_watched: bool) -> (Batch, u64) {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup());
    for start in (0..makers).step_by(5000) {
        let commands = (start..start + 5000).flat_map(|n| {
            let account = AccountId(3 + n);
            let credit = Command::Credit { account, asset: BASE, amount: Amount(100) };
            [Command::CreateAccount { name: format!("m{n}") }, credit, place(account, Side::Sell, 100, 1)]
        });
        run(node, commands);
    }
    for n in 0..makers {
        node.replica().watch(AccountId(3 + n), is_watched);
    }
    let before = stat(node, "apply_ns_total");
    node.submit(&buy(100, u64::from(makers))).expect("the queue has space");
    let batch = batches(node, 1).pop().expect("one result comes");
    (batch, stat(node, "apply_ns_total") - before)
}

#[test]
fn a_command_that_touches_many_watched_accounts_reads_each_balance_once() {
    let makers = 20_000;
    let (batch, took) = sweep(makers, true);
    let expected: Vec<_> = (0..makers)
        .flat_map(|n| {
            let now =
                |asset, free| BalanceNow { account: AccountId(3 + n), asset, free: Amount(free), locked: Amount(0) };
            [now(BASE, 0), now(QUOTE, 100)]
        })
        .collect();
    assert_eq!(batch.balances, expected);
    let (batch, unwatched) = sweep(makers, false);
    assert_eq!(batch.balances, []);
    // Looking through the list for each would take more than fifty times as long.
    assert!(took < 10 * unwatched + 100_000_000, "{took} ns with balances, {unwatched} ns without");
}

#[test]
fn results_carry_the_balances_of_watched_accounts_right_after_the_command() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup());
    node.replica().watch(BUYER, true);
    node.replica().watch(AccountId(70_000), true);
    submit_all(node, [sell(100, 2), buy(100, 1), buy(99, 1), buy(1, 0)]);
    let taken = batches(node, 4);
    let seen: Vec<_> = taken.iter().flat_map(|batch| batch.iter().map(|(_, _, balances)| balances.to_vec())).collect();
    assert!(seen[0].is_empty() && seen[3].is_empty(), "a foreign order and a reject touch nothing");
    assert_eq!(seen[1].iter().map(|now| (now.account, now.asset)).collect::<Vec<_>>(), [(BUYER, BASE), (BUYER, QUOTE)]);
    assert_eq!((seen[1][0].free.0, seen[1][1].locked.0), (100, 0));
    assert_eq!(seen[2][1].locked.0, 99 * 1_000_000 * 100 / 100_000_000);
    let core_now = node.replica().core().balance(BUYER, QUOTE);
    assert_eq!((seen[2][1].free, seen[2][1].locked), (core_now.free, core_now.locked));
    node.replica().watch(BUYER, false);
    submit_all(node, [place(BUYER, Side::Buy, 98, 1)]);
    assert!(batches(node, 1)[0].balances.is_empty());
}

/// (account, asset) of the balances that come with the last of some commands.
fn touched(node: &Node, commands: impl IntoIterator<Item = Command>) -> Vec<(u32, u32)> {
    let numbers = submit_all(node, commands);
    let taken = batches(node, numbers.len());
    let last = taken.last().and_then(|batch| batch.iter().last().map(|(_, _, balances)| balances.to_vec()));
    last.unwrap_or_default().iter().map(|now| (now.account.0, now.asset.0)).collect()
}

#[test]
fn an_order_that_another_accounts_trade_ends_touches_its_own_account() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup());
    let third = AccountId(3);
    run(node, [Command::CreateAccount { name: "third".into() }]);
    run(node, [Command::Credit { account: third, asset: BASE, amount: Amount(1 << 80) }]);
    let pair = oco(stop(limit(third, Side::Sell, 0, 1), 90), limit(third, Side::Sell, 150, 1));
    run(node, [sell(90, 1), buy(80, 10), pair]);
    [SELLER, BUYER, third].into_iter().for_each(|account| node.replica().watch(account, true));
    // The trade fires the third account's stop order, which trades in turn.
    assert_eq!(touched(node, [buy(90, 1)]), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
    node.replica().watch(SELLER, false);
    node.replica().watch(BUYER, false);
    assert_eq!(touched(node, [buy(70, 1)]), [], "it has nothing to do with that");
}

/// A second market of the same base, in a group with the first, and the account between the books with funds.
fn routed() -> Vec<Command> {
    let account = AccountId(3);
    let Some(Command::CreateMarket { rules, .. }) = setup().into_iter().nth(4) else { unreachable!() };
    let quote = AssetId(2);
    let credit = |asset| Command::Credit { account, asset, amount: Amount(1 << 80) };
    vec![
        Command::CreateAsset { code: "USDC".into(), name: "USDC".into(), decimals: 8 },
        Command::CreateMarket { symbol: "BTCUSDC".into(), base: BASE, quote, rules },
        Command::CreateAccount { name: "between".into() },
        credit(QUOTE),
        credit(quote),
        Command::SetSor { base: BASE, markets: vec![MARKET, MarketId(1)], account },
    ]
}

#[test]
fn a_routed_trade_touches_the_account_between_the_books_in_both_quote_assets() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup().into_iter().chain(routed()));
    let there = PlaceOrder { market: MarketId(1), ..limit(SELLER, Side::Sell, 100, 2) };
    run(node, [Command::PlaceOrder(there)]);
    [BUYER, AccountId(3)].into_iter().for_each(|account| node.replica().watch(account, true));
    let terms = Terms { use_sor: true, ..Terms::default() };
    let order = PlaceOrder { terms: Some(Box::new(terms)), ..limit(BUYER, Side::Buy, 100, 2) };
    let numbers = submit_all(node, [Command::PlaceOrder(order)]);
    let taken = batches(node, numbers.len());
    let now: Vec<_> = taken[0].balances.iter().map(|now| (now.account.0, now.asset.0, now.free.0)).collect();
    let (funds, cost) = (1_u128 << 80, 200);
    assert_eq!(now, [(2, 0, 200), (2, 1, (1 << 90) - cost), (3, 0, 0), (3, 1, funds + cost), (3, 2, funds - cost)]);
    // The other market's book has changed, not the order's own.
    assert_eq!(taken[0].depth.iter().map(|change| change.market).collect::<Vec<_>>(), [MarketId(1)]);
    assert_eq!(taken[0].depth[0].asks, [(Price(100_000_000), 0)]);
}

#[test]
fn a_fee_in_another_asset_touches_its_payer_and_the_account_of_fees_there() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    let (bnb, payer) = (AssetId(2), BUYER);
    let rate = |maker| Fees { maker: RateE8(maker), taker: RateE8(maker), ..Fees::default() };
    let Some(Command::CreateMarket { rules, .. }) = setup().into_iter().nth(4) else { unreachable!() };
    let rules = MarketRules { fees: rate(100_000), discount: true, ..*rules };
    let discount = Some(Discount { asset: bnb, rate: RateE8(75_000_000) });
    let account = Command::UpdateAccount {
        account: payer,
        can_trade: true,
        fees: None,
        trade_group: None,
        permissions: 1,
        discount: true,
    };
    run(
        node,
        setup().into_iter().chain([
            Command::CreateAsset { code: "BNB".into(), name: "BNB".into(), decimals: 8 },
            Command::CreateMarket { symbol: "BTCBNB".into(), base: BASE, quote: bnb, rules: Box::new(rules) },
            Command::UpdateMarket { market: MARKET, rules: Box::new(rules) },
            Command::UpdateExchange { rules: ExchangeRules { discount, ..ExchangeRules::default() } },
            Command::Credit { account: payer, asset: bnb, amount: Amount(1 << 80) },
            account,
            // The last price that fees are converted by.
            Command::PlaceOrder(PlaceOrder { market: MarketId(1), ..limit(SELLER, Side::Sell, 100, 100) }),
            Command::PlaceOrder(PlaceOrder { market: MarketId(1), ..limit(payer, Side::Buy, 100, 100) }),
            sell(100, 100),
        ]),
    );
    [payer, FEE_ACCOUNT].into_iter().for_each(|account| node.replica().watch(account, true));
    assert_eq!(touched(node, [buy(100, 100)]), [(0, 1), (0, 2), (2, 0), (2, 1), (2, 2)]);
}

#[test]
fn queries_get_their_turn_while_commands_stream_in() {
    let opened = open(&FaultStorage::new());
    let node = &opened.node;
    run(node, setup());
    let (n, mut seqs) = (100_000, Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for command in (0..n).map(nth_command) {
                while node.submit(&command) == Err(SubmitError::Overloaded) {
                    std::thread::yield_now();
                }
            }
        });
        let mut seen = 0;
        while seen < n {
            seqs.push(node.replica().core().seq().0);
            seen += node.poll(usize::MAX).iter().map(|batch| batch.outcomes.len() as u64).sum::<u64>();
        }
    });
    assert!(seqs.is_sorted());
    assert!(seqs.iter().any(|seq| *seq > 7 && *seq < 7 + n), "no query came between");
}
