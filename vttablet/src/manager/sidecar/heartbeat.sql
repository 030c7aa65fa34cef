CREATE TABLE IF NOT EXISTS `heartbeat` (
  `keyspaceShard` VARBINARY(256) NOT NULL,
  `tabletUid` INT UNSIGNED NOT NULL,
  `ts` BIGINT UNSIGNED NOT NULL,
  primary key (keyspaceShard)
) ENGINE = InnoDB CHARSET = utf8mb4
