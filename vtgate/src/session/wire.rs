//! Sessions of gRPC clients: they travel with each call.

use std::sync::Arc;

use proto::vtgate as wire;
use sqlast::SqlMode;
use vterrors::{Error, Result};
use vtmodel::{TabletAlias, Target, TargetString};

use super::{Caller, LockSession, Prepared, Session, ShardSession};

/// Vitess counts the locks of each name; the number of all is enough to know when none is left.
const ALL_LOCKS: &str = "*";

fn wire_number(number: u64) -> (String, i64) {
    (ALL_LOCKS.to_owned(), i64::try_from(number).unwrap_or(i64::MAX))
}

impl Session {
    /// The session that a client sent.
    pub fn from_wire(session: wire::Session, caller: Caller) -> Result<Self> {
        let mut s = Self::new(0, caller, TargetString::parse(&session.target_string)?);
        s.autocommit = session.autocommit;
        s.in_transaction = session.in_transaction;
        s.shards = session.shard_sessions.iter().map(shard_from_wire).collect::<Result<_>>()?;
        s.before = session.pre_sessions.iter().map(shard_from_wire).collect::<Result<_>>()?;
        s.after = session.post_sessions.iter().map(shard_from_wire).collect::<Result<_>>()?;
        if let Some(held) = &session.lock_session {
            let number = session.advisory_lock.get(ALL_LOCKS).copied();
            let number = number.and_then(|n| u64::try_from(n).ok());
            s.locks = Some(LockSession::new(shard_from_wire(held)?, number, None));
        }
        session.savepoints.into_iter().for_each(|name| s.add_savepoint(name));
        s.warnings = session.warnings;
        s.must_roll_back = session.error_until_rollback;
        let named = session.prepare_statement.into_iter();
        s.prepared = named.map(|(name, p)| (name, Arc::new(Prepared::from_wire(&p)))).collect();
        s.last_insert_id = session.last_insert_id;
        s.found_rows = session.found_rows;
        s.row_count = session.row_count;
        s.user_variables =
            session.user_defined_variables.into_iter().map(|(name, v)| (name, v.into())).collect();
        s.system_variables = session.system_variables.into_iter().collect();
        if let Some(mode) = s.system_variables.get("sql_mode") {
            s.sql_mode = SqlMode::parse(mode.trim_matches('\''));
        }
        if let Some(mut options) = session.options {
            let limit = std::mem::take(&mut options.sql_select_limit);
            s.select_limit = limit_of_wire(limit);
            s.olap = options.workload() == proto::query::execute_options::Workload::Olap;
            s.client_found_rows = options.client_found_rows;
            s.transaction_options = options;
        }
        if !session.session_uuid.is_empty() {
            s.uuid = session.session_uuid;
        }
        Ok(s)
    }

    /// The session as the client keeps it until its next call.
    pub fn to_wire(&self) -> wire::Session {
        wire::Session {
            in_transaction: self.in_transaction,
            shard_sessions: self.shards.iter().map(shard_to_wire).collect(),
            pre_sessions: self.before.iter().map(shard_to_wire).collect(),
            post_sessions: self.after.iter().map(shard_to_wire).collect(),
            autocommit: self.autocommit,
            target_string: self.target.to_string(),
            options: Some(proto::query::ExecuteOptions {
                sql_select_limit: wire_limit(self.select_limit),
                ..self.execute_options()
            }),
            warnings: self.warnings.clone(),
            last_insert_id: self.last_insert_id,
            found_rows: self.found_rows,
            user_defined_variables: self
                .user_variables
                .iter()
                .map(|(name, v)| (name.clone(), v.clone().into()))
                .collect(),
            system_variables: self.system_variables.clone().into_iter().collect(),
            row_count: self.row_count,
            savepoints: self.savepoints.iter().map(|s| s.name.clone()).collect(),
            in_reserved_conn: self.needs_reserved(),
            session_uuid: self.uuid.clone(),
            error_until_rollback: self.must_roll_back,
            prepare_statement: self.prepared.iter().map(|(name, p)| (name.clone(), p.to_wire())).collect(),
            lock_session: self.locks.as_ref().map(|l| shard_to_wire(&l.part)),
            advisory_lock: self.locks.as_ref().and_then(|l| l.number).map(wire_number).into_iter().collect(),
            ..wire::Session::default()
        }
    }
}

/// `sql_select_limit` as Vitess has it, where 0 is none; none at all of the rows is -1.
fn wire_limit(limit: Option<u64>) -> i64 {
    match limit {
        None => 0,
        Some(0) => -1,
        Some(limit) => i64::try_from(limit).unwrap_or(i64::MAX),
    }
}

fn limit_of_wire(limit: i64) -> Option<u64> {
    match limit {
        0 => None,
        limit => Some(u64::try_from(limit).unwrap_or(0)),
    }
}

fn shard_from_wire(s: &wire::session::ShardSession) -> Result<ShardSession> {
    let target = s.target.as_ref().ok_or_else(|| Error::invalid("a shard session has no target"))?;
    let alias = TabletAlias::from_proto(s.tablet_alias.as_ref())
        .ok_or_else(|| Error::invalid("a shard session has no tablet alias"))?;
    Ok(ShardSession {
        target: Target::from(target),
        alias,
        transaction_id: s.transaction_id,
        reserved_id: s.reserved_id,
        wrote: s.rows_affected,
    })
}

fn shard_to_wire(s: &ShardSession) -> wire::session::ShardSession {
    wire::session::ShardSession {
        target: Some((&s.target).into()),
        transaction_id: s.transaction_id,
        tablet_alias: Some((&s.alias).into()),
        reserved_id: s.reserved_id,
        read_only: !s.wrote,
        rows_affected: s.wrote,
    }
}

#[cfg(test)]
mod tests {
    use super::{limit_of_wire, wire_limit};

    #[test]
    fn a_limit_of_rows_comes_back_from_the_wire() {
        for limit in [None, Some(0), Some(1), Some(i64::MAX as u64)] {
            assert_eq!(limit_of_wire(wire_limit(limit)), limit);
        }
    }
}
