//! The command format: every command survives it, and nothing that is not a command gets through it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod support;

use std::collections::BTreeSet;

use support::{ACCOUNTS, Random, command, opening, rules};
use tandem_core::Core;
use tandem_core::codec::{DecodeError, VERSION, decode, encode, older_version};
use tandem_core::command::{CancelOrder, Command, Origin, PlaceList, PlaceOrder};
use tandem_core::types::*;

fn encoded(origin: Origin, command: &Command) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(origin, command, &mut bytes);
    bytes
}

/// Many commands, every kind and every optional field among them.
fn commands() -> Vec<Command> {
    let mut random = Random::new(5);
    let mut all = opening(&mut random);
    let core = Core::new();
    all.extend((0..2_000).map(|_| command(&mut random, &core)));
    all.push(Command::CreateAsset { code: "Ж".into(), name: "名".into(), decimals: 255 });
    all.push(Command::CreateAccount { name: "x".repeat(70_000) });
    let mut all_filters = rules(&mut random);
    all_filters.min_notional = Some(MinNotional { min: Amount(u128::MAX), apply_to_market: false });
    all_filters.notional = Some(Notional {
        min: Amount(1),
        apply_min_to_market: false,
        max: Amount(u128::MAX),
        apply_max_to_market: true,
    });
    all.push(Command::UpdateMarket { market: MarketId(u32::MAX), rules: Box::new(all_filters) });
    all
}

#[test]
fn every_command_survives_its_encoding() {
    let mut kinds = BTreeSet::new();
    for (number, command) in commands().iter().enumerate() {
        let origin = Origin { session: u64::MAX - number as u64, number: number as u64 };
        let bytes = encoded(origin, command);
        kinds.insert(bytes[1]);
        assert_eq!(decode(&bytes), Ok((origin, command.clone())));
    }
    assert_eq!(kinds.into_iter().collect::<Vec<u8>>(), (1..=21).collect::<Vec<u8>>());
}

#[test]
fn every_truncation_and_every_longer_payload_is_refused() {
    for command in commands().iter().filter(|c| !matches!(c, Command::CreateAccount { name } if name.len() > 100)) {
        let mut bytes = encoded(Origin { session: 1, number: 2 }, command);
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), Err(DecodeError::Short), "{command:?} cut to {len}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(DecodeError::TrailingBytes));
    }
}

#[test]
fn every_flipped_bit_is_refused_or_makes_another_command_with_that_encoding() {
    let (mut refused, mut other) = (0, 0);
    for command in commands().iter().step_by(7) {
        let original = encoded(Origin { session: 1, number: 2 }, command);
        if original.len() > 1_000 {
            continue;
        }
        for bit in 0..original.len() * 8 {
            let mut bytes = original.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match decode(&bytes) {
                Err(_) => refused += 1,
                Ok((origin, decoded)) => {
                    // One command, one encoding: what was read is written back to the byte.
                    assert_eq!(encoded(origin, &decoded), bytes);
                    assert_ne!((origin, &decoded), (Origin { session: 1, number: 2 }, command));
                    other += 1;
                }
            }
        }
    }
    assert!(refused > 10_000 && other > 10_000, "{refused} refused, {other} other commands");
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random::new(77);
    let mut decoded = 0;
    for _ in 0..300_000 {
        let len = random.below(90) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8 >> random.below(8)).collect();
        if len > 2 {
            bytes[0] = VERSION;
            bytes[1] = random.below(24) as u8;
        }
        decoded += usize::from(decode(&bytes).is_ok());
    }
    assert!(decoded > 100);
}

#[test]
fn the_format_is_the_one_in_the_specification() {
    let place = Command::PlaceOrder(PlaceOrder {
        account: AccountId(ACCOUNTS as u32),
        market: MarketId(1),
        side: Side::Sell,
        kind: OrderKind::Limit,
        tif: TimeInForce::Ioc,
        price: Price(0x0102_0304_0506_0708),
        qty: Qty(9),
        quote_qty: Amount(0),
        client_order_id: ClientOrderId::new(b"a-1").unwrap(),
        stp: Some(SelfTradePrevention::Decrement),
        strategy_id: Some(-2),
        strategy_type: Some(1_000_000),
        terms: None,
    });
    let expected: Vec<u8> = [
        &[2, 10][..],
        &[0x11, 0, 0, 0, 0, 0, 0, 0],
        &[0x22, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0, 0, 0],
        &[1, 0, 0, 0],
        &[1, 0, 1, 7],
        &[8, 7, 6, 5, 4, 3, 2, 1],
        &[9, 0, 0, 0, 0, 0, 0, 0],
        &[0; 16],
        &[4],
        &[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0x40, 0x42, 0x0F, 0],
        &[3, b'a', b'-', b'1'],
    ]
    .concat();
    assert_eq!(encoded(Origin { session: 0x11, number: 0x22 }, &place), expected);

    let cancel = Command::CancelOrder(CancelOrder {
        account: AccountId(3),
        market: MarketId(0),
        order_id: Some(OrderId(7)),
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::new(b"z").unwrap(),
        restriction: Some(CancelRestriction::OnlyPartiallyFilled),
    });
    let expected: Vec<u8> = [
        &[2, 11][..],
        &[0; 16],
        &[3, 0, 0, 0],
        &[0, 0, 0, 0],
        &[1],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        &[0],
        &[1, b'z'],
        &[1, 1],
    ]
    .concat();
    assert_eq!(encoded(Origin::default(), &cancel), expected);
}

