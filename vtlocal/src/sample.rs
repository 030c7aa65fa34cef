//! The schema and rows of the default cluster: a small shop, its customers sharded, its products not.

/// A keyspace's tables and VSchema.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub keyspace: &'static str,
    pub schema: &'static str,
    pub vschema: &'static str,
}

/// In the order they are applied: sequences have to be there before what draws from them.
pub const KEYSPACES: [Sample; 2] = [
    Sample {
        keyspace: "commerce",
        schema: include_str!("../sample/commerce.sql"),
        vschema: include_str!("../sample/commerce.vschema.json"),
    },
    Sample {
        keyspace: "customer",
        schema: include_str!("../sample/customer.sql"),
        vschema: include_str!("../sample/customer.vschema.json"),
    },
];

/// Inserted through vtgate, so that every row lands where its vindex says.
pub const ROWS: &str = include_str!("../sample/rows.sql");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vschemas_are_json_and_name_every_table() {
        for part in KEYSPACES {
            let vschema: serde_json::Value = serde_json::from_str(part.vschema).unwrap();
            for statement in mysqlctl::initsql::statements(part.schema) {
                let table = statement.split_once("CREATE TABLE ").unwrap().1.split(' ').next().unwrap();
                assert!(vschema["tables"][table].is_object(), "{}.{table}", part.keyspace);
            }
        }
    }
}
