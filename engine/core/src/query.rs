//! Questions about a core's state.

use crate::book::{Handle, Lots};
use crate::core::Core;
use crate::event::{AcceptedExtra, OrderAccepted};
use crate::ledger::{AssetFunds, Balance};
use crate::lists::OrderList;
use crate::market::Market;
use crate::orders::Place;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, ExchangeRules, ListId, MarketId, OrderId, OrderState, Price, Qty, Seq,
    Side, Terms, TimeInForce, TimeUs,
};
use crate::view::{Account, Asset, Depth, MarketView, OpenOrder, OpenOrderList, ReferencePrice, SorView};
use crate::waiting::{Extra, Waiting};

impl Core {
    /// Seq of the last command.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// Time of the last command.
    pub const fn time(&self) -> TimeUs {
        self.time
    }

    /// The running hash over all events so far.
    pub const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// All assets by id.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The asset with this code.
    pub fn asset_by_code(&self, code: &str) -> Option<&Asset> {
        self.assets.get(*self.asset_codes.get(code)? as usize)
    }

    /// All accounts by id; the first one is the fee account.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account with this name.
    pub fn account_by_name(&self, name: &str) -> Option<&Account> {
        self.accounts.get(self.find_name(name)?.0 as usize)
    }

    /// All markets by id.
    pub fn markets(&self) -> impl ExactSizeIterator<Item = MarketView<'_>> {
        self.markets.iter().map(view_of)
    }

    /// The market with this id.
    pub fn market(&self, market: MarketId) -> Option<MarketView<'_>> {
        self.market_at(market).map(view_of)
    }

    /// The market with this symbol.
    pub fn market_by_symbol(&self, symbol: &str) -> Option<MarketView<'_>> {
        self.market(MarketId(*self.symbols.get(symbol)?))
    }

    fn market_at(&self, market: MarketId) -> Option<&Market> {
        self.markets.get(market.0 as usize)
    }

    /// An account's balances in the assets it ever had, also where nothing is left, by asset id.
    pub fn balances(&self, account: AccountId) -> impl Iterator<Item = (AssetId, Balance)> {
        self.ledger.wallet(account).map(|wallet| wallet.balances()).unwrap_or_default().iter().copied()
    }

    /// An account's balance of one asset; zero where there is none.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        self.ledger.balance(account, asset)
    }

    /// The best `limit` levels of each side.
    pub fn depth(&self, market: MarketId, limit: usize) -> Option<Depth> {
        let market = self.market_at(market)?;
        let book = &market.orders.book;
        let levels = |side| {
            let priced = book.levels(side).map(|(ticks, total)| (market.price(ticks), base_units(market, total)));
            priced.take(limit).collect()
        };
        Some(Depth { version: book.version(), bids: levels(Side::Buy), asks: levels(Side::Sell) })
    }

    /// Total quantity at a price, 0 when nothing rests there.
    pub fn level(&self, market: MarketId, side: Side, price: Price) -> u128 {
        let Some(market) = self.market_at(market) else { return 0 };
        let total = market.ticks(price).map_or(0, |ticks| market.orders.book.level_total(side, ticks));
        base_units(market, total)
    }

    /// How often a market's book has changed; 0 for no market.
    pub fn book_version(&self, market: MarketId) -> u64 {
        self.market_at(market).map_or(0, |market| market.orders.book.version())
    }

    /// All open orders of any state, by market and then by order id.
    pub fn open_orders(&self) -> impl Iterator<Item = OpenOrder> {
        self.markets.iter().flat_map(|market| {
            let mut orders: Vec<(OrderId, Place)> = market.orders.places().collect();
            orders.sort_unstable_by_key(|(id, _)| *id);
            orders.into_iter().filter_map(|(_, place)| open_order(market, place))
        })
    }

    /// An account's open orders in a market, oldest first.
    pub fn open_orders_of(&self, account: AccountId, market: MarketId) -> impl Iterator<Item = OpenOrder> {
        let list = self.ledger.wallet(account).and_then(|wallet| wallet.open_list(market));
        let mut next = list.and_then(|list| list.first());
        let market = self.market_at(market);
        std::iter::from_fn(move || {
            let (market, place) = (market?, next?);
            next = market.orders.next_of_account(place);
            open_order(market, place)
        })
    }

    /// The open order with this id.
    pub fn open_order(&self, market: MarketId, order: OrderId) -> Option<OpenOrder> {
        let market = self.market_at(market)?;
        open_order(market, market.orders.find(order)?)
    }

    /// The account's open order with this client order id.
    pub fn open_order_by_client_id(
        &self,
        account: AccountId,
        market: MarketId,
        id: &ClientOrderId,
    ) -> Option<OpenOrder> {
        if id.is_empty() {
            return None;
        }
        let market = self.market_at(market)?;
        open_order(market, market.orders.find_client(account, id)?)
    }

    /// All open order lists, by id.
    pub fn open_lists(&self) -> impl Iterator<Item = OpenOrderList> {
        self.lists.by_id.values().map(open_list)
    }

    /// The open order list with this id.
    pub fn open_list(&self, list: ListId) -> Option<OpenOrderList> {
        self.lists.get(list).map(open_list)
    }

    /// The account's open order list with this client list id.
    pub fn open_list_by_client_id(&self, account: AccountId, id: &ClientOrderId) -> Option<OpenOrderList> {
        if id.is_empty() {
            return None;
        }
        self.open_list(self.lists.find_client(account, id)?)
    }

    /// How many releases wait for the next command.
    pub fn releases(&self) -> usize {
        self.lists.releases.len()
    }

    /// The rules of the whole exchange.
    pub const fn exchange_rules(&self) -> &ExchangeRules {
        &self.exchange.rules
    }

    /// The assets of which one order of an account may only be about so much, by asset id.
    pub fn asset_limits(&self, account: AccountId) -> &[(AssetId, Amount)] {
        self.ledger.wallet(account).map(|wallet| wallet.limits()).unwrap_or_default()
    }

    /// All smart order routing groups, by base asset.
    pub fn sors(&self) -> impl Iterator<Item = SorView<'_>> {
        let sors = self.exchange.sors.iter();
        sors.map(|(base, sor)| SorView { base: *base, markets: &sor.markets, account: sor.account })
    }

    /// A market's reference price at the time of the last command; `None` when it never had any.
    pub fn reference_price(&self, market: MarketId) -> Option<ReferencePrice> {
        self.reference_price_at(market, self.time)
    }

    /// A market's reference price at a time that is not before the last command's.
    pub fn reference_price_at(&self, market: MarketId, time: TimeUs) -> Option<ReferencePrice> {
        let market = self.market_at(market)?;
        let is_computed = market.rules.reference.is_some();
        if !is_computed && market.reference.given.is_none() {
            return None;
        }
        let (price, changed_at) = (market.reference_price(time), market.reference.changed_at);
        Some(ReferencePrice { is_computed, price, changed_at })
    }

    /// The average price that MARKET orders are judged by, at the time of the last command.
    pub fn average_price(&self, market: MarketId) -> Option<Price> {
        self.average_price_at(market, self.time)
    }

    /// The average price at a time that is not before the last command's.
    pub fn average_price_at(&self, market: MarketId, time: TimeUs) -> Option<Price> {
        self.market_at(market)?.average_price(time)
    }

    /// Sums over all accounts, by asset id. Reads every account.
    pub fn funds(&self) -> Vec<AssetFunds> {
        // Credits are bounded, so these sums are too; `check` says so where they are not.
        self.ledger.funds().unwrap_or_default()
    }
}

