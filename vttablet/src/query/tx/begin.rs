//! The statements that open a transaction. Pure.

use proto::query::{
    ExecuteOptions,
    execute_options::{TransactionAccessMode as Access, TransactionIsolation as Isolation},
};

/// What to send for a transaction with `options` on a tablet that may be read-only; nothing when each
/// statement is to commit by itself.
pub fn begin_statements(options: Option<&ExecuteOptions>, read_only: bool) -> Vec<String> {
    let isolation = options.map_or(Isolation::Default, ExecuteOptions::transaction_isolation);
    let level = match isolation {
        Isolation::Default => None,
        Isolation::RepeatableRead | Isolation::ConsistentSnapshotReadOnly => Some("repeatable read"),
        Isolation::ReadCommitted => Some("read committed"),
        Isolation::ReadUncommitted => Some("read uncommitted"),
        Isolation::Serializable => Some("serializable"),
        Isolation::Autocommit => return Vec::new(),
    };
    let modes: Vec<Access> = options.map(|o| o.transaction_access_mode().collect()).unwrap_or_default();
    let snapshot =
        isolation == Isolation::ConsistentSnapshotReadOnly || modes.contains(&Access::ConsistentSnapshot);
    let only_read =
        read_only || isolation == Isolation::ConsistentSnapshotReadOnly || modes.contains(&Access::ReadOnly);

    let mut characteristics = Vec::new();
    if snapshot {
        characteristics.push("with consistent snapshot");
    }
    if only_read {
        characteristics.push("read only");
    } else if modes.contains(&Access::ReadWrite) {
        characteristics.push("read write");
    }
    let mut statements: Vec<String> =
        level.map(|l| format!("set transaction isolation level {l}")).into_iter().collect();
    statements.push(match characteristics.is_empty() {
        true => "begin".to_owned(),
        false => format!("start transaction {}", characteristics.join(", ")),
    });
    statements
}
