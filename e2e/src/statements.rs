//! Statements that need more than one shard: rows put together, entries of a lookup vindex, all or nothing.

use crate::{Cluster, exec, fault, rows};

const FIRST: u64 = 70_000;

/// Joins over keyspaces, windows, subqueries over other shards; the client is told that rows were put together.
pub async fn every_select_has_an_answer(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let joined = "SELECT c.name, p.description FROM customer c JOIN orders o ON o.customer_id = c.customer_id \
                  JOIN commerce.product p ON p.sku = o.sku WHERE c.customer_id < 4 ORDER BY 1, 2";
    assert_eq!(
        rows(&mut conn, joined).await,
        [["Alice", "Monitor"], ["Alice", "Mouse"], ["Bob", "Keyboard"], ["Charlie", "Keyboard"]]
    );
    let warned = rows(&mut conn, "SHOW WARNINGS").await;
    assert!(warned.concat().concat().contains("put together on one tablet"), "{warned:?}");
    let ranked =
        "SELECT name, RANK() OVER (ORDER BY name DESC) FROM customer WHERE customer_id <= 3 ORDER BY 2";
    assert_eq!(rows(&mut conn, ranked).await, [["Charlie", "1"], ["Bob", "2"], ["Alice", "3"]]);
    let without = "SELECT COUNT(*) FROM customer WHERE customer_id <= 5 AND customer_id NOT IN \
                   (SELECT customer_id FROM orders)";
    assert_eq!(rows(&mut conn, without).await, [["0"]]);
    let (code, _, message) =
        fault(&mut conn, "SELECT c.nothing FROM customer c JOIN commerce.product p").await;
    assert_eq!(code, 1054, "{message}");
}

/// An entry for each row, found by it; nothing is left by what was rolled back or removed.
pub async fn a_lookup_follows_its_rows(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let entries = "SELECT email FROM commerce.customer_email WHERE email LIKE 'look%' ORDER BY 1";
    let found = |email: &str| format!("SELECT customer_id FROM customer WHERE email = '{email}'");
    let insert = format!(
        "INSERT INTO customer (customer_id, email) VALUES ({}, 'look1@e.com'), ({}, 'look2@e.com')",
        FIRST,
        FIRST + 1
    );
    exec(&mut conn, &insert).await;
    assert_eq!(rows(&mut conn, entries).await.concat(), ["look1@e.com", "look2@e.com"]);
    let told = rows(&mut conn, &format!("VEXPLAIN QUERIES {}", found("look2@e.com"))).await;
    assert!(told.iter().any(|row| row[1] == "commerce"), "the lookup is read: {told:?}");
    assert_eq!(told.iter().filter(|row| row[1] == "customer").count(), 1, "one shard is asked: {told:?}");
    let taken = format!("INSERT INTO customer (customer_id, email) VALUES ({}, 'look1@e.com')", FIRST + 2);
    assert_eq!(fault(&mut conn, &taken).await.0, 1062);

    exec(&mut conn, "UPDATE customer SET email = 'look3@e.com' WHERE email = 'look1@e.com'").await;
    exec(&mut conn, &format!("UPDATE customer SET customer_id = {} WHERE email = 'look2@e.com'", FIRST + 50))
        .await;
    assert_eq!(rows(&mut conn, entries).await.concat(), ["look2@e.com", "look3@e.com"]);
    assert_eq!(rows(&mut conn, &found("look2@e.com")).await, [[(FIRST + 50).to_string()]]);
    assert!(rows(&mut conn, &found("look1@e.com")).await.is_empty());

    exec(&mut conn, "BEGIN").await;
    exec(&mut conn, "DELETE FROM customer WHERE email = 'look2@e.com'").await;
    exec(&mut conn, "INSERT INTO customer (customer_id, email) VALUES (70099, 'look4@e.com')").await;
    exec(&mut conn, "ROLLBACK").await;
    assert_eq!(rows(&mut conn, entries).await.concat(), ["look2@e.com", "look3@e.com"]);
    exec(&mut conn, &format!("DELETE FROM customer WHERE customer_id >= {FIRST}")).await;
    assert!(rows(&mut conn, entries).await.is_empty());
}

/// A statement that fails on one shard leaves nothing on the others, and what came before it stays.
pub async fn a_statement_is_all_or_nothing(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let there = format!("SELECT customer_id FROM customer WHERE customer_id >= {FIRST} ORDER BY 1");
    let insert = |ids: &[u64]| {
        let values: Vec<_> = ids.iter().map(|id| format!("({id}, 'all{id}@e.com')")).collect();
        format!("INSERT INTO customer (customer_id, email) VALUES {}", values.join(", "))
    };
    let many: Vec<u64> = (FIRST..FIRST + 8).collect();
    exec(&mut conn, "BEGIN").await;
    exec(&mut conn, &insert(&[FIRST + 3])).await;
    assert_eq!(fault(&mut conn, &insert(&many)).await.0, 1062);
    assert_eq!(rows(&mut conn, &there).await, [[(FIRST + 3).to_string()]], "inside of the transaction");
    exec(&mut conn, "COMMIT").await;
    assert_eq!(fault(&mut conn, &insert(&many)).await.0, 1062);
    assert_eq!(rows(&mut conn, &there).await, [[(FIRST + 3).to_string()]], "outside of one");
    exec(
        &mut conn,
        &format!("DELETE FROM customer WHERE customer_id >= {FIRST} ORDER BY customer_id LIMIT 5"),
    )
    .await;
    assert!(rows(&mut conn, &there).await.is_empty());
}

