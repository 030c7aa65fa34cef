-- A dump: what is no CREATE TABLE is passed over.
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS customer;
CREATE TABLE customer (
  customer_id bigint NOT NULL AUTO_INCREMENT,
  name varchar(64) DEFAULT NULL,
  region varchar(20) CHARACTER SET latin1 NOT NULL,
  balance decimal(10,2),
  PRIMARY KEY (customer_id),
  UNIQUE KEY by_name (name(10))
) ENGINE=InnoDB;
CREATE TABLE corder (order_id bigint primary key, customer_id bigint, total decimal(12,2), placed timestamp);
CREATE TABLE country (id int unsigned unique, country_name varchar(64));
CREATE TABLE pairs (a bigint, b varchar(20), v text);
CREATE TABLE named (name varbinary(20), v int);
CREATE TABLE commerce.product (id bigint primary key, title varchar(64), price decimal(10,2));
INSERT INTO country VALUES (1, 'a');
