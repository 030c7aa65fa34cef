CREATE TABLE customer (
  customer_id BIGINT NOT NULL,
  email VARCHAR(128),
  name VARCHAR(128),
  PRIMARY KEY (customer_id)
) ENGINE = InnoDB;

CREATE TABLE orders (
  order_id BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  sku VARCHAR(64),
  price BIGINT,
  PRIMARY KEY (order_id),
  KEY by_customer (customer_id)
) ENGINE = InnoDB;
