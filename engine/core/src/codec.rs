//! Commands as bytes: what the log stores. `spec/command-format.md` describes the format.
//!
//! Strict both ways: one command has one encoding, and whatever is not exactly one command is an error.

use std::fmt;

use crate::command::{AmendOrder, CancelList, CancelOrder, CancelReplace, Command, Origin, PlaceList, PlaceOrder};
use crate::types::{
    AccountId, Amount, AssetId, CancelRestriction, ListId, ListKind, MarketId, MarketStatus, OrderId, OrderKind, Price,
    Qty, ReplaceMode, SelfTradePrevention, Side, Terms, TimeInForce,
};
use crate::wire::{Reader, WireError, Writer};

/// The first byte of every command.
pub const VERSION: u8 = 2;

const CREATE_ASSET: u8 = 1;
const UPDATE_ASSET: u8 = 2;
const CREATE_MARKET: u8 = 3;
const UPDATE_MARKET: u8 = 4;
const SET_MARKET_STATUS: u8 = 5;
const CREATE_ACCOUNT: u8 = 6;
const UPDATE_ACCOUNT: u8 = 7;
const CREDIT: u8 = 8;
const DEBIT: u8 = 9;
const PLACE_ORDER: u8 = 10;
const CANCEL_ORDER: u8 = 11;
const CANCEL_ALL: u8 = 12;
const UPDATE_EXCHANGE: u8 = 13;
const SET_ASSET_LIMIT: u8 = 14;
const SET_REFERENCE_PRICE: u8 = 15;
const SET_SOR: u8 = 16;
const PLACE_LIST: u8 = 17;
const CANCEL_LIST: u8 = 18;
const AMEND_ORDER: u8 = 19;
const CANCEL_REPLACE: u8 = 20;
const RUN_RELEASES: u8 = 21;

/// Bits of the byte that says which optional fields of a PlaceOrder follow.
const HAS_STP: u8 = 1;
const HAS_STRATEGY_ID: u8 = 2;
const HAS_STRATEGY_TYPE: u8 = 4;
const HAS_TERMS: u8 = 8;

/// The least bytes of a PlaceOrder, so that a wrong count is found before anything is reserved.
const PLACE_SIZE_MIN: usize = 45;

/// Why a payload is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It ends too early.
    Short,
    /// Its first byte names a version that this core does not know.
    VersionUnknown,
    /// Its second byte names no kind of command.
    KindUnknown,
    /// A field has a value that it cannot have.
    FieldInvalid,
    /// Bytes follow the command.
    TrailingBytes,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the command ends too early",
            Self::VersionUnknown => "the command's version is unknown",
            Self::KindUnknown => "the command's kind is unknown",
            Self::FieldInvalid => "a field of the command has an impossible value",
            Self::TrailingBytes => "bytes follow the command",
        })
    }
}

impl std::error::Error for DecodeError {}

impl From<WireError> for DecodeError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Short => Self::Short,
            WireError::Field => Self::FieldInvalid,
        }
    }
}

/// The version of a payload that an older core took for a command, and that this one does not understand any more.
///
/// A log with such a record was written for another core: replaying it would turn what once happened into rejects.
pub fn older_version(payload: &[u8]) -> Option<u8> {
    payload.first().copied().filter(|version| (1..VERSION).contains(version))
}

const fn kind_of(command: &Command) -> u8 {
    match command {
        Command::CreateAsset { .. } => CREATE_ASSET,
        Command::UpdateAsset { .. } => UPDATE_ASSET,
        Command::CreateMarket { .. } => CREATE_MARKET,
        Command::UpdateMarket { .. } => UPDATE_MARKET,
        Command::SetMarketStatus { .. } => SET_MARKET_STATUS,
        Command::CreateAccount { .. } => CREATE_ACCOUNT,
        Command::UpdateAccount { .. } => UPDATE_ACCOUNT,
        Command::Credit { .. } => CREDIT,
        Command::Debit { .. } => DEBIT,
        Command::PlaceOrder(_) => PLACE_ORDER,
        Command::CancelOrder(_) => CANCEL_ORDER,
        Command::CancelAll { .. } => CANCEL_ALL,
        Command::UpdateExchange { .. } => UPDATE_EXCHANGE,
        Command::SetAssetLimit { .. } => SET_ASSET_LIMIT,
        Command::SetReferencePrice { .. } => SET_REFERENCE_PRICE,
        Command::SetSor { .. } => SET_SOR,
        Command::PlaceList(_) => PLACE_LIST,
        Command::CancelList(_) => CANCEL_LIST,
        Command::AmendOrder(_) => AMEND_ORDER,
        Command::CancelReplace(_) => CANCEL_REPLACE,
        Command::RunReleases => RUN_RELEASES,
    }
}

