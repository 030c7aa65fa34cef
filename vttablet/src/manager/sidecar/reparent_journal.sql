CREATE TABLE IF NOT EXISTS `reparent_journal` (
  `time_created_ns` bigint(20) unsigned NOT NULL,
  `action_name` varbinary(255) NOT NULL,
  `primary_alias` varbinary(255) NOT NULL,
  `replication_position` varbinary(64000) DEFAULT NULL,
  primary key (time_created_ns)
) ENGINE = InnoDB CHARSET = utf8mb4