fn base_units(market: &Market, lots: u128) -> u128 {
    lots.saturating_mul(u128::from(market.rules.lot_size.0))
}

fn view_of(market: &Market) -> MarketView<'_> {
    MarketView {
        id: market.id,
        symbol: &market.symbol,
        base: market.base,
        quote: market.quote,
        rules: &market.rules,
        status: market.status,
        last_price: market.last_price,
        book_version: market.orders.book.version(),
        open_orders: market.orders.len() as u64,
        trades: market.next_trade,
    }
}

fn open_list(list: &OrderList) -> OpenOrderList {
    OpenOrderList {
        list: list.id,
        account: list.account,
        market: list.market,
        kind: list.kind,
        client_list_id: list.client_list_id,
        orders: list.orders().collect(),
        accepted_at: TimeUs(list.accepted_at),
    }
}

pub(crate) fn open_order(market: &Market, place: Place) -> Option<OpenOrder> {
    match place {
        Place::Book(handle) => resting_order(market, handle),
        Place::Waiting(at) => market.orders.waiting.get(at).map(|order| waiting_order(market, order)),
    }
}

/// What the event of an order had beyond a plain one's; `None` when it was a plain one.
fn accepted_extra(extra: &Extra, state: OrderState) -> Option<Box<AcceptedExtra>> {
    if extra.terms == Terms::default() && extra.list.is_none() {
        return None;
    }
    Some(Box::new(AcceptedExtra { terms: extra.terms, list: extra.list, pegged_price: extra.pegged_price, state }))
}