/// Appends a command to `out`.
pub fn encode(origin: Origin, command: &Command, out: &mut Vec<u8>) {
    let mut w = Writer(out);
    w.u8(VERSION);
    w.u8(kind_of(command));
    w.u64(origin.session);
    w.u64(origin.number);
    match command {
        Command::PlaceOrder(order) => encode_place(order, &mut w),
        Command::CancelOrder(cancel) => encode_cancel(cancel, &mut w),
        Command::CancelAll { account, market, by_exchange } => {
            w.u32(account.0);
            w.u32(market.0);
            w.flag(*by_exchange);
        }
        Command::PlaceList(list) => encode_list(list, &mut w),
        Command::CancelList(cancel) => {
            w.u32(cancel.account.0);
            w.u32(cancel.market.0);
            w.optional_u64(cancel.list_id.map(|id| id.0));
            w.client_order_id(&cancel.client_list_id);
            w.client_order_id(&cancel.new_client_order_id);
        }
        Command::AmendOrder(amend) => {
            w.u32(amend.account.0);
            w.u32(amend.market.0);
            w.optional_u64(amend.order_id.map(|id| id.0));
            w.client_order_id(&amend.client_order_id);
            w.u64(amend.new_qty.0);
            w.client_order_id(&amend.new_client_order_id);
        }
        Command::CancelReplace(replace) => {
            encode_cancel(&replace.cancel, &mut w);
            w.u8(replace.mode as u8);
            encode_place(&replace.order, &mut w);
        }
        Command::RunReleases => {}
        rare => encode_rare(rare, &mut w),
    }
}

/// Everything but trading.
fn encode_rare(command: &Command, w: &mut Writer<'_>) {
    match command {
        Command::CreateAsset { code, name, decimals } => {
            w.text(code);
            w.text(name);
            w.u8(*decimals);
        }
        Command::UpdateAsset { asset, name } => {
            w.u32(asset.0);
            w.text(name);
        }
        Command::CreateMarket { symbol, base, quote, rules } => {
            w.text(symbol);
            w.u32(base.0);
            w.u32(quote.0);
            w.rules(rules);
        }
        Command::UpdateMarket { market, rules } => {
            w.u32(market.0);
            w.rules(rules);
        }
        Command::SetMarketStatus { market, status } => {
            w.u32(market.0);
            w.u8(*status as u8);
        }
        Command::CreateAccount { name } => w.text(name),
        Command::UpdateAccount { account, can_trade, fees, trade_group, permissions, discount } => {
            w.u32(account.0);
            w.flag(*can_trade);
            w.optional_fees(*fees);
            w.optional_u32(*trade_group);
            w.u32(*permissions);
            w.flag(*discount);
        }
        Command::Credit { account, asset, amount }
        | Command::Debit { account, asset, amount }
        | Command::SetAssetLimit { account, asset, limit: amount } => {
            w.u32(account.0);
            w.u32(asset.0);
            w.u128(amount.0);
        }
        Command::UpdateExchange { rules } => w.exchange_rules(rules),
        Command::SetReferencePrice { market, price } => {
            w.u32(market.0);
            w.optional_u64(price.map(|price| price.0));
        }
        Command::SetSor { base, markets, account } => {
            w.u32(base.0);
            w.market_ids(markets);
            w.u32(account.0);
        }
        // Written above.
        Command::PlaceOrder(_)
        | Command::CancelOrder(_)
        | Command::CancelAll { .. }
        | Command::PlaceList(_)
        | Command::CancelList(_)
        | Command::AmendOrder(_)
        | Command::CancelReplace(_)
        | Command::RunReleases => {}
    }
}

fn encode_list(list: &PlaceList, w: &mut Writer<'_>) {
    w.u32(list.account.0);
    w.u32(list.market.0);
    w.u8(list.kind as u8);
    w.client_order_id(&list.client_list_id);
    w.count(list.orders.len());
    for order in &list.orders {
        encode_place(order, w);
    }
}

