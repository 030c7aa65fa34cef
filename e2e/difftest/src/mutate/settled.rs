//! Whether a statement has one answer only. MySQL itself is asked: the tables are there three times, with the same
//! rows in other orders and once without indexes, and an answer that depends on the order (a LIMIT without an ORDER BY, a GROUP_CONCAT, a
//! ROW_NUMBER over equal rows) differs between them. What may agree by chance, or by how MySQL happens to work, is
//! found in the tree ([`is_open`]).

use mysql_async::{Conn, prelude::Queryable};
use sqlast::{
    ParseOptions, Visit, Visitor, Walk,
    ast::{
        AliasedExpr, Expr, FuncCall, InsertSource, OverWindow, Query, QueryBody, SelectItem, Statement,
        TableExpr,
    },
    parse,
};

use crate::{
    Result,
    answer::{Answer, Rows, ask},
    compare::{Class, Wanted, compare},
    order::Shape,
    pair::LIMIT,
    script::Table,
    stand::Stand,
    tables,
};

/// The database of the plain mysqld whose rows the others have.
const BASE: &str = "two";
/// The others, the order of their rows by those of the first, and whether they have the indexes that are not unique:
/// where MySQL's answer depends on an index, it is MySQL that is wrong.
const SHUFFLED: [(&str, &str, bool); 2] =
    [("shuffled_back", "at DESC", true), ("shuffled_mixed", "CRC32(at * 7919)", false)];
/// More rows are not compared.
const ROWS: usize = 1500;
/// Errors that are part of the answer: of the number of columns, and of rows that are written or that a subquery gives.
/// Of others a statement may have two, and which of them is told depends on what is looked at first.
const FAULTS: &[u16] = &[1062, 1136, 1222, 1242, 1264, 1406];
/// How long MySQL may take, in ms.
const TIME: u32 = 1500;

/// The plain mysqld with each order of the rows.
pub struct Orders<'a> {
    stand: &'a Stand,
    /// That of [`BASE`] first.
    conns: Vec<Conn>,
}

impl<'a> Orders<'a> {
    /// Makes the tables in their other orders.
    pub async fn make(stand: &'a Stand, tables: &[Table]) -> Result<Self> {
        for (database, order, indexed) in SHUFFLED {
            let mut conn = stand.mysqld("").await?;
            for sql in [
                // A default that is new for every row is not allowed in statements of a binary log.
                "SET SESSION sql_log_bin = 0".to_owned(),
                format!("DROP DATABASE IF EXISTS {database}"),
                format!("CREATE DATABASE {database}"),
                format!("USE {database}"),
            ] {
                must(&mut conn, &sql).await?;
            }
            for table in tables.iter().filter(|t| t.is_in(BASE)) {
                shuffle(&mut conn, &table.name, order, indexed).await?;
            }
        }
        Ok(Self { stand, conns: connect(stand).await? })
    }

