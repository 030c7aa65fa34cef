//! The prepared statements of one connection, bounded in number and in bytes.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use mysqlwire::{
    packet::Reader,
    server::{MAX_COMMAND_BYTES, ParamType, read_execute_head, read_params},
};
use sqltypes::BindValue;
use vterrors::{Condition, Error, Result};

use crate::{executor::too_many_prepared, session::Prepared};

/// Most statements of a connection: the default of MySQL's `max_prepared_stmt_count`.
const MAX_STATEMENTS: usize = 16_382;
/// Most bytes of their texts and columns.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// One statement.
#[derive(Debug)]
struct Statement {
    prepared: Arc<Prepared>,
    /// The parameters' types, as the client last told them.
    types: Vec<ParamType>,
    /// Values that came in pieces (COM_STMT_SEND_LONG_DATA).
    long_data: Vec<Option<Vec<u8>>>,
    /// What was wrong with a piece: the execution tells it, the piece has no answer.
    fault: Option<Error>,
}

/// The statements by their numbers.
#[derive(Debug, Default)]
pub(super) struct Statements {
    last_id: u32,
    by_id: HashMap<u32, Statement>,
    text_bytes: usize,
    long_bytes: usize,
}

fn unknown(id: u32, what: &str) -> Error {
    Error::mysql(1243, *b"HY000", format!("Unknown prepared statement handler ({id}) given to {what}"))
}

impl Statements {
    /// Keeps a statement under a new number.
    ///
    /// Errors: 1461 where the connection has too many already, or too long ones.
    pub(super) fn add(&mut self, prepared: Arc<Prepared>) -> Result<u32> {
        if self.by_id.len() >= MAX_STATEMENTS {
            return Err(too_many_prepared(MAX_STATEMENTS));
        }
        if self.text_bytes + prepared.bytes() > MAX_TEXT_BYTES {
            return Err(Error::mysql(
                1461,
                *b"42000",
                format!(
                    "Can't create more prepared statements: those of this connection take {MAX_TEXT_BYTES} bytes"
                ),
            ));
        }
        self.text_bytes += prepared.bytes();
        // Numbers go round; one that is still in use is passed over.
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.by_id.contains_key(&self.last_id) {
                break;
            }
        }
        let long_data = vec![None; prepared.params().into()];
        self.by_id.insert(self.last_id, Statement { prepared, types: Vec::new(), long_data, fault: None });
        Ok(self.last_id)
    }

    /// COM_STMT_CLOSE, without its command byte; there is no answer.
    pub(super) fn close(&mut self, body: &[u8]) {
        let Ok(id) = Reader::new(body).u32() else { return };
        self.drop_long_data(id);
        if let Some(closed) = self.by_id.remove(&id) {
            self.text_bytes = self.text_bytes.saturating_sub(closed.prepared.bytes());
        }
    }

    /// COM_STMT_RESET: what came in pieces is forgotten.
    pub(super) fn reset(&mut self, body: &[u8]) -> Result<()> {
        let id = Reader::new(body).u32()?;
        self.drop_long_data(id);
        let statement = self.by_id.get_mut(&id).ok_or_else(|| unknown(id, "mysqld_stmt_reset"))?;
        statement.fault = None;
        Ok(())
    }

    /// COM_STMT_SEND_LONG_DATA: a piece of a parameter's value.
    pub(super) fn long_data(&mut self, body: &[u8]) {
        let mut reader = Reader::new(body);
        let (Ok(id), Ok(param)) = (reader.u32(), reader.u16()) else { return };
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        let Some(value) = statement.long_data.get_mut(usize::from(param)) else {
            statement.fault = Some(Error::new(
                Condition::WrongArguments,
                format!("Incorrect arguments to mysqld_stmt_send_long_data: parameter {param}"),
            ));
            return;
        };
        if self.long_bytes + reader.rest().len() > MAX_COMMAND_BYTES {
            statement.fault = Some(Error::new(
                Condition::PacketTooLarge,
                format!(
                    "Parameter of prepared statement which is set through mysql_send_long_data() is longer than 'max_allowed_packet' bytes ({MAX_COMMAND_BYTES})"
                ),
            ));
            return;
        }
        self.long_bytes += reader.rest().len();
        value.get_or_insert_default().extend_from_slice(reader.rest());
    }

    fn drop_long_data(&mut self, id: u32) {
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        for value in &mut statement.long_data {
            self.long_bytes -= value.take().map_or(0, |v| v.len());
        }
    }

    /// COM_STMT_EXECUTE: the statement and the values of its parameters. A cursor that is asked for is not
    /// opened: the rows come at once, as mysqld does where it has none.
    pub(super) fn execution(&mut self, body: &[u8]) -> Result<(Arc<Prepared>, Vec<BindValue>)> {
        let mut reader = Reader::new(body);
        let head = read_execute_head(&mut reader)?;
        let id = head.statement_id;
        let statement = self.by_id.get_mut(&id).ok_or_else(|| unknown(id, "mysqld_stmt_execute"))?;
        if let Some(fault) = statement.fault.take() {
            self.drop_long_data(id);
            return Err(fault);
        }
        let mut long_data = Vec::with_capacity(statement.long_data.len());
        for value in &mut statement.long_data {
            let value = value.take();
            self.long_bytes -= value.as_ref().map_or(0, Vec::len);
            long_data.push(value.map(Bytes::from));
        }
        let params = statement.prepared.params().into();
        let values = read_params(&mut reader, params, &mut statement.types, &long_data)?;
        Ok((statement.prepared.clone(), values))
    }

    /// Forgets all of them (COM_RESET_CONNECTION, COM_CHANGE_USER).
    pub(super) fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }
}

#[cfg(test)]
mod tests;
