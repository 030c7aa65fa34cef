//! Which shard a row belongs to, worked out here from the definition and not by the code under test.

use twox_hash::XxHash64;

/// The keyspace id of vindex `xxhash`: XXH64 with seed 0 of the value's text, little-endian.
pub fn xxhash(value: &str) -> [u8; 8] {
    XxHash64::oneshot(0, value.as_bytes()).to_le_bytes()
}

/// Which of the two shards of the sample cluster has this customer.
pub fn customer_shard(customer_id: u64) -> &'static str {
    if xxhash(&customer_id.to_string())[0] < 0x80 { "-80" } else { "80-" }
}
