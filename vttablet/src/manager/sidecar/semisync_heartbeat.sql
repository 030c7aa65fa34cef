CREATE TABLE IF NOT EXISTS `semisync_heartbeat` (
  `ts` BIGINT UNSIGNED NOT NULL,
  primary key (ts)
) ENGINE = InnoDB CHARSET = utf8mb4