/// A vindex tells where values are, to a table's query and by itself.
pub async fn a_vindex_is_read_as_a_table(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let told = "SELECT id, HEX(keyspace_id), hex_keyspace_id, HEX(range_start), HEX(range_end), shard FROM xxhash \
                WHERE id = 5";
    let id = "ed48b60574b4816a";
    let known = ["5", &id.to_uppercase(), id, "80", "", "80-"];
    assert_eq!(rows(&mut conn, told).await, [known]);
    let several = "SELECT shard, id FROM customer.xxhash WHERE id IN (5, NULL, 5, 6)";
    assert_eq!(rows(&mut conn, several).await.len(), 2);
    let joined = "SELECT c.name, h.shard FROM customer c JOIN xxhash h ON h.id = c.customer_id WHERE h.id IN (1, 2) \
                  ORDER BY 1";
    assert_eq!(rows(&mut conn, joined).await, [["Alice", "80-"], ["Bob", "80-"]]);
    let looked_up = "SELECT v.shard FROM customer_email v JOIN customer c ON c.email = v.id WHERE \
                     v.id = 'alice@example.com' AND c.customer_id = 1";
    assert_eq!(rows(&mut conn, looked_up).await.len(), 1);
    assert_eq!(fault(&mut conn, "SELECT id FROM xxhash").await.0, 1235);
    assert_eq!(fault(&mut conn, "DELETE FROM xxhash WHERE id = 1").await.0, 1288);
}

/// What ALTER VSCHEMA changes is there for the next statement; without leave it changes nothing.
pub async fn alter_vschema_is_seen_at_once(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    exec(&mut conn, "ALTER VSCHEMA CREATE VINDEX altered USING hash").await;
    assert_eq!(
        rows(&mut conn, "SELECT hex_keyspace_id FROM altered WHERE id = 1").await,
        [["166b40b44aba4bd6"]]
    );
    let (code, _, message) = fault(&mut conn, "ALTER VSCHEMA CREATE VINDEX altered USING hash").await;
    assert_eq!((code, message.as_str()), (1105, "vindex altered already exists in keyspace customer"));
    let (_, _, message) =
        fault(&mut conn, "ALTER VSCHEMA ON nothing ADD VINDEX wrong (id) USING nothing").await;
    assert!(message.contains("unknown vindex type"), "{message}");
    exec(&mut conn, "ALTER VSCHEMA DROP VINDEX altered").await;
    assert_eq!(fault(&mut conn, "SELECT shard FROM altered WHERE id = 1").await.0, 1146);
    exec(&mut conn, "ALTER VSCHEMA ADD SEQUENCE commerce.altered_seq").await;
    let tables = "SHOW VSCHEMA TABLES";
    exec(&mut conn, "USE commerce").await;
    assert!(rows(&mut conn, tables).await.concat().contains(&"altered_seq".to_owned()));
    exec(&mut conn, "ALTER VSCHEMA DROP SEQUENCE altered_seq").await;
    assert!(!rows(&mut conn, tables).await.concat().contains(&"altered_seq".to_owned()));
    assert_eq!(fault(&mut conn, "ALTER VSCHEMA ADD TABLE nothing.t").await.0, 1049);
}

/// Each step of a plan with what it sent, and how mysqld carried that out.
pub async fn vexplain_tells_what_happened(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let gathered = "SELECT c.name FROM customer c JOIN commerce.product p ON p.sku = c.name";
    let told = rows(&mut conn, &format!("VEXPLAIN QUERIES {gathered}")).await;
    let sent: Vec<&str> = told.iter().map(|row| row[3].as_str()).collect();
    for part in ["create temporary table", "insert into `__vt_gather", "from __vt_gather"] {
        assert!(sent.iter().any(|sql| sql.contains(part)), "{part}: {told:?}");
    }
    let scatter = "SELECT name FROM customer ORDER BY name";
    let told = rows(&mut conn, &format!("VEXPLAIN QUERIES {scatter}")).await;
    assert!(told.len() > 1 && told.iter().all(|row| row[0] == "0"), "sent together: {told:?}");
    let told = rows(&mut conn, &format!("VEXPLAIN ALL {scatter}")).await.concat().concat();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let queries = told["queries"].as_array().unwrap();
    assert!(queries.iter().all(|q| q["mysql_explain_json"].is_object() && q["rows"].is_u64()), "{told:#}");
    assert_eq!(told["rows_moved"], told["rows_returned"]);
    let keys = "VEXPLAIN KEYS SELECT name FROM customer WHERE customer_id > 5 GROUP BY name";
    let told = rows(&mut conn, keys).await.concat().concat();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["filterColumns"], serde_json::json!(["customer.customer_id gt"]));
    assert!(told["groupingColumns"].as_array().unwrap().len() == 1, "{told:#}");
}