fn encode_place(order: &PlaceOrder, w: &mut Writer<'_>) {
    let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    w.u32(order.account.0);
    w.u32(order.market.0);
    w.u8(order.side as u8);
    w.u8(order.kind as u8);
    w.u8(order.tif as u8);
    w.u8(bit(order.stp.is_some(), HAS_STP)
        | bit(order.strategy_id.is_some(), HAS_STRATEGY_ID)
        | bit(order.strategy_type.is_some(), HAS_STRATEGY_TYPE)
        | bit(order.terms.is_some(), HAS_TERMS));
    w.u64(order.price.0);
    w.u64(order.qty.0);
    w.u128(order.quote_qty.0);
    if let Some(stp) = order.stp {
        w.u8(stp as u8);
    }
    if let Some(id) = order.strategy_id {
        w.u64(id.cast_unsigned());
    }
    if let Some(kind) = order.strategy_type {
        w.u32(kind.cast_unsigned());
    }
    if let Some(terms) = &order.terms {
        w.terms(terms);
    }
    w.client_order_id(&order.client_order_id);
}

fn encode_cancel(cancel: &CancelOrder, w: &mut Writer<'_>) {
    w.u32(cancel.account.0);
    w.u32(cancel.market.0);
    w.optional_u64(cancel.order_id.map(|id| id.0));
    w.client_order_id(&cancel.client_order_id);
    w.client_order_id(&cancel.new_client_order_id);
    w.flag(cancel.restriction.is_some());
    if let Some(restriction) = cancel.restriction {
        w.u8(restriction as u8);
    }
}

/// Reads exactly one command.
pub fn decode(payload: &[u8]) -> Result<(Origin, Command), DecodeError> {
    let mut r = Reader::new(payload);
    if r.u8()? != VERSION {
        return Err(DecodeError::VersionUnknown);
    }
    let kind = r.u8()?;
    if !(CREATE_ASSET..=RUN_RELEASES).contains(&kind) {
        return Err(DecodeError::KindUnknown);
    }
    let origin = Origin { session: r.u64()?, number: r.u64()? };
    let command = decode_body(kind, &mut r)?;
    if r.left() != 0 {
        return Err(DecodeError::TrailingBytes);
    }
    Ok((origin, command))
}

#[inline]
fn decode_body(kind: u8, r: &mut Reader<'_>) -> Result<Command, WireError> {
    Ok(match kind {
        PLACE_ORDER => Command::PlaceOrder(decode_place(r)?),
        CANCEL_ORDER => Command::CancelOrder(decode_cancel(r)?),
        other => decode_other(other, r)?,
    })
}

/// Trading beyond single orders.
#[cold]
fn decode_other(kind: u8, r: &mut Reader<'_>) -> Result<Command, WireError> {
    Ok(match kind {
        CANCEL_ALL => {
            let (account, market) = (AccountId(r.u32()?), MarketId(r.u32()?));
            Command::CancelAll { account, market, by_exchange: r.flag()? }
        }
        PLACE_LIST => Command::PlaceList(decode_list(r)?),
        CANCEL_LIST => Command::CancelList(CancelList {
            account: AccountId(r.u32()?),
            market: MarketId(r.u32()?),
            list_id: r.optional_u64()?.map(ListId),
            client_list_id: r.client_order_id()?,
            new_client_order_id: r.client_order_id()?,
        }),
        AMEND_ORDER => Command::AmendOrder(AmendOrder {
            account: AccountId(r.u32()?),
            market: MarketId(r.u32()?),
            order_id: r.optional_u64()?.map(OrderId),
            client_order_id: r.client_order_id()?,
            new_qty: Qty(r.u64()?),
            new_client_order_id: r.client_order_id()?,
        }),
        CANCEL_REPLACE => Command::CancelReplace(decode_replace(r)?),
        RUN_RELEASES => Command::RunReleases,
        rare => decode_rare(rare, r)?,
    })
}

