//! A keyed 128-bit hash: two lanes of folded multiplication.
//!
//! Not a cryptographic one: who finds a collision gains nothing, because a hit compares the skeleton too.

use super::FingerprintKey;

/// Odd numbers without structure (digits of pi in hexadecimal).
const FACTORS: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];

pub(super) fn keyed(bytes: &[u8], key: &FingerprintKey) -> u128 {
    let [mut low, mut high] = key.0;
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut add = |chunk: &[u8; 16]| {
        let word = u128::from_le_bytes(*chunk);
        let (a, b) = (word as u64, (word >> 64) as u64);
        low = fold(a ^ low ^ FACTORS[0], b ^ key.0[0] ^ FACTORS[1]);
        high = fold(b ^ high ^ FACTORS[2], a ^ key.0[1] ^ FACTORS[3]);
    };
    for chunk in chunks {
        add(chunk);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    let length = bytes.len() as u64;
    low = fold(low ^ length, FACTORS[3] ^ key.0[1]);
    high = fold(high ^ length, FACTORS[1] ^ key.0[0]);
    u128::from(low) | u128::from(high) << 64
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}
