//! SET: what vtgate behaves by, what it keeps for the client, and what the tablets' connections must have.

use proto::query::execute_options::{TransactionAccessMode, TransactionIsolation};
use sqlast::{
    SqlMode,
    ast::{Expr, Isolation, Literal, Set, SetItem, SysVar, TransactionCharacteristic, VarScope},
};
use sqltypes::BindValue;
use vterrors::{Condition, Error, Result};

use super::{Collected, Executor, Outcome, Sink};
use crate::{
    session::{Charset, Session, VariableKind, variable_kind},
    tx::{ShardCall, ShardQuery, Work},
};

/// Modes that only concern how the client's text is read: tablets get text in the default mode.
const LEXING_MODES: [&str; 6] =
    ["ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES", "IGNORE_SPACE", "HIGH_NOT_PRECEDENCE", "ANSI"];

/// MySQL's default mode; a session in it needs nothing from its tablets.
const DEFAULT_SQL_MODE: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// The value of a SET as text, and as SQL.
struct Value {
    /// `None` for NULL and DEFAULT.
    text: Option<String>,
    sql: String,
    is_default: bool,
}

impl Executor {
    pub(super) async fn set(&self, session: &mut Session, set: &Set, _: &mut dyn Sink) -> Result<Outcome> {
        for item in &set.items {
            match item {
                SetItem::UserVar(name, expr) => {
                    let value = self.evaluate(session, expr).await?;
                    session.user_variables.insert(name.to_lower(), value);
                }
                SetItem::SysVar(variable, expr) => self.set_variable(session, variable, expr).await?,
                SetItem::Names { charset, collation } => {
                    let charset = charset.as_ref().map(|c| c.to_string_lossy().into_owned());
                    self.set_names(session, charset.as_deref()).await?;
                    if let Some(collation) = collation {
                        self.set_collation(session, &collation.to_string_lossy()).await?;
                    }
                }
                SetItem::CharacterSet(charset) => {
                    let charset = charset.as_ref().map(|c| c.to_string_lossy().into_owned());
                    self.set_names(session, charset.as_deref()).await?;
                }
                SetItem::Transaction { scope, characteristics } => {
                    if *scope == Some(VarScope::Global) {
                        return Err(global("transaction characteristics"));
                    }
                    characteristics.iter().for_each(|c| set_characteristic(session, *c));
                }
                SetItem::Other(_) => {
                    return Err(Error::unsupported(
                        "not supported yet: SET of passwords, roles and resource groups",
                    ));
                }
            }
        }
        Ok(Outcome::default())
    }

    async fn set_variable(&self, session: &mut Session, variable: &SysVar, expr: &Expr) -> Result<()> {
        let name = variable.name.to_lower();
        if matches!(variable.scope, Some(VarScope::Global | VarScope::Persist | VarScope::PersistOnly)) {
            return Err(global(&name));
        }
        let value = self.value_of(session, expr).await?;
        if matches!(
            name.as_str(),
            "character_set_client" | "character_set_connection" | "character_set_results"
        ) {
            return self.set_charset_variable(session, &name, &value).await;
        }
        match variable_kind(&name) {
            VariableKind::Own => self.set_own(session, &name, value).await,
            VariableKind::Kept => {
                match value.text {
                    Some(text) => drop(session.kept_variables.insert(name, text)),
                    None => drop(session.kept_variables.remove(&name)),
                }
                Ok(())
            }
            VariableKind::Tablet if value.is_default => self.set_default_on_tablets(session, &name).await,
            VariableKind::Tablet => match (name.as_str(), &value.text) {
                ("collation_connection", Some(collation)) => self.set_collation(session, collation).await,
                _ => self.set_on_tablets(session, &name, value.sql).await,
            },
            VariableKind::ReadOnly => {
                Err(Error::mysql(1238, *b"HY000", format!("Variable '{name}' is a read only variable")))
            }
            VariableKind::Global => Err(global(&name)),
            VariableKind::Unknown => {
                Err(Error::new(Condition::UnknownVariable, format!("Unknown system variable '{name}'")))
            }
        }
    }

