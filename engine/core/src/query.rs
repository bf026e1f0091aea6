//! Questions about a core's state.

use crate::average::minute_of;
use crate::book::Handle;
use crate::core::Core;
use crate::ledger::{AssetFunds, Balance};
use crate::market::Market;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, MarketId, OrderId, Price, Qty, Seq, Side, TimeInForce, TimeUs,
};
use crate::view::{Account, Asset, Depth, MarketView, OpenOrder};

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

    /// All open orders, by market and then by order id.
    pub fn open_orders(&self) -> impl Iterator<Item = OpenOrder> {
        self.markets.iter().flat_map(|market| {
            let book = &market.orders.book;
            let makers = book.makers(Side::Buy).chain(book.makers(Side::Sell));
            let mut orders: Vec<(u64, Handle)> = makers.map(|maker| (maker.id, maker.handle)).collect();
            orders.sort_unstable();
            orders.into_iter().filter_map(|(_, handle)| open_order(market, handle))
        })
    }

    /// An account's open orders in a market, oldest first.
    pub fn open_orders_of(&self, account: AccountId, market: MarketId) -> impl Iterator<Item = OpenOrder> {
        let list = self.ledger.wallet(account).and_then(|wallet| wallet.open_list(market));
        let mut next = list.and_then(|list| list.first());
        let market = self.market_at(market);
        std::iter::from_fn(move || {
            let (market, handle) = (market?, next?);
            next = market.orders.next_of_account(handle);
            open_order(market, handle)
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

    /// The average price that MARKET orders are judged by, at the time of the last command.
    pub fn average_price(&self, market: MarketId) -> Option<Price> {
        self.average_price_at(market, self.time)
    }

    /// The average price at a time that is not before the last command's.
    pub fn average_price_at(&self, market: MarketId, time: TimeUs) -> Option<Price> {
        let market = self.market_at(market)?;
        let window = market.average.price(minute_of(time.0), market.rules.avg_price_mins, market.one);
        window.or(market.last_price)
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
        open_orders: market.orders.book.len() as u64,
        trades: market.next_trade,
    }
}

pub(crate) fn open_order(market: &Market, handle: Handle) -> Option<OpenOrder> {
    let maker = market.orders.book.get(handle)?;
    let resting = market.orders.get(handle)?;
    let filled = resting.lots.checked_sub(maker.lots)?.checked_sub(resting.prevented)?;
    Some(OpenOrder {
        order_id: OrderId(maker.id),
        account: AccountId(maker.owner),
        market: market.id,
        side: maker.side,
        kind: resting.kind,
        tif: TimeInForce::Gtc,
        price: market.price(maker.ticks),
        qty: market.qty(resting.lots),
        quote_qty: Amount(0),
        client_order_id: resting.client_order_id,
        stp: resting.stp,
        strategy_id: resting.has_strategy_id.then_some(resting.strategy_id),
        strategy_type: resting.has_strategy_type.then_some(resting.strategy_type),
        left: market.qty(maker.lots),
        prevented: Qty(market.qty(resting.prevented).0),
        filled: market.qty(filled),
        filled_quote: Amount(resting.filled_quote),
        accepted_at: TimeUs(resting.accepted_at),
        updated_at: TimeUs(resting.updated_at),
    })
}
