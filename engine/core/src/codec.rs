//! Commands as bytes: what the log stores. `spec/command-format.md` describes the format.
//!
//! Strict both ways: one command has one encoding, and whatever is not exactly one command is an error.

use std::fmt;

use crate::command::{CancelOrder, Command, Origin, PlaceOrder};
use crate::types::{
    AccountId, Amount, AssetId, MarketId, MarketStatus, OrderId, OrderKind, Price, Qty, SelfTradePrevention, Side,
    TimeInForce,
};
use crate::wire::{Reader, WireError, Writer};

/// The first byte of every command.
pub const VERSION: u8 = 1;

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

/// Bits of the byte that says which optional fields of a PlaceOrder follow.
const HAS_STP: u8 = 1;
const HAS_STRATEGY_ID: u8 = 2;
const HAS_STRATEGY_TYPE: u8 = 4;

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
        Command::UpdateAccount { account, can_trade, fees } => {
            w.u32(account.0);
            w.flag(*can_trade);
            w.optional_fees(*fees);
        }
        Command::Credit { account, asset, amount } | Command::Debit { account, asset, amount } => {
            w.u32(account.0);
            w.u32(asset.0);
            w.u128(amount.0);
        }
        Command::PlaceOrder(order) => encode_place(order, &mut w),
        Command::CancelOrder(cancel) => encode_cancel(cancel, &mut w),
        Command::CancelAll { account, market } => {
            w.u32(account.0);
            w.u32(market.0);
        }
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
        | bit(order.strategy_type.is_some(), HAS_STRATEGY_TYPE));
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
    w.client_order_id(&order.client_order_id);
}

fn encode_cancel(cancel: &CancelOrder, w: &mut Writer<'_>) {
    w.u32(cancel.account.0);
    w.u32(cancel.market.0);
    w.flag(cancel.order_id.is_some());
    if let Some(id) = cancel.order_id {
        w.u64(id.0);
    }
    w.client_order_id(&cancel.client_order_id);
    w.client_order_id(&cancel.new_client_order_id);
}

/// Reads exactly one command.
pub fn decode(payload: &[u8]) -> Result<(Origin, Command), DecodeError> {
    let mut r = Reader::new(payload);
    if r.u8()? != VERSION {
        return Err(DecodeError::VersionUnknown);
    }
    let kind = r.u8()?;
    if !(CREATE_ASSET..=CANCEL_ALL).contains(&kind) {
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
        CREATE_ASSET => Command::CreateAsset { code: r.text()?, name: r.text()?, decimals: r.u8()? },
        UPDATE_ASSET => Command::UpdateAsset { asset: AssetId(r.u32()?), name: r.text()? },
        CREATE_MARKET => Command::CreateMarket {
            symbol: r.text()?,
            base: AssetId(r.u32()?),
            quote: AssetId(r.u32()?),
            rules: r.rules()?,
        },
        UPDATE_MARKET => Command::UpdateMarket { market: MarketId(r.u32()?), rules: r.rules()? },
        SET_MARKET_STATUS => {
            Command::SetMarketStatus { market: MarketId(r.u32()?), status: r.one_of(MarketStatus::from_u8)? }
        }
        CREATE_ACCOUNT => Command::CreateAccount { name: r.text()? },
        UPDATE_ACCOUNT => {
            Command::UpdateAccount { account: AccountId(r.u32()?), can_trade: r.flag()?, fees: r.optional_fees()? }
        }
        CREDIT => Command::Credit { account: AccountId(r.u32()?), asset: AssetId(r.u32()?), amount: Amount(r.u128()?) },
        DEBIT => Command::Debit { account: AccountId(r.u32()?), asset: AssetId(r.u32()?), amount: Amount(r.u128()?) },
        CANCEL_ALL => Command::CancelAll { account: AccountId(r.u32()?), market: MarketId(r.u32()?) },
        _ => return Err(WireError::Field),
    })
}

#[inline]
fn decode_place(r: &mut Reader<'_>) -> Result<PlaceOrder, WireError> {
    let account = AccountId(r.u32()?);
    let market = MarketId(r.u32()?);
    let side = r.one_of(Side::from_u8)?;
    let kind = r.one_of(OrderKind::from_u8)?;
    let tif = r.one_of(TimeInForce::from_u8)?;
    let flags = r.u8()?;
    if flags & !(HAS_STP | HAS_STRATEGY_ID | HAS_STRATEGY_TYPE) != 0 {
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
        client_order_id: r.client_order_id()?,
    })
}

#[inline]
fn decode_cancel(r: &mut Reader<'_>) -> Result<CancelOrder, WireError> {
    Ok(CancelOrder {
        account: AccountId(r.u32()?),
        market: MarketId(r.u32()?),
        order_id: if r.flag()? { Some(OrderId(r.u64()?)) } else { None },
        client_order_id: r.client_order_id()?,
        new_client_order_id: r.client_order_id()?,
    })
}