/// Everything but trading.
#[cold]
fn decode_rare(kind: u8, r: &mut Reader<'_>) -> Result<Command, WireError> {
    Ok(match kind {
        CREATE_ASSET => Command::CreateAsset { code: r.text()?, name: r.text()?, decimals: r.u8()? },
        UPDATE_ASSET => Command::UpdateAsset { asset: AssetId(r.u32()?), name: r.text()? },
        CREATE_MARKET => Command::CreateMarket {
            symbol: r.text()?,
            base: AssetId(r.u32()?),
            quote: AssetId(r.u32()?),
            rules: Box::new(r.rules()?),
        },
        UPDATE_MARKET => Command::UpdateMarket { market: MarketId(r.u32()?), rules: Box::new(r.rules()?) },
        SET_MARKET_STATUS => {
            Command::SetMarketStatus { market: MarketId(r.u32()?), status: r.one_of(MarketStatus::from_u8)? }
        }
        CREATE_ACCOUNT => Command::CreateAccount { name: r.text()? },
        UPDATE_ACCOUNT => Command::UpdateAccount {
            account: AccountId(r.u32()?),
            can_trade: r.flag()?,
            fees: r.optional_fees()?,
            trade_group: r.optional_u32()?,
            permissions: r.u32()?,
            discount: r.flag()?,
        },
        CREDIT => Command::Credit { account: AccountId(r.u32()?), asset: AssetId(r.u32()?), amount: Amount(r.u128()?) },
        DEBIT => Command::Debit { account: AccountId(r.u32()?), asset: AssetId(r.u32()?), amount: Amount(r.u128()?) },
        SET_ASSET_LIMIT => {
            let (account, asset) = (AccountId(r.u32()?), AssetId(r.u32()?));
            Command::SetAssetLimit { account, asset, limit: Amount(r.u128()?) }
        }
        UPDATE_EXCHANGE => Command::UpdateExchange { rules: r.exchange_rules()? },
        SET_REFERENCE_PRICE => {
            Command::SetReferencePrice { market: MarketId(r.u32()?), price: r.optional_u64()?.map(Price) }
        }
        SET_SOR => Command::SetSor { base: AssetId(r.u32()?), markets: r.market_ids()?, account: AccountId(r.u32()?) },
        _ => return Err(WireError::Field),
    })
}

/// Inlined where orders come alone, which is almost always: a call would move the order once more.
#[inline(always)]
fn decode_place(r: &mut Reader<'_>) -> Result<PlaceOrder, WireError> {
    let account = AccountId(r.u32()?);
    let market = MarketId(r.u32()?);
    let side = r.one_of(Side::from_u8)?;
    let kind = r.one_of(OrderKind::from_u8)?;
    let tif = r.one_of(TimeInForce::from_u8)?;
    let flags = r.u8()?;
    if flags & !(HAS_STP | HAS_STRATEGY_ID | HAS_STRATEGY_TYPE | HAS_TERMS) != 0 {
        return Err(WireError::Field);
    }
    Ok(PlaceOrder {
        account,
        market,
        side,
        kind,
        tif,
        price: Price(r.u64()?),
        qty: Qty(r.u64()?),
        quote_qty: Amount(r.u128()?),
        stp: if flags & HAS_STP != 0 { Some(r.one_of(SelfTradePrevention::from_u8)?) } else { None },
        strategy_id: if flags & HAS_STRATEGY_ID != 0 { Some(r.i64()?) } else { None },
        strategy_type: if flags & HAS_STRATEGY_TYPE != 0 { Some(r.i32()?) } else { None },
        terms: if flags & HAS_TERMS != 0 { Some(decode_terms(r)?) } else { None },
        client_order_id: r.client_order_id()?,
    })
}

#[cold]
fn decode_terms(r: &mut Reader<'_>) -> Result<Box<Terms>, WireError> {
    r.terms().map(Box::new)
}

#[cold]
fn decode_nested(r: &mut Reader<'_>) -> Result<PlaceOrder, WireError> {
    decode_place(r)
}

#[cold]
fn decode_replace(r: &mut Reader<'_>) -> Result<Box<CancelReplace>, WireError> {
    let (cancel, mode) = (decode_cancel(r)?, r.one_of(ReplaceMode::from_u8)?);
    Ok(Box::new(CancelReplace { cancel, mode, order: decode_nested(r)? }))
}

#[cold]
fn decode_list(r: &mut Reader<'_>) -> Result<PlaceList, WireError> {
    let (account, market) = (AccountId(r.u32()?), MarketId(r.u32()?));
    let kind = r.one_of(ListKind::from_u8)?;
    let client_list_id = r.client_order_id()?;
    let count = r.count(PLACE_SIZE_MIN)?;
    let mut orders = Vec::with_capacity(count);
    for _ in 0..count {
        orders.push(decode_nested(r)?);
    }
    Ok(PlaceList { account, market, kind, client_list_id, orders })
}

#[inline(always)]
fn decode_cancel(r: &mut Reader<'_>) -> Result<CancelOrder, WireError> {
    Ok(CancelOrder {
        account: AccountId(r.u32()?),
        market: MarketId(r.u32()?),
        order_id: r.optional_u64()?.map(OrderId),
        client_order_id: r.client_order_id()?,
        new_client_order_id: r.client_order_id()?,
        restriction: if r.flag()? { Some(r.one_of(CancelRestriction::from_u8)?) } else { None },
    })
}
