CREATE TABLE IF NOT EXISTS `resharding_journal` (
  `id` bigint NOT NULL,
  `db_name` varbinary(255) DEFAULT NULL,
  `val` longblob,
  primary key (id)
) ENGINE = InnoDB CHARSET = utf8mb4