    /// Whether MySQL answers it, and the same in every order. A write is rolled back.
    pub async fn agree(&mut self, sql: &str, is_write: bool) -> Result<bool> {
        if is_open(sql) {
            return Ok(false);
        }
        let shape = Shape::of(sql);
        let mut first: Option<(Answer, Vec<Rows>)> = None;
        for at in 0..self.conns.len() {
            let conn = &mut self.conns[at];
            let (answer, rows) = match is_write {
                true => written(conn, sql).await?,
                false => (ask(conn, sql, LIMIT).await, Vec::new()),
            };
            let is_kept = match &answer {
                Answer::Rows(rows) => rows.rows.len() <= ROWS,
                Answer::Done { .. } => true,
                Answer::Fault { errno, .. } => FAULTS.contains(errno),
                Answer::Lost(_) => {
                    self.conns = connect(self.stand).await?;
                    false
                }
            };
            if !is_kept {
                return Ok(false);
            }
            let Some((answer_1, rows_1)) = &first else {
                first = Some((answer, rows));
                continue;
            };
            let base = &mut self.conns[0];
            if !same(&shape, answer_1, &answer, base).await || rows.len() != rows_1.len() {
                return Ok(false);
            }
            for (one, other) in rows_1.iter().zip(rows) {
                if !same(&Shape::default(), &Answer::Rows(one.clone()), &Answer::Rows(other), base).await {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Whether a value in it depends on an order of rows that the statement does not say, whatever the rows are:
/// aggregates that keep all values (GROUP_CONCAT shows those of a DISTINCT in the order of a tree, which nobody
/// promises), and places in a window without an order.
fn is_open(sql: &str) -> bool {
    struct Open(bool);
    impl Visitor for Open {
        fn enter_expr(&mut self, expr: &Expr) -> Visit {
            match expr {
                Expr::Func(call) => self.0 |= is_open_call(call),
                // Outside of ON DUPLICATE KEY UPDATE it is NULL, and goes away with MySQL's next version.
                Expr::Values(_) => self.0 = true,
                _ => {}
            }
            Visit::Into
        }

        fn enter_query(&mut self, query: &Query) -> Visit {
            self.0 |= !query.order_by.is_empty() && has_label_twice(&query.body);
            Visit::Into
        }
    }
    let mut open = Open(false);
    if let Ok(statement) = parse(sql.as_bytes(), &ParseOptions::default()) {
        if let Statement::Insert(insert) = &statement
            && let InsertSource::Query(query) = &insert.source
        {
            // Which of two rows comes first decides.
            let keeps_one = insert.replace || insert.ignore || !insert.on_duplicate.is_empty();
            open.0 |= keeps_one && query.order_by.is_empty();
        }
        if let Statement::Update(update) = &statement {
            // Of several rows that match one, MySQL takes the first it meets.
            open.0 |= !matches!(update.tables[..], [TableExpr::Table(_)]);
            // With a subquery it may be done as one of several tables, whose SET has no order.
            let mut reads = Reads(false);
            if let Some(condition) = &update.where_ {
                condition.walk(&mut reads);
            }
            open.0 |= reads.0 && update.set.len() > 1;
        }
        statement.walk(&mut open);
    }
    open.0
}

/// Two columns of one name, of which an ORDER BY may mean either.
fn has_label_twice(body: &QueryBody) -> bool {
    let QueryBody::Select(select) = body else { return false };
    let label = |item: &SelectItem| match item {
        SelectItem::Expr(AliasedExpr { alias: Some(alias), .. }) => Some(alias.to_lower()),
        SelectItem::Expr(AliasedExpr { expr: Expr::Column(name), .. }) => Some(name.name.to_lower()),
        _ => None,
    };
    let mut labels: Vec<String> = select.items.iter().filter_map(label).collect();
    labels.sort();
    labels.windows(2).any(|pair| pair[0] == pair[1])
}

struct Reads(bool);

impl Visitor for Reads {
    fn enter_query(&mut self, _: &Query) -> Visit {
        self.0 = true;
        Visit::Into
    }
}

fn is_open_call(call: &FuncCall) -> bool {
    let name = call.name.to_string_lossy();
    let keeps_all = match &call.group_concat {
        Some(more) => more.order_by.is_empty(),
        None => matches!(&*name, "group_concat" | "json_arrayagg" | "json_objectagg" | "any_value"),
    };
    let by_place = matches!(
        &*name,
        "row_number" | "ntile" | "lag" | "lead" | "first_value" | "last_value" | "nth_value"
    );
    let unordered = call.over.as_ref().is_some_and(|over| match &over.window {
        OverWindow::Spec(spec) => spec.order_by.is_empty() && (by_place || spec.frame.is_some()),
        OverWindow::Named(_) => by_place,
    });
    keeps_all || unordered
}

async fn connect(stand: &Stand) -> Result<Vec<Conn>> {
    let mut conns = Vec::new();
    for database in [BASE].into_iter().chain(SHUFFLED.map(|(database, ..)| database)) {
        let mut conn = stand.mysqld(database).await?;
        let limits = format!("SET SESSION max_execution_time = {TIME}, sql_select_limit = {}", ROWS + 1);
        must(&mut conn, &limits).await?;
        conns.push(conn);
    }
    Ok(conns)
}

async fn same(shape: &Shape, one: &Answer, other: &Answer, base: &mut Conn) -> bool {
    compare(shape, Wanted::default(), one, other, base).await.is_none_or(|d| d.class == Class::Types)
}

/// What a write says, and the rows of its tables after it.
async fn written(conn: &mut Conn, sql: &str) -> Result<(Answer, Vec<Rows>)> {
    must(conn, "BEGIN").await?;
    let answer = ask(conn, sql, LIMIT).await;
    let mut rows = Vec::new();
    if matches!(answer, Answer::Done { .. }) {
        for table in tables::named(sql) {
            // A name that is no table is a CTE's.
            if let Answer::Rows(found) = ask(conn, &format!("SELECT * FROM {table}"), LIMIT).await {
                rows.push(found);
            }
        }
    }
    if !matches!(answer, Answer::Lost(_)) {
        must(conn, "ROLLBACK").await?;
    }
    Ok((answer, rows))
}

/// Makes a table with the rows of [`BASE`]'s in another order. Rows lie by their primary key: it becomes a unique
/// key, and a column that nobody sees takes its place.
async fn shuffle(conn: &mut Conn, table: &str, order: &str, indexed: bool) -> Result<()> {
    let columns = |more: &str, by: &str| {
        format!(
            "SELECT GROUP_CONCAT(CONCAT('`', column_name, '`') ORDER BY {by}) FROM information_schema.{more} \
             WHERE table_schema = '{BASE}' AND table_name = '{table}'"
        )
    };
    let stored = columns("columns", "ordinal_position") + " AND COALESCE(generation_expression, '') = ''";
    let key = columns("statistics", "seq_in_index") + " AND index_name = 'PRIMARY'";
    let stored = one(conn, &stored).await?;
    let key = one(conn, &key).await?;
    let indexes = format!(
        "SELECT COALESCE(GROUP_CONCAT(DISTINCT CONCAT(', DROP INDEX `', index_name, '`') SEPARATOR ''), '') \
         FROM information_schema.statistics WHERE table_schema = '{BASE}' AND table_name = '{table}' AND non_unique"
    );
    let drop = if indexed { String::new() } else { one(conn, &indexes).await? };
    for sql in [
        format!("CREATE TABLE {table} LIKE {BASE}.{table}"),
        format!(
            "ALTER TABLE {table} DROP PRIMARY KEY, ADD UNIQUE KEY was_primary_ ({key}), \
             ADD COLUMN place_ BIGINT UNSIGNED NOT NULL DEFAULT (UUID_SHORT()) INVISIBLE PRIMARY KEY{drop}"
        ),
        format!(
            "INSERT INTO {table} ({stored}, place_) SELECT {stored}, ROW_NUMBER() OVER (ORDER BY {order}) FROM \
             (SELECT *, ROW_NUMBER() OVER (ORDER BY {key}) AS at FROM {BASE}.{table}) AS numbered"
        ),
    ] {
        must(conn, &sql).await?;
    }
    Ok(())
}

async fn must(conn: &mut Conn, sql: &str) -> Result<()> {
    conn.query_drop(sql).await.map_err(|e| format!("{sql}: {e}"))
}

async fn one(conn: &mut Conn, sql: &str) -> Result<String> {
    let found: Option<Option<String>> = conn.query_first(sql).await.map_err(|e| format!("{sql}: {e}"))?;
    found.flatten().ok_or_else(|| format!("{sql}: nothing"))
}
