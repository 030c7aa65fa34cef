CREATE TABLE IF NOT EXISTS `redo_statement` (
  `dtid` varbinary(512) NOT NULL,
  `id` bigint NOT NULL,
  `statement` mediumblob NOT NULL,
  primary key(dtid, id)
) ENGINE = InnoDB CHARSET = utf8mb4
