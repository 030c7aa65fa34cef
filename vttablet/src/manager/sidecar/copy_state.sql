CREATE TABLE IF NOT EXISTS `copy_state` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `vrepl_id` int NOT NULL,
  `table_name` varbinary(128) NOT NULL,
  `lastpk` mediumblob DEFAULT NULL,
  primary key (id),
  key vrepl_id (vrepl_id,table_name)
) ENGINE = InnoDB CHARSET = utf8mb4
