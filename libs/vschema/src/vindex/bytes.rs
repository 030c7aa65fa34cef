//! Vindexes of a value's bytes: binary, binary_md5, xxhash.

use md5::{Digest, Md5};
use twox_hash::XxHash64;

/// The sixteen bytes of MD5.
pub(super) fn md5(bytes: &[u8]) -> Vec<u8> {
    Md5::digest(bytes).to_vec()
}

/// XXH64 with seed 0, little-endian.
pub(super) fn xxhash(bytes: &[u8]) -> Vec<u8> {
    XxHash64::oneshot(0, bytes).to_le_bytes().to_vec()
}
