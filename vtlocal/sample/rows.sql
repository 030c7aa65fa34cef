USE commerce;
INSERT INTO customer_seq (id, next_id, cache) VALUES (0, 1, 100);
INSERT INTO orders_seq (id, next_id, cache) VALUES (0, 1, 100);
INSERT INTO product (sku, description, price) VALUES
  ('SKU-1001', 'Monitor', 100),
  ('SKU-1002', 'Keyboard', 30),
  ('SKU-1003', 'Mouse', 15);

USE customer;
INSERT INTO customer (email, name) VALUES
  ('alice@example.com', 'Alice'),
  ('bob@example.com', 'Bob'),
  ('charlie@example.com', 'Charlie'),
  ('dan@example.com', 'Dan'),
  ('eve@example.com', 'Eve');
INSERT INTO orders (customer_id, sku, price) VALUES
  (1, 'SKU-1001', 100),
  (2, 'SKU-1002', 30),
  (3, 'SKU-1002', 30),
  (4, 'SKU-1001', 100),
  (5, 'SKU-1003', 15),
  (1, 'SKU-1003', 15);
