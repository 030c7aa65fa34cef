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
