//! Little-endian fields in bytes: what the command codec, the snapshot and the digest of rare events share.

use crate::types::{
    Amount, CLIENT_ORDER_ID_MAX, ClientOrderId, Fees, MarketRules, MinNotional, Notional, Price, Qty, RateE8,
    SelfTradePrevention,
};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// They end too early.
    Short,
    /// A field has a value that it cannot have.
    Field,
}

/// Appends fields.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }
    /// A number of things that are in memory; there are never 2^64 of them.
    pub(crate) fn len(&mut self, value: usize) {
        self.u64(value as u64);
    }
    /// Length in 32 bits, then UTF-8. A longer text is cut; no text that may become a name is near that long.
    pub(crate) fn text(&mut self, value: &str) {
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.u32(len);
        self.0.extend_from_slice(value.as_bytes().get(..len as usize).unwrap_or_default());
    }
    /// Length in 8 bits, then the bytes.
    pub(crate) fn client_order_id(&mut self, value: &ClientOrderId) {
        self.u8(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }
    pub(crate) fn fees(&mut self, fees: Fees) {
        self.u32(fees.maker.0);
        self.u32(fees.taker.0);
    }
    pub(crate) fn optional_fees(&mut self, fees: Option<Fees>) {
        self.flag(fees.is_some());
        if let Some(fees) = fees {
            self.fees(fees);
        }
    }
    pub(crate) fn rules(&mut self, rules: &MarketRules) {
        self.u64(rules.tick_size.0);
        self.u64(rules.price_min.0);
        self.u64(rules.price_max.0);
        self.u64(rules.lot_size.0);
        self.u64(rules.qty_min.0);
        self.u64(rules.qty_max.0);
        self.u64(rules.market_lot_size.0);
        self.u64(rules.market_qty_min.0);
        self.u64(rules.market_qty_max.0);
        self.flag(rules.min_notional.is_some());
        if let Some(filter) = rules.min_notional {
            self.u128(filter.min.0);
            self.flag(filter.apply_to_market);
        }
        self.flag(rules.notional.is_some());
        if let Some(filter) = rules.notional {
            self.u128(filter.min.0);
            self.flag(filter.apply_min_to_market);
            self.u128(filter.max.0);
            self.flag(filter.apply_max_to_market);
        }
        self.u8(rules.avg_price_mins);
        self.u32(rules.max_num_orders);
        self.fees(rules.fees);
        self.u8(rules.stp_default as u8);
        self.u8(rules.stp_allowed);
    }
}

/// Reads fields off the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

type Read<T> = Result<T, WireError>;

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    pub(crate) const fn left(&self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(*array)
    }
    pub(crate) fn bytes(&mut self, len: usize) -> Read<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }
    #[inline]
    pub(crate) fn u8(&mut self) -> Read<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
    #[inline]
    pub(crate) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }
    #[inline]
    pub(crate) fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }
    #[inline]
    pub(crate) fn u128(&mut self) -> Read<u128> {
        self.array().map(u128::from_le_bytes)
    }
    #[inline]
    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.array().map(i64::from_le_bytes)
    }
    #[inline]
    pub(crate) fn i32(&mut self) -> Read<i32> {
        self.array().map(i32::from_le_bytes)
    }
    pub(crate) fn flag(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Field),
        }
    }
    /// A number of things of at least `size` bytes each that must follow.
    pub(crate) fn len(&mut self, size: usize) -> Read<usize> {
        let len = usize::try_from(self.u64()?).map_err(|_| WireError::Field)?;
        let needed = len.checked_mul(size).ok_or(WireError::Short)?;
        if needed > self.left() { Err(WireError::Short) } else { Ok(len) }
    }
    /// A value of a closed enum.
    #[inline]
    pub(crate) fn one_of<T>(&mut self, from_u8: impl Fn(u8) -> Option<T>) -> Read<T> {
        from_u8(self.u8()?).ok_or(WireError::Field)
    }
    pub(crate) fn text(&mut self) -> Read<String> {
        let len = self.u32()?;
        let bytes = self.bytes(usize::try_from(len).map_err(|_| WireError::Field)?)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::Field)
    }
    #[inline]
    pub(crate) fn client_order_id(&mut self) -> Read<ClientOrderId> {
        let len = usize::from(self.u8()?);
        if len == 0 {
            return Ok(ClientOrderId::EMPTY);
        }
        if len > CLIENT_ORDER_ID_MAX {
            return Err(WireError::Field);
        }
        ClientOrderId::new(self.bytes(len)?).ok_or(WireError::Field)
    }
    pub(crate) fn fees(&mut self) -> Read<Fees> {
        Ok(Fees { maker: RateE8(self.u32()?), taker: RateE8(self.u32()?) })
    }
    pub(crate) fn optional_fees(&mut self) -> Read<Option<Fees>> {
        Ok(if self.flag()? { Some(self.fees()?) } else { None })
    }
    pub(crate) fn rules(&mut self) -> Read<MarketRules> {
        Ok(MarketRules {
            tick_size: Price(self.u64()?),
            price_min: Price(self.u64()?),
            price_max: Price(self.u64()?),
            lot_size: Qty(self.u64()?),
            qty_min: Qty(self.u64()?),
            qty_max: Qty(self.u64()?),
            market_lot_size: Qty(self.u64()?),
            market_qty_min: Qty(self.u64()?),
            market_qty_max: Qty(self.u64()?),
            min_notional: if self.flag()? { Some(self.min_notional()?) } else { None },
            notional: if self.flag()? { Some(self.notional()?) } else { None },
            avg_price_mins: self.u8()?,
            max_num_orders: self.u32()?,
            fees: self.fees()?,
            stp_default: self.one_of(SelfTradePrevention::from_u8)?,
            stp_allowed: self.u8()?,
        })
    }
    fn min_notional(&mut self) -> Read<MinNotional> {
        Ok(MinNotional { min: Amount(self.u128()?), apply_to_market: self.flag()? })
    }
    fn notional(&mut self) -> Read<Notional> {
        Ok(Notional {
            min: Amount(self.u128()?),
            apply_min_to_market: self.flag()?,
            max: Amount(self.u128()?),
            apply_max_to_market: self.flag()?,
        })
    }
}
