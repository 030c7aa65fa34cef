//! What schema tracking would find.

use proto::query::Type;
use vschema::{Column, TrackedTable, VSchema};

/// A view with a join.
const RICH: &str = "select `c`.`customer_id` AS `id`,`corder`.`total` AS `total` from (`customer` `c` join `corder` \
                    on((`corder`.`customer_id` = `c`.`customer_id`))) where (`corder`.`total` > 100)";

/// A view of a view, with groups, and with other names of its columns.
const NAMED: &str = "select `customer`.`name` AS `name`,count(0) AS `count(*)` from (`customer` join `rich`) where \
                     (`rich`.`id` = `customer`.`customer_id`) group by `customer`.`name`";

/// The same with the columns that schema tracking would find.
pub fn tracked(vschema: &VSchema) -> VSchema {
    const ID: (Type, &str) = (Type::Int64, "bigint not null");
    const TEXT: (Type, &str) = (Type::Varchar, "varchar(64) collate utf8mb4_0900_ai_ci null");
    const MONEY: (Type, &str) = (Type::Decimal, "decimal(10,2) null");
    const FLOAT: (Type, &str) = (Type::Float32, "float null");
    let table = |columns: &[(&str, (Type, &str))]| TrackedTable {
        columns: columns
            .iter()
            .map(|(name, (ty, definition))| Column {
                name: (*name).into(),
                ty: Some(*ty),
                collation: definition.contains("collate").then(|| "utf8mb4_0900_ai_ci".to_owned()),
                invisible: *name == "secret",
                definition: Some((*definition).into()),
                generated: false,
                default: match definition.ends_with(" not null") {
                    true => vschema::ColumnDefault::Missing,
                    false => vschema::ColumnDefault::Null,
                },
            })
            .collect(),
        unique_keys: vec![vec![columns[0].0.to_owned()]],
        view: None,
    };
    let customer = [
        (
            "customer".to_owned(),
            table(&[
                ("customer_id", ID),
                ("name", TEXT),
                ("region", TEXT),
                ("product_id", ID),
                ("secret", TEXT),
            ]),
        ),
        (
            "corder".to_owned(),
            table(&[("order_id", ID), ("customer_id", ID), ("total", MONEY), ("weight", FLOAT)]),
        ),
        (
            "rich".to_owned(),
            TrackedTable { view: Some(RICH.into()), ..table(&[("id", ID), ("total", MONEY)]) },
        ),
        ("named".to_owned(), TrackedTable { view: Some(NAMED.into()), ..table(&[("who", TEXT), ("n", ID)]) }),
        ("country".to_owned(), table(&[("id", ID), ("country_name", TEXT)])),
    ];
    let commerce = [("product".to_owned(), table(&[("id", ID), ("name", TEXT), ("price", MONEY)]))];
    vschema.with_tracked("customer", &customer.into()).with_tracked("commerce", &commerce.into())
}