    async fn set_own(&self, session: &mut Session, name: &str, value: Value) -> Result<()> {
        let wrong = |text: &str| {
            Error::mysql(1231, *b"42000", format!("Variable '{name}' can't be set to the value of '{text}'"))
        };
        let text = value.text.clone().unwrap_or_default();
        match name {
            "autocommit" => {
                let on = if value.is_default { true } else { boolean(&text).ok_or_else(|| wrong(&text))? };
                if on && !session.autocommit && session.in_transaction {
                    self.commit_parts(session).await?;
                }
                session.autocommit = on;
            }
            "sql_select_limit" => {
                let limit = if value.is_default { u64::MAX } else { select_limit(&text)? };
                session.select_limit = Some(limit).filter(|limit| *limit < u64::MAX);
            }
            "last_insert_id" | "identity" => {
                session.last_insert_id = text.parse().map_err(|_| wrong_type(name))?;
            }
            "insert_id" => {
                return Err(Error::unsupported(
                    "SET insert_id: ids come from sequences, or stand in the statement",
                ));
            }
            "client_found_rows" => session.client_found_rows = boolean(&text).ok_or_else(|| wrong(&text))?,
            "workload" => {
                session.olap = match text.to_ascii_lowercase().as_str() {
                    "olap" => true,
                    "oltp" | "unspecified" | "" => false,
                    _ => return Err(wrong(&text)),
                }
            }
            "sql_mode" => {
                let mode = if value.is_default { DEFAULT_SQL_MODE.to_owned() } else { text };
                self.set_sql_mode(session, &mode).await?;
            }
            "transaction_isolation" | "tx_isolation" => {
                let text = if value.is_default { "REPEATABLE-READ".to_owned() } else { text };
                let isolation = match text.to_ascii_uppercase().as_str() {
                    "READ-UNCOMMITTED" => Isolation::ReadUncommitted,
                    "READ-COMMITTED" => Isolation::ReadCommitted,
                    "REPEATABLE-READ" => Isolation::RepeatableRead,
                    "SERIALIZABLE" => Isolation::Serializable,
                    _ => return Err(wrong(&text)),
                };
                let sql = format!("'{}'", text.to_ascii_uppercase());
                if isolation != Isolation::RepeatableRead
                    || session.system_variables.contains_key("transaction_isolation")
                {
                    self.set_on_tablets(session, "transaction_isolation", sql).await?;
                }
            }
            "transaction_read_only" | "tx_read_only" => {
                let on = !value.is_default && boolean(&text).ok_or_else(|| wrong(&text))?;
                if on || session.system_variables.contains_key("transaction_read_only") {
                    self.set_on_tablets(session, "transaction_read_only", u8::from(on).to_string()).await?;
                }
            }
            // transaction_mode: the gate's option decides; a session may only say the same.
            _ => drop(session.kept_variables.insert(name.to_owned(), text)),
        }
        Ok(())
    }

