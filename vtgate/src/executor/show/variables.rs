//! SHOW VARIABLES: a tablet's, with the session's own in their places.

use sqlast::ast::{Comments, Show, ShowFilter, ShowKind, Statement, VarScope};
use sqltypes::{Row, row_of};

use super::{Executor, Table, filter, set, texts};
use crate::{schema::Layout, session::Session};

impl Executor {
    /// The variables of a tablet that `LIKE` asks for, and all of vtgate's own: the caller looks at the filter again.
    /// Where no tablet answers there are only those: clients ask when they connect.
    pub(super) async fn variables(
        &self,
        session: &Session,
        layout: &Layout,
        scope: Option<VarScope>,
        filter: Option<&ShowFilter>,
    ) -> Table {
        let own = self.own_variables(session);
        let name = |row: &Row| sqltypes::value_at(row, 0).flatten().map(<[u8]>::to_vec);
        let asks_for_own = match filter {
            Some(ShowFilter::Like(pattern)) => {
                let pattern = pattern.to_string_lossy();
                !pattern.contains('%') && !filter::like_column(own.clone(), 0, &pattern).is_empty()
            }
            _ => false,
        };
        let mut rows = own;
        if !asks_for_own {
            let known: Vec<_> = rows.iter().map(name).collect();
            let theirs = self.tablet_variables(session, layout, scope, filter).await.into_iter();
            rows.extend(theirs.filter(|row| !known.contains(&name(row))));
            rows.sort_by_key(name);
        }
        Table { fields: texts(&["Variable_name", "Value"]), rows }
    }

    async fn tablet_variables(
        &self,
        session: &Session,
        layout: &Layout,
        scope: Option<VarScope>,
        filter: Option<&ShowFilter>,
    ) -> Vec<Row> {
        let own = Some(session.target.keyspace.as_str()).filter(|k| !k.is_empty());
        let Some(keyspace) = own.or(layout.keyspaces().next()) else { return Vec::new() };
        let like = filter.filter(|f| matches!(f, ShowFilter::Like(_))).cloned();
        let show = Show { comments: Comments::default(), kind: ShowKind::Variables { scope }, filter: like };
        let Ok(sql) = String::from_utf8(sqlast::to_sql(&Statement::Show(Box::new(show)))) else {
            return Vec::new();
        };
        self.ask_one_shard(session, layout, keyspace, sql).await.map(|result| result.rows).unwrap_or_default()
    }

    fn own_variables(&self, session: &Session) -> Vec<Row> {
        let row = |name: &&'static str| {
            let value = set::shown(self, session, name)?;
            let text = match value {
                sqltypes::BindValue::Scalar(_, bytes) => bytes,
                sqltypes::BindValue::List(_) => return None,
            };
            let switch = matches!(*name, "autocommit" | "foreign_key_checks" | "unique_checks");
            let text = match &text[..] {
                b"1" if switch => b"ON".to_vec(),
                b"0" if switch => b"OFF".to_vec(),
                other => other.to_vec(),
            };
            Some(row_of([Some(name.as_bytes().to_vec()), Some(text)]))
        };
        let local_infile = if self.config.local_infile { "ON" } else { "OFF" };
        let mut rows: Vec<Row> = set::SHOWN.iter().filter_map(row).collect();
        rows.push(row_of([Some("local_infile"), Some(local_infile)]));
        rows
    }
}
