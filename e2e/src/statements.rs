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
    let ranked =
        "SELECT name, RANK() OVER (ORDER BY name DESC) FROM customer WHERE customer_id <= 3 ORDER BY 2";
    assert_eq!(rows(&mut conn, ranked).await, [["Charlie", "1"], ["Bob", "2"], ["Alice", "3"]]);
    let warned = rows(&mut conn, "SHOW WARNINGS").await;
    assert!(warned.concat().concat().contains("put together on one tablet"), "{warned:?}");
    let without = "SELECT COUNT(*) FROM customer WHERE customer_id <= 5 AND customer_id NOT IN \
                   (SELECT customer_id FROM orders)";
    assert_eq!(rows(&mut conn, without).await, [["0"]]);
    let (code, _, message) =
        fault(&mut conn, "SELECT c.nothing FROM customer c JOIN commerce.product p").await;
    assert_eq!(code, 1054, "{message}");
}

/// Tables of MySQL's own beside those of shards: asked about one keyspace, joined with another's rows.
pub async fn system_tables_beside_rows(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let joined = "SELECT c.name, t.table_schema, t.table_name FROM customer c JOIN information_schema.tables t ON \
                  t.table_schema = 'commerce' AND t.table_name LIKE 'prod%' WHERE c.customer_id IN (1, 2) ORDER BY 1";
    assert_eq!(
        rows(&mut conn, joined).await,
        [["Alice", "commerce", "product"], ["Bob", "commerce", "product"]]
    );
    // On one shard, too, which is not of the keyspace that is asked about.
    let one = joined.replace("IN (1, 2)", "= 2");
    assert_eq!(rows(&mut conn, &one).await, [["Bob", "commerce", "product"]]);
    let counted = "SELECT t.table_name, COUNT(DISTINCT i.column_name), MIN(c.name) FROM information_schema.tables t \
                   JOIN information_schema.columns i USING (table_schema, table_name) JOIN customer c ON \
                   c.customer_id < 4 WHERE t.table_schema = DATABASE() AND t.table_name = 'customer' GROUP BY 1";
    assert_eq!(rows(&mut conn, counted).await, [["customer", "3", "Alice"]]);
    let inside = "SELECT name FROM customer WHERE customer_id < 3 AND 'email' IN (SELECT column_name FROM \
                  information_schema.columns WHERE table_schema = 'customer') ORDER BY name";
    assert_eq!(rows(&mut conn, inside).await, [["Alice"], ["Bob"]]);
    let two = "SELECT a.table_name, b.table_name FROM information_schema.tables a, information_schema.tables b WHERE \
               a.table_schema = 'customer' AND b.table_schema = 'commerce' AND a.table_name = 'orders' AND \
               b.table_name = 'product'";
    assert_eq!(rows(&mut conn, two).await, [["orders", "product"]]);
    let unclear = "SELECT name FROM customer, information_schema.tables t WHERE t.table_schema <> 'commerce'";
    assert_eq!(fault(&mut conn, unclear).await.0, 1235);
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

/// SHOW answers for a keyspace, under its name; what is one mysqld's wants a shard.
pub async fn shows_are_of_a_keyspace(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let created = rows(&mut conn, "SHOW CREATE DATABASE customer").await;
    assert_eq!(created[0][0], "customer");
    assert!(created[0][1].starts_with("CREATE DATABASE `customer`"), "{created:?}");
    assert_eq!(fault(&mut conn, "SHOW CREATE DATABASE nothing").await.0, 1049);
    rows(&mut conn, "SELECT COUNT(*) FROM customer").await;
    let open = rows(&mut conn, "SHOW OPEN TABLES FROM customer").await;
    assert!(!open.is_empty() && open.iter().all(|row| row[0] == "customer"), "{open:?}");
    let variables = "SHOW VARIABLES WHERE variable_name IN ('local_infile', 'innodb_page_size')";
    assert_eq!(rows(&mut conn, variables).await, [["innodb_page_size", "16384"], ["local_infile", "ON"]]);
    let status = rows(&mut conn, "SHOW VITESS_REPLICATION_STATUS LIKE 'customer/%'").await;
    assert_eq!(status.len(), 2, "{status:?}");
    for row in &status {
        assert_eq!((row.len(), row[0].as_str(), row[2].as_str()), (9, "customer", "REPLICA"));
        assert!(row[5].starts_with("127.0.0.1:"), "{row:?}");
        let health: serde_json::Value = serde_json::from_str(&row[6]).unwrap();
        assert_eq!((&health["EventStreamRunning"], &health["LastError"]), (&"Yes".into(), &"".into()));
    }
    for refused in ["SHOW GRANTS", "SHOW BINARY LOGS", "SHOW PROFILES", "SHOW VITESS_MIGRATIONS"] {
        let (code, _, message) = fault(&mut conn, refused).await;
        assert_eq!(code, 1235);
        assert!(message.contains(refused), "{message}");
    }
    exec(&mut conn, "USE `customer:-80`").await;
    assert!(!rows(&mut conn, "SHOW BINARY LOGS").await.is_empty());
}

/// A value that no shard follows from, wherever it is in the plan: all shards are asked, and the whole statement is
/// planned so, not the part of it where it was found.
pub async fn values_of_no_shard(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let joined = "SELECT c.name, p.description FROM customer c JOIN orders o ON o.customer_id = c.customer_id JOIN \
                  commerce.product p ON p.sku = o.sku WHERE c.customer_id = '1x' ORDER BY 2";
    assert_eq!(rows(&mut conn, joined).await, [["Alice", "Monitor"], ["Alice", "Mouse"]]);
    let ranked = "SELECT c.name, RANK() OVER (ORDER BY p.sku) FROM customer c JOIN commerce.product p WHERE \
                  c.customer_id = '1x' ORDER BY 2 LIMIT 1";
    assert_eq!(rows(&mut conn, ranked).await, [["Alice", "1"]]);
    let united = "SELECT name FROM customer WHERE customer_id = '1x' UNION SELECT sku FROM commerce.product \
                  WHERE sku = 'SKU-1001'";
    assert_eq!(rows(&mut conn, united).await.len(), 2);
    exec(&mut conn, "BEGIN").await;
    let elsewhere = "sku IN (SELECT sku FROM commerce.product)";
    exec(&mut conn, &format!("UPDATE orders SET price = price + 1 WHERE customer_id = '1x' AND {elsewhere}"))
        .await;
    assert_eq!(conn.affected_rows(), 2);
    exec(&mut conn, "UPDATE customer SET email = 'none@e.com' WHERE customer_id = '1x'").await;
    assert_eq!(conn.affected_rows(), 1);
    let found = "SELECT name FROM customer WHERE email = 'none@e.com'";
    assert_eq!(rows(&mut conn, found).await, [["Alice"]]);
    exec(&mut conn, &format!("DELETE FROM orders WHERE customer_id = '1x' AND {elsewhere}")).await;
    assert_eq!(conn.affected_rows(), 2);
    exec(&mut conn, "ROLLBACK").await;
    assert_eq!(rows(&mut conn, "SELECT COUNT(*) FROM orders WHERE customer_id = 1").await, [["2"]]);
}

/// A client's file goes into a table of any keyspace as a whole: by vindex, with sequence and lookup.
pub async fn files_are_loaded(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let lines: String =
        (0..1200).map(|n| format!("{},load{n}@e.com,\"n \"\"{n}\"\"\"\n", FIRST + n)).collect();
    let into =
        "INTO TABLE customer FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' (customer_id, email, name)";
    let load = |conn: &mut mysql_async::Conn, text: String| {
        conn.set_infile_handler(async move {
            let pieces: Vec<_> = text.into_bytes().chunks(1000).map(|p| Ok(p.to_vec().into())).collect();
            Ok(Box::pin(futures::stream::iter(pieces)) as mysql_async::InfileData)
        });
    };
    load(&mut conn, lines.clone());
    exec(&mut conn, &format!("LOAD DATA LOCAL INFILE 'customers' {into}")).await;
    assert_eq!(
        (conn.affected_rows(), &*conn.info()),
        (1200, "Records: 1200  Deleted: 0  Skipped: 0  Warnings: 0")
    );
    let found = "SELECT customer_id, name FROM customer WHERE email = 'load77@e.com'";
    assert_eq!(rows(&mut conn, found).await, [["70077", "n \"77\""]]);
    let both = "INTO TABLE commerce.product LINES STARTING BY '>' (@sku, price) SET sku = UPPER(@sku)";
    load(&mut conn, ">load1\t5\n>load1\t6\n>load2\tx\tmore\n".to_owned());
    exec(&mut conn, &format!("LOAD DATA LOCAL INFILE 'products' {both}")).await;
    assert_eq!((conn.affected_rows(), &conn.info()[..37]), (2, "Records: 3  Deleted: 0  Skipped: 1  W"));
    let products = "SELECT sku, price, @sku FROM commerce.product WHERE sku LIKE 'LOAD%' ORDER BY 1";
    assert_eq!(rows(&mut conn, products).await, [["LOAD1", "5", "load2"], ["LOAD2", "0", "load2"]]);

    // A bad row in the end leaves nothing of the others, and the connection is fit for the next statement.
    exec(&mut conn, &format!("DELETE FROM customer WHERE customer_id >= {FIRST}")).await;
    load(&mut conn, format!("{lines}no number,x,y\n"));
    let bad = fault(&mut conn, &format!("LOAD DATA LOCAL INFILE 'customers' {into}")).await;
    assert_eq!(bad.0, 1366, "{}", bad.2);
    let left = "SELECT COUNT(*) FROM commerce.customer_email WHERE email LIKE 'load%'";
    assert_eq!(rows(&mut conn, left).await, [["0"]]);
    assert_eq!(rows(&mut conn, "SELECT COUNT(*) FROM customer WHERE customer_id >= 70000").await, [["0"]]);
    exec(&mut conn, "DELETE FROM commerce.product WHERE sku LIKE 'LOAD%'").await;
    assert_eq!(fault(&mut conn, &format!("LOAD DATA INFILE 'customers' {into}")).await.0, 1235);
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
    let gathered = "SELECT name, RANK() OVER (ORDER BY name) FROM customer";
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

/// User variables are the session's, whatever query sets them.
pub async fn queries_set_user_variables(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    exec(&mut conn, "SELECT name, customer_id INTO @n, @i FROM customer WHERE customer_id = 2").await;
    assert_eq!(rows(&mut conn, "SELECT @n, @i + 1").await, [["Bob", "3"]]);
    exec(&mut conn, "SELECT COUNT(*) FROM customer WHERE customer_id <= 3 INTO @c").await;
    assert_eq!(rows(&mut conn, "SELECT name FROM customer WHERE customer_id = @c").await, [["Charlie"]]);
    assert_eq!(fault(&mut conn, "SELECT name FROM customer WHERE customer_id < 4 INTO @n").await.0, 1172);
    assert_eq!(fault(&mut conn, "SELECT name FROM customer WHERE customer_id = 1 INTO @n, @i").await.0, 1222);
    exec(&mut conn, "SELECT name FROM customer WHERE customer_id = -1 INTO @i").await;
    assert_eq!(rows(&mut conn, "SHOW WARNINGS").await[0][1], "1329");
    assert_eq!(rows(&mut conn, "SELECT @i").await, [["2"]]);

    assert_eq!(rows(&mut conn, "SELECT @x := 5, @y := 'a'").await, [["5", "a"]]);
    assert_eq!(rows(&mut conn, "SELECT @x + 1, @y").await, [["6", "a"]]);
    let counted = "SELECT @x := @x + 1, name FROM customer WHERE customer_id = 1";
    assert_eq!(rows(&mut conn, counted).await, [["6", "Alice"]]);
    exec(&mut conn, "BEGIN").await;
    assert_eq!(rows(&mut conn, counted).await, [["7", "Alice"]]);
    exec(&mut conn, "ROLLBACK").await;
    assert_eq!(rows(&mut conn, "SELECT @x").await, [["7"]]);
    let numbered = "SELECT @r := @r + 1 AS r FROM commerce.product, (SELECT @r := 0) AS first ORDER BY r";
    assert_eq!(rows(&mut conn, numbered).await[..2], [["1"], ["2"]]);
    exec(&mut conn, "SELECT @x := @x + 1 FROM customer").await;
    assert_eq!(rows(&mut conn, "SELECT @x = 7 + COUNT(*) FROM customer").await, [["1"]]);

    let limited =
        "SELECT SQL_CALC_FOUND_ROWS name FROM customer WHERE customer_id <= 3 ORDER BY name LIMIT 1, 1";
    assert_eq!(rows(&mut conn, limited).await, [["Bob"]]);
    assert_eq!(rows(&mut conn, "SELECT FOUND_ROWS()").await, [["3"]]);
    let grouped = "SELECT SQL_CALC_FOUND_ROWS customer_id % 2, COUNT(*) FROM customer WHERE customer_id <= 3 \
                   GROUP BY 1 LIMIT 1";
    assert_eq!(rows(&mut conn, grouped).await.len(), 1);
    assert_eq!(rows(&mut conn, "SELECT FOUND_ROWS()").await, [["2"]]);
}

/// Rows in the way go, on whatever shard; their entries go, or go over to the new rows. Tables are changed together.
pub async fn writes_of_several_tables(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    let there = "SELECT customer_id, email FROM customer WHERE customer_id >= 70000 ORDER BY 1";
    let entries = "SELECT email FROM commerce.customer_email WHERE email LIKE 'rep%' ORDER BY 1";
    let replace = |rows: &str| format!("REPLACE INTO customer (customer_id, name, email) VALUES {rows}");
    exec(&mut conn, &replace("(70001, 'a', 'rep1@e.com'), (70002, 'b', 'rep2@e.com')")).await;
    exec(&mut conn, &replace("(70003, 'c', 'rep1@e.com')")).await;
    assert_eq!(rows(&mut conn, there).await, [["70002", "rep2@e.com"], ["70003", "rep1@e.com"]]);
    exec(
        &mut conn,
        &replace("(70002, 'b', 'rep3@e.com'), (70004, 'd', 'rep2@e.com'), (70005, 'e', 'rep2@e.com')"),
    )
    .await;
    let left = [["70002", "rep3@e.com"], ["70003", "rep1@e.com"], ["70005", "rep2@e.com"]];
    assert_eq!(rows(&mut conn, there).await, left);
    assert_eq!(rows(&mut conn, entries).await.concat(), ["rep1@e.com", "rep2@e.com", "rep3@e.com"]);
    for [id, email] in left {
        let found = format!("SELECT customer_id FROM customer WHERE email = '{email}'");
        assert_eq!(rows(&mut conn, &found).await, [[id]]);
    }
    let orders = "INSERT INTO orders (customer_id, sku, price) VALUES (70002, 'x', 5), (70005, 'y', 6)";
    exec(&mut conn, orders).await;
    let joined = "customer c JOIN orders o ON o.customer_id = c.customer_id";
    let update =
        format!("UPDATE {joined} SET c.name = o.sku, o.price = o.price + 1 WHERE c.customer_id >= 70000");
    exec(&mut conn, &update).await;
    let after = format!("SELECT c.name, o.price FROM {joined} WHERE c.customer_id >= 70000 ORDER BY 1");
    assert_eq!(rows(&mut conn, &after).await, [["x", "6"], ["y", "7"]]);
    exec(&mut conn, &format!("DELETE c, o FROM {joined} WHERE c.customer_id >= 70000")).await;
    assert_eq!(rows(&mut conn, there).await, [["70003", "rep1@e.com"]]);
    assert_eq!(rows(&mut conn, entries).await.concat(), ["rep1@e.com"]);
    assert!(rows(&mut conn, "SELECT sku FROM orders WHERE customer_id >= 70000").await.is_empty());
    exec(&mut conn, "DELETE FROM customer WHERE customer_id >= 70000").await;
}

/// A view has the rows of all shards, under its own names, also through another view.
pub async fn views_over_shards(cluster: &Cluster) {
    let mut conn = cluster.connect("customer").await;
    exec(
        &mut conn,
        "CREATE VIEW spent (who, what) AS SELECT c.name, o.sku FROM customer c JOIN orders o ON \
                     o.customer_id = c.customer_id",
    )
    .await;
    exec(&mut conn, "CREATE VIEW spenders AS SELECT who, COUNT(*) AS n FROM spent GROUP BY who").await;
    let joined =
        "SELECT c.name, o.sku FROM customer c JOIN orders o ON o.customer_id = c.customer_id ORDER BY 1, 2";
    let viewed = "SELECT who, what FROM spent ORDER BY 1, 2";
    assert_eq!(rows(&mut conn, viewed).await, rows(&mut conn, joined).await);
    let counted = "SELECT who, n FROM spenders WHERE who LIKE 'A%'";
    assert_eq!(rows(&mut conn, counted).await, [["Alice", "2"]]);
    exec(&mut conn, "ALTER VIEW spenders AS SELECT who FROM spent WHERE who = 'Bob'").await;
    assert_eq!(rows(&mut conn, "SELECT * FROM spenders").await, [["Bob"]]);
    let mut elsewhere = cluster.connect("commerce").await;
    let priced = "SELECT s.who, p.description FROM customer.spent s JOIN product p ON p.sku = s.what WHERE s.who = 'Bob'";
    assert_eq!(rows(&mut elsewhere, priced).await, [["Bob", "Keyboard"]]);
    assert_eq!(fault(&mut conn, "INSERT INTO spent (who) VALUES ('x')").await.0, 1288);
    exec(&mut conn, "DROP VIEW spenders, spent").await;
    assert_eq!(fault(&mut conn, viewed).await.0, 1146);
}
