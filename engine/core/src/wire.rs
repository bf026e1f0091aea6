//! Little-endian fields in bytes: what the command codec, the snapshot and the digest of rare events share.

use crate::types::{
    Amount, AssetId, CLIENT_ORDER_ID_MAX, ClientOrderId, Discount, ExchangeRules, Fees, MarketId, MarketRules,
    MinNotional, Notional, Peg, PegPrice, PercentPrice, Price, PriceRange, Qty, RateE8, ReferenceRule,
    SelfTradePrevention, Terms, TrailingDelta,
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
    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
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
    /// A number of things in 32 bits; no command and no event has near that many.
    pub(crate) fn count(&mut self, value: usize) {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX));
    }
    pub(crate) fn market_ids(&mut self, markets: &[MarketId]) {
        self.count(markets.len());
        for market in markets {
            self.u32(market.0);
        }
    }
    pub(crate) fn optional_u32(&mut self, value: Option<u32>) {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.u32(value);
        }
    }
    pub(crate) fn optional_u64(&mut self, value: Option<u64>) {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.u64(value);
        }
    }
    pub(crate) fn terms(&mut self, terms: &Terms) {
        self.u64(terms.stop_price.0);
        self.u32(terms.trailing_delta);
        self.u64(terms.iceberg_qty.0);
        self.flag(terms.peg.is_some());
        if let Some(peg) = terms.peg {
            self.u8(peg.price as u8);
            self.flag(peg.offset.is_some());
            if let Some(offset) = peg.offset {
                self.u8(offset);
            }
        }
        self.flag(terms.use_sor);
    }
    pub(crate) fn fees(&mut self, fees: Fees) {
        self.u32(fees.maker.0);
        self.u32(fees.taker.0);
        self.u32(fees.buyer.0);
        self.u32(fees.seller.0);
    }
    pub(crate) fn optional_fees(&mut self, fees: Option<Fees>) {
        self.flag(fees.is_some());
        if let Some(fees) = fees {
            self.fees(fees);
        }
    }
    pub(crate) fn exchange_rules(&mut self, rules: &ExchangeRules) {
        self.u32(rules.max_num_orders);
        self.u32(rules.max_num_algo_orders);
        self.u32(rules.max_num_iceberg_orders);
        self.u32(rules.max_num_order_lists);
        self.flag(rules.discount.is_some());
        if let Some(discount) = rules.discount {
            self.u32(discount.asset.0);
            self.u32(discount.rate.0);
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
        self.more_filters(rules);
        self.u8(rules.kinds);
        self.u16(rules.features);
        self.u32(rules.permissions);
        self.fees(rules.fees);
        self.fees(rules.special_fees);
        self.fees(rules.tax_fees);
        self.flag(rules.discount);
        self.u8(rules.stp_default as u8);
        self.u8(rules.stp_allowed);
    }
    fn more_filters(&mut self, rules: &MarketRules) {
        self.flag(rules.percent_price.is_some());
        if let Some(filter) = rules.percent_price {
            self.four(filter.bid_up, filter.bid_down, filter.ask_up, filter.ask_down);
            self.flag(filter.by_side);
        }
        self.u16(rules.iceberg_parts);
        self.u32(rules.max_num_algo_orders);
        self.u32(rules.max_num_iceberg_orders);
        self.u32(rules.max_num_order_lists);
        self.u16(rules.max_num_order_amends);
        self.u128(rules.max_position.0);
        self.flag(rules.trailing_delta.is_some());
        if let Some(filter) = rules.trailing_delta {
            for bound in [filter.above_min, filter.above_max, filter.below_min, filter.below_max] {
                self.u32(bound);
            }
        }
        self.flag(rules.price_range.is_some());
        if let Some(range) = rules.price_range {
            self.four(range.bid_up, range.bid_down, range.ask_up, range.ask_down);
        }
        self.flag(rules.reference.is_some());
        if let Some(reference) = rules.reference {
            self.u32(reference.count);
            self.u32(reference.width_ms);
        }
    }
    fn four(&mut self, a: u64, b: u64, c: u64, d: u64) {
        for value in [a, b, c, d] {
            self.u64(value);
        }
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
    pub(crate) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
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
    /// The same in 32 bits.
    pub(crate) fn count(&mut self, size: usize) -> Read<usize> {
        let count = usize::try_from(self.u32()?).map_err(|_| WireError::Field)?;
        let needed = count.checked_mul(size).ok_or(WireError::Short)?;
        if needed > self.left() { Err(WireError::Short) } else { Ok(count) }
    }
    pub(crate) fn market_ids(&mut self) -> Read<Vec<MarketId>> {
        let count = self.count(size_of::<u32>())?;
        let mut markets = Vec::with_capacity(count);
        for _ in 0..count {
            markets.push(MarketId(self.u32()?));
        }
        Ok(markets)
    }
    pub(crate) fn optional_u32(&mut self) -> Read<Option<u32>> {
        Ok(if self.flag()? { Some(self.u32()?) } else { None })
    }
    #[inline]
    pub(crate) fn optional_u64(&mut self) -> Read<Option<u64>> {
        Ok(if self.flag()? { Some(self.u64()?) } else { None })
    }
    /// Terms that say something: the default ones have no encoding.
    pub(crate) fn terms(&mut self) -> Read<Terms> {
        let terms = Terms {
            stop_price: Price(self.u64()?),
            trailing_delta: self.u32()?,
            iceberg_qty: Qty(self.u64()?),
            peg: if self.flag()? { Some(self.peg()?) } else { None },
            use_sor: self.flag()?,
        };
        if terms == Terms::default() { Err(WireError::Field) } else { Ok(terms) }
    }
    fn peg(&mut self) -> Read<Peg> {
        let price = self.one_of(PegPrice::from_u8)?;
        Ok(Peg { price, offset: if self.flag()? { Some(self.u8()?) } else { None } })
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
    /// Inlined: a call would move the id once more.
    #[inline(always)]
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
    fn rate(&mut self) -> Read<RateE8> {
        self.u32().map(RateE8)
    }
    pub(crate) fn fees(&mut self) -> Read<Fees> {
        Ok(Fees { maker: self.rate()?, taker: self.rate()?, buyer: self.rate()?, seller: self.rate()? })
    }
    pub(crate) fn optional_fees(&mut self) -> Read<Option<Fees>> {
        Ok(if self.flag()? { Some(self.fees()?) } else { None })
    }
    pub(crate) fn exchange_rules(&mut self) -> Read<ExchangeRules> {
        Ok(ExchangeRules {
            max_num_orders: self.u32()?,
            max_num_algo_orders: self.u32()?,
            max_num_iceberg_orders: self.u32()?,
            max_num_order_lists: self.u32()?,
            discount: if self.flag()? { Some(self.discount()?) } else { None },
        })
    }
    fn discount(&mut self) -> Read<Discount> {
        Ok(Discount { asset: AssetId(self.u32()?), rate: self.rate()? })
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
            percent_price: if self.flag()? { Some(self.percent_price()?) } else { None },
            iceberg_parts: self.u16()?,
            max_num_algo_orders: self.u32()?,
            max_num_iceberg_orders: self.u32()?,
            max_num_order_lists: self.u32()?,
            max_num_order_amends: self.u16()?,
            max_position: Amount(self.u128()?),
            trailing_delta: if self.flag()? { Some(self.trailing_delta()?) } else { None },
            price_range: if self.flag()? { Some(self.price_range()?) } else { None },
            reference: if self.flag()? { Some(self.reference()?) } else { None },
            kinds: self.u8()?,
            features: self.u16()?,
            permissions: self.u32()?,
            fees: self.fees()?,
            special_fees: self.fees()?,
            tax_fees: self.fees()?,
            discount: self.flag()?,
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
    fn percent_price(&mut self) -> Read<PercentPrice> {
        let [bid_up, bid_down, ask_up, ask_down] = self.four()?;
        Ok(PercentPrice { bid_up, bid_down, ask_up, ask_down, by_side: self.flag()? })
    }
    fn trailing_delta(&mut self) -> Read<TrailingDelta> {
        Ok(TrailingDelta {
            above_min: self.u32()?,
            above_max: self.u32()?,
            below_min: self.u32()?,
            below_max: self.u32()?,
        })
    }
    fn price_range(&mut self) -> Read<PriceRange> {
        let [bid_up, bid_down, ask_up, ask_down] = self.four()?;
        Ok(PriceRange { bid_up, bid_down, ask_up, ask_down })
    }
    fn reference(&mut self) -> Read<ReferenceRule> {
        Ok(ReferenceRule { count: self.u32()?, width_ms: self.u32()? })
    }
    fn four(&mut self) -> Read<[u64; 4]> {
        Ok([self.u64()?, self.u64()?, self.u64()?, self.u64()?])
    }
}