/// The second example of the specification.
fn pegged_stop() -> PlaceOrder {
    PlaceOrder {
        account: AccountId(6),
        market: MarketId(1),
        side: Side::Buy,
        kind: OrderKind::StopLossLimit,
        tif: TimeInForce::Gtc,
        price: Price(0),
        qty: Qty(9),
        quote_qty: Amount(0),
        client_order_id: ClientOrderId::EMPTY,
        stp: None,
        strategy_id: None,
        strategy_type: None,
        terms: Some(Box::new(Terms {
            stop_price: Price(7),
            trailing_delta: 0,
            iceberg_qty: Qty(3),
            peg: Some(Peg { price: PegPrice::Market, offset: Some(2) }),
            use_sor: false,
        })),
    }
}

#[test]
fn a_client_order_id_has_letters_digits_hyphens_and_underscores_wherever_they_stand() {
    for byte in 0..=u8::MAX {
        let is_legal = matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
        for len in 1..=CLIENT_ORDER_ID_MAX {
            for at in [0, len / 2, len - 1] {
                let mut text = vec![b'x'; len];
                text[at] = byte;
                let id = ClientOrderId::new(&text);
                assert_eq!(id.map(|id| id.as_bytes().to_vec()), is_legal.then_some(text), "{byte} at {at} of {len}");
            }
        }
    }
    assert_eq!(ClientOrderId::new(b""), Some(ClientOrderId::EMPTY));
    assert_eq!(ClientOrderId::new(&[b'x'; CLIENT_ORDER_ID_MAX + 1]), None);
}

#[test]
fn terms_have_one_encoding_and_the_default_ones_none() {
    let order = pegged_stop();
    let expected: Vec<u8> = [
        &[2, 10][..],
        &[0; 16],
        &[6, 0, 0, 0],
        &[1, 0, 0, 0],
        &[0, 4, 0, 8],
        &[0; 8],
        &[9, 0, 0, 0, 0, 0, 0, 0],
        &[0; 16],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        &[0; 4],
        &[3, 0, 0, 0, 0, 0, 0, 0],
        &[1, 1, 1, 2],
        &[0],
        &[0],
    ]
    .concat();
    assert_eq!(encoded(Origin::default(), &Command::PlaceOrder(order.clone())), expected);
    let default = PlaceOrder { terms: Some(Box::default()), ..order };
    let bytes = encoded(Origin::default(), &Command::PlaceOrder(default));
    assert_eq!(decode(&bytes), Err(DecodeError::FieldInvalid));
}

#[test]
fn a_list_of_more_orders_than_bytes_is_refused_and_the_longest_legal_one_fits() {
    let mut orders = vec![pegged_stop(); 3];
    for order in &mut orders {
        order.client_order_id = ClientOrderId::new(&[b'x'; CLIENT_ORDER_ID_MAX]).unwrap();
        (order.stp, order.strategy_id, order.strategy_type) = (Some(SelfTradePrevention::Transfer), Some(1), Some(2));
    }
    let list = PlaceList {
        account: AccountId(6),
        market: MarketId(1),
        kind: ListKind::Otoco,
        client_list_id: ClientOrderId::new(&[b'y'; CLIENT_ORDER_ID_MAX]).unwrap(),
        orders,
    };
    let mut bytes = encoded(Origin::default(), &Command::PlaceList(list));
    assert!(bytes.len() < 4096, "{}", bytes.len());
    // Behind version, kind, origin, account, market, kind and the list's id of 1 + 36 bytes.
    let count = 18 + 9 + 37;
    assert_eq!(bytes[count..count + 4], [3, 0, 0, 0]);
    bytes[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode(&bytes), Err(DecodeError::Short));
}

#[test]
fn an_older_command_is_known_as_one() {
    assert_eq!(older_version(&[1, 10, 0]), Some(1));
    assert_eq!(decode(&[1; 60]), Err(DecodeError::VersionUnknown));
    for payload in [&[][..], &[0], &[VERSION, 10], &[VERSION + 1]] {
        assert_eq!(older_version(payload), None);
    }
}
