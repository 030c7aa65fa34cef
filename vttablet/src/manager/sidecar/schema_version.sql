CREATE TABLE IF NOT EXISTS `schema_version` (
  `id` INT NOT NULL AUTO_INCREMENT,
  `pos` VARBINARY(10000) NOT NULL,
  `time_updated` BIGINT(20) NOT NULL,
  `ddl` BLOB DEFAULT NULL,
  `schemax` LONGBLOB NOT NULL,
  primary key (id)
) ENGINE = InnoDB CHARSET = utf8mb4
