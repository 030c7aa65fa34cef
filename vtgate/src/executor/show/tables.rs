//! SHOW TABLES of a keyspace: asked of one shard, under the keyspace's name instead of its database's.

use sqlast::{
    Rewriter, Walk,
    ast::{ColName, Ident, Show, ShowFilter, ShowKind, Statement},
};
use vterrors::{Error, Result};

use super::{Executor, Table};
use crate::{schema::Layout, session::Session};

impl Executor {
    /// `None` for what is no keyspace: the planner knows MySQL's own schemas and the errors.
    pub(super) async fn tables(
        &self,
        session: &Session,
        layout: &Layout,
        show: &Show,
    ) -> Result<Option<Table>> {
        let ShowKind::Tables { full, extended, from } = &show.kind else { return Ok(None) };
        let keyspace = match from {
            Some(name) => name.to_string_lossy().into_owned(),
            None => session.target.keyspace.clone(),
        };
        if !layout.has_keyspace(&keyspace) {
            return Ok(None);
        }
        let database = vtmodel::default_db_name(&keyspace);
        let (ours, theirs) = (format!("Tables_in_{keyspace}"), format!("Tables_in_{database}"));
        let mut asked = show.clone();
        asked.kind = ShowKind::Tables { full: *full, extended: *extended, from: None };
        if let Some(ShowFilter::Where(condition)) = &mut asked.filter {
            condition.rewrite(&mut Rename { from: ours.as_bytes(), to: Ident::from(theirs.as_str()) });
        }
        let sql = String::from_utf8(sqlast::to_sql(&Statement::Show(Box::new(asked))))
            .map_err(|_| Error::unsupported("a SHOW whose text is not UTF-8"))?;
        let mut result = self.ask_one_shard(session, layout, &keyspace, sql).await?;
        for field in &mut result.fields {
            field.name = field.name.replacen(&theirs, &ours, 1);
            if field.database == database {
                field.database.clone_from(&keyspace);
            }
        }
        Ok(Some(Table { fields: result.fields, rows: result.rows }))
    }
}

/// Gives a column another name.
struct Rename<'a> {
    from: &'a [u8],
    to: Ident,
}

impl Rewriter for Rename<'_> {
    fn column_name(&mut self, name: &mut ColName) {
        if name.qualifier.is_none() && name.name.is(self.from) {
            name.name = self.to.clone();
        }
    }
}