    async fn set_sql_mode(&self, session: &mut Session, mode: &str) -> Result<()> {
        session.sql_mode = SqlMode::parse(mode);
        session.kept_variables.insert("sql_mode".to_owned(), mode.to_owned());
        let upper = mode.to_ascii_uppercase();
        let for_tablets: Vec<&str> =
            upper.split(',').map(str::trim).filter(|m| !m.is_empty() && !LEXING_MODES.contains(m)).collect();
        if let Some(odd) =
            for_tablets.iter().find(|m| !m.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        {
            return Err(Error::mysql(
                1231,
                *b"42000",
                format!("Variable 'sql_mode' can't be set to the value of '{odd}'"),
            ));
        }
        let sorted = |mut modes: Vec<&str>| {
            modes.sort_unstable();
            modes.join(",")
        };
        let is_default = sorted(for_tablets.clone()) == sorted(DEFAULT_SQL_MODE.split(',').collect());
        if is_default && !session.system_variables.contains_key("sql_mode") {
            return Ok(());
        }
        self.set_on_tablets(session, "sql_mode", format!("'{}'", for_tablets.join(","))).await
    }

    /// SET NAMES and SET CHARACTER SET; no name is the default.
    async fn set_names(&self, session: &mut Session, name: Option<&str>) -> Result<()> {
        let charset = Charset::parse(name.unwrap_or("default"))?;
        self.set_default_on_tablets(session, "collation_connection").await?;
        self.set_results_charset(session, charset).await?;
        session.client_charset = charset;
        session.kept_variables.remove("character_set_connection");
        Ok(())
    }

    /// `SET character_set_client = ...` and its siblings. Results in the character set NULL are not converted
    /// by MySQL, and each column says what it is in: here they say utf8mb4, and are.
    async fn set_charset_variable(&self, session: &mut Session, name: &str, value: &Value) -> Result<()> {
        let charset = match &value.text {
            Some(text) => Charset::parse(text)?,
            None => Charset::default(),
        };
        match name {
            "character_set_client" => session.client_charset = charset,
            "character_set_results" => self.set_results_charset(session, charset).await?,
            _ => drop(session.kept_variables.insert(name.to_owned(), charset.name().to_owned())),
        }
        Ok(())
    }

    /// `binary` alone concerns the tablets: their rows then have each column's own bytes.
    async fn set_results_charset(&self, session: &mut Session, charset: Charset) -> Result<()> {
        const NAME: &str = "character_set_results";
        if charset == Charset::Binary {
            self.set_on_tablets(session, NAME, "binary".to_owned()).await?;
        } else if session.system_variables.remove(NAME).is_some() {
            self.apply_setting(session, "set character_set_results = utf8mb4").await?;
        }
        session.results_charset = charset;
        Ok(())
    }

    /// The collation of literals. Tablets' connections have the default one already, and a session that says so as well, as
    /// drivers do, should not need connections of its own.
    async fn set_collation(&self, session: &mut Session, collation: &str) -> Result<()> {
        let default = if self.config.server_version.contains("MariaDB") {
            "utf8mb4_general_ci"
        } else {
            Charset::Utf8mb4.default_collation()
        };
        if collation.eq_ignore_ascii_case(default) {
            return self.set_default_on_tablets(session, "collation_connection").await;
        }
        let sql = format!("'{}'", collation.replace('\'', ""));
        self.set_on_tablets(session, "collation_connection", sql).await
    }

    /// Notes a setting for the connections to come, and sets it on those that the session holds. A value
    /// that MySQL refuses is refused at once and not kept.
    async fn set_on_tablets(&self, session: &mut Session, name: &str, sql: String) -> Result<()> {
        let before = session.system_variables.insert(name.to_owned(), sql.clone());
        if before.as_ref() == Some(&sql) {
            return Ok(());
        }
        let result = self.apply_setting(session, &format!("set {name} = {sql}")).await;
        if result.is_err() {
            match before {
                Some(before) => drop(session.system_variables.insert(name.to_owned(), before)),
                None => drop(session.system_variables.remove(name)),
            }
        }
        result
    }

    /// Connections to come need nothing for it any more; those that the session holds get it.
    async fn set_default_on_tablets(&self, session: &mut Session, name: &str) -> Result<()> {
        if session.system_variables.remove(name).is_none() {
            return Ok(());
        }
        let sql = match name {
            // Its default is the server's, which may be of another character set.
            "collation_connection" => "set names utf8mb4".to_owned(),
            _ => format!("set {name} = default"),
        };
        self.apply_setting(session, &sql).await
    }

    async fn apply_setting(&self, session: &mut Session, sql: &str) -> Result<()> {
        let held: Vec<_> = session.shards.iter().filter(|s| s.reserved_id != 0).cloned().collect();
        let queries: Vec<ShardQuery> = held
            .into_iter()
            .map(|h| ShardQuery { target: h.target, sql: sql.into(), binds: Default::default() })
            .collect();
        for query in &queries {
            let in_transaction = session.in_transaction;
            let call =
                ShardCall { gateway: &self.gateway, session, in_transaction, work: Work::Read, span: None };
            let answer = call.execute(query).await;
            if let Some(held) = answer.held {
                session.hold(held);
            }
            answer.result?;
        }
        Ok(())
    }

    /// The value of a SET's right side. Words without quotes are taken as text, as MySQL does.
    async fn value_of(&self, session: &mut Session, expr: &Expr) -> Result<Value> {
        let sql = || String::from_utf8_lossy(&sqlast::to_sql(expr)).into_owned();
        let word = |text: &str| Value { text: Some(text.to_owned()), sql: sql(), is_default: false };
        Ok(match expr {
            Expr::Default(_) => Value { text: None, sql: "default".to_owned(), is_default: true },
            Expr::Column(column) if column.qualifier.is_none() => word(&column.name.to_string_lossy()),
            Expr::Literal(Literal::Null) => Value { text: None, sql: "null".to_owned(), is_default: false },
            Expr::Literal(literal) => match literal.value_bytes() {
                Some(bytes) => word(&String::from_utf8_lossy(&bytes)),
                None => word(""),
            },
            _ => match self.evaluate(session, expr).await? {
                BindValue::Scalar(proto::query::Type::NullType, _) => {
                    Value { text: None, sql: "null".to_owned(), is_default: false }
                }
                BindValue::Scalar(ty, bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let quoted = format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
                    let sql = if sqltypes::is_number(ty) { text.clone() } else { quoted };
                    Value { text: Some(text), sql, is_default: false }
                }
                BindValue::List(_) => return Err(Error::invalid("SET needs one value")),
            },
        })
    }

    /// The value of any expression: MySQL evaluates it.
    pub(super) async fn evaluate(&self, session: &mut Session, expr: &Expr) -> Result<BindValue> {
        let mut sql = b"select ".to_vec();
        sql.extend_from_slice(&sqlast::to_sql(expr));
        sql.extend_from_slice(b" from dual");
        let mut collected = Collected::default();
        let mode = std::mem::take(&mut session.sql_mode);
        let result = Box::pin(self.execute(session, &sql, Default::default(), &mut collected)).await;
        session.sql_mode = mode;
        result?;
        let ty = collected.fields.first().map_or(proto::query::Type::NullType, |f| f.r#type());
        let value = collected.rows.first().and_then(|row| sqltypes::value_at(row, 0).flatten());
        Ok(match value {
            Some(v) => BindValue::Scalar(ty, bytes::Bytes::copy_from_slice(v)),
            None => BindValue::NULL,
        })
    }
}

fn global(name: &str) -> Error {
    Error::new(
        Condition::Unsupported,
        format!(
            "SET GLOBAL is not supported: {name} concerns whole servers, use vtctldclient ExecuteFetchAsDBA"
        ),
    )
}

fn select_limit(text: &str) -> Result<u64> {
    match text.parse::<i128>() {
        Ok(limit) => Ok(u64::try_from(limit.max(0)).unwrap_or(u64::MAX)),
        Err(_) => Err(wrong_type("sql_select_limit")),
    }
}

fn wrong_type(name: &str) -> Error {
    Error::mysql(1232, *b"42000", format!("Incorrect argument type to variable '{name}'"))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "true" => Some(true),
        "0" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// `SET TRANSACTION` without a variable: for the next transaction (or the one that has not begun to work).
fn set_characteristic(session: &mut Session, c: TransactionCharacteristic) {
    let options = &mut session.transaction_options;
    match c {
        TransactionCharacteristic::ReadOnly => {
            options.transaction_access_mode = vec![TransactionAccessMode::ReadOnly as i32];
        }
        TransactionCharacteristic::ReadWrite => {
            options.transaction_access_mode = vec![TransactionAccessMode::ReadWrite as i32];
        }
        TransactionCharacteristic::Isolation(isolation) => {
            options.transaction_isolation = match isolation {
                Isolation::ReadUncommitted => TransactionIsolation::ReadUncommitted,
                Isolation::ReadCommitted => TransactionIsolation::ReadCommitted,
                Isolation::RepeatableRead => TransactionIsolation::RepeatableRead,
                Isolation::Serializable => TransactionIsolation::Serializable,
            } as i32;
        }
    }
}

/// What `@@name` is in this session, as far as vtgate answers it; `None` for a variable nobody knows.
pub(super) fn shown(executor: &Executor, session: &Session, name: &str) -> Option<BindValue> {
    let text = |s: &str| BindValue::text(s.as_bytes().to_vec());
    if let Some(kept) = session.kept_variables.get(name) {
        return Some(match kept.parse::<i64>() {
            Ok(n) => BindValue::int64(n),
            Err(_) => text(kept),
        });
    }
    if let Some(sql) = session.system_variables.get(name) {
        return Some(match sql.parse::<i64>() {
            Ok(n) => BindValue::int64(n),
            Err(_) => text(sql.trim_matches('\'')),
        });
    }
    Some(match name {
        "autocommit" => BindValue::int64(session.autocommit.into()),
        "client_found_rows" => BindValue::int64(session.client_found_rows.into()),
        "workload" => text(if session.olap { "OLAP" } else { "OLTP" }),
        "transaction_mode" => {
            text(if executor.config.single_shard_transactions { "SINGLE" } else { "MULTI" })
        }
        "version" => text(&executor.config.server_version),
        "version_comment" => text("Vivace"),
        "sql_mode" => text(DEFAULT_SQL_MODE),
        "transaction_isolation" | "tx_isolation" => text("REPEATABLE-READ"),
        "transaction_read_only" | "tx_read_only" | "read_only" | "super_read_only" => BindValue::int64(0),
        "max_allowed_packet" => BindValue::int64(64 << 20),
        "character_set_client" | "character_set_connection" => text(session.client_charset.name()),
        "character_set_results" => text(session.results_charset.name()),
        "character_set_server" | "character_set_database" => text("utf8mb4"),
        "collation_connection" => text(session.client_charset.default_collation()),
        "collation_server" | "collation_database" => text("utf8mb4_0900_ai_ci"),
        "time_zone" => text("SYSTEM"),
        "system_time_zone" => text("UTC"),
        "wait_timeout" | "interactive_timeout" => BindValue::int64(28800),
        "net_write_timeout" => BindValue::int64(60),
        "net_read_timeout" => BindValue::int64(30),
        "net_buffer_length" => BindValue::int64(16384),
        "lower_case_table_names" => BindValue::int64(0),
        "auto_increment_increment" => BindValue::int64(1),
        "sql_auto_is_null" | "query_cache_size" => BindValue::int64(0),
        "query_cache_type" => text("OFF"),
        "sql_select_limit" => BindValue::uint64(session.select_limit.unwrap_or(u64::MAX)),
        "last_insert_id" | "identity" => BindValue::uint64(session.last_insert_id),
        "foreign_key_checks" | "unique_checks" | "sql_notes" | "sql_warnings" => BindValue::int64(1),
        "init_connect" | "license" => text(""),
        "performance_schema" => BindValue::int64(0),
        "session_track_gtids" => text("OFF"),
        "max_execution_time" => BindValue::int64(0),
        "default_storage_engine" | "storage_engine" => text("InnoDB"),
        "have_ssl" | "have_openssl" | "have_profiling" => text("NO"),
        "hostname" => text("localhost"),
        "port" => BindValue::int64(0),
        "socket" | "datadir" | "basedir" => text(""),
        "innodb_version" => text(&executor.config.server_version),
        "protocol_version" => BindValue::int64(10),
        "gtid_mode" => text("ON"),
        _ => return None,
    })
}

/// Names that `SHOW VARIABLES` lists.
pub(super) const SHOWN: &[&str] = &[
    "auto_increment_increment",
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_results",
    "character_set_server",
    "collation_connection",
    "collation_database",
    "collation_server",
    "default_storage_engine",
    "foreign_key_checks",
    "init_connect",
    "interactive_timeout",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_execution_time",
    "net_buffer_length",
    "net_read_timeout",
    "net_write_timeout",
    "performance_schema",
    "sql_auto_is_null",
    "sql_mode",
    "sql_select_limit",
    "system_time_zone",
    "time_zone",
    "transaction_isolation",
    "transaction_mode",
    "transaction_read_only",
    "unique_checks",
    "version",
    "version_comment",
    "wait_timeout",
    "workload",
];