fn resting_order(market: &Market, handle: Handle) -> Option<OpenOrder> {
    let maker = market.orders.book.get(handle)?;
    let resting = market.orders.get(handle)?;
    let plain = Extra::plain(market.price(maker.ticks), resting.accepted_at);
    let extra = market.orders.extra(handle).unwrap_or(&plain);
    let left: Lots = maker.lots.checked_add(extra.hidden)?;
    let filled = resting.lots.checked_sub(left)?.checked_sub(resting.prevented)?;
    Some(OpenOrder {
        accepted: OrderAccepted {
            order_id: OrderId(maker.id),
            account: AccountId(maker.owner),
            market: market.id,
            side: maker.side,
            kind: resting.kind,
            tif: TimeInForce::Gtc,
            price: extra.price,
            qty: market.qty(resting.lots),
            quote_qty: Amount(0),
            client_order_id: resting.client_order_id,
            stp: resting.stp,
            strategy_id: extra.strategy_id,
            strategy_type: extra.strategy_type,
            extra: accepted_extra(extra, OrderState::Working),
        },
        left: market.qty(left),
        prevented: market.qty(resting.prevented),
        filled: market.qty(filled),
        filled_quote: Amount(resting.filled_quote.get()),
        accepted_at: TimeUs(resting.accepted_at),
        working_at: extra.working_at.map(TimeUs),
        trailing_at: extra.trailing_at.map(TimeUs),
        updated_at: TimeUs(resting.updated_at),
        amends: extra.amends,
    })
}

fn waiting_order(market: &Market, order: &Waiting) -> OpenOrder {
    let extra = &order.extra;
    OpenOrder {
        accepted: OrderAccepted {
            order_id: order.id,
            account: order.owner,
            market: market.id,
            side: order.side,
            kind: order.kind,
            tif: order.tif,
            price: extra.price,
            qty: market.qty(order.lots),
            quote_qty: Amount(0),
            client_order_id: order.client_order_id,
            stp: order.stp,
            strategy_id: extra.strategy_id,
            strategy_type: extra.strategy_type,
            extra: accepted_extra(extra, order.stage.state()),
        },
        left: market.qty(order.lots),
        prevented: Qty(0),
        filled: Qty(0),
        filled_quote: Amount(0),
        accepted_at: TimeUs(order.accepted_at),
        working_at: extra.working_at.map(TimeUs),
        trailing_at: extra.trailing_at.map(TimeUs),
        updated_at: TimeUs(order.updated_at),
        amends: extra.amends,
    }
}
