CREATE TABLE product (
  sku VARCHAR(64) NOT NULL,
  description VARCHAR(255),
  price BIGINT,
  PRIMARY KEY (sku)
) ENGINE = InnoDB;

CREATE TABLE customer_seq (
  id INT NOT NULL DEFAULT 0,
  next_id BIGINT,
  cache BIGINT,
  PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT 'vitess_sequence';

CREATE TABLE orders_seq (
  id INT NOT NULL DEFAULT 0,
  next_id BIGINT,
  cache BIGINT,
  PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT 'vitess_sequence';

CREATE TABLE customer_email (
  email VARCHAR(128) NOT NULL,
  keyspace_id VARBINARY(16),
  PRIMARY KEY (email)
) ENGINE = InnoDB;
