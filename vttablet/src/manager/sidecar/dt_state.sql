CREATE TABLE IF NOT EXISTS `dt_state` (
  `dtid` varbinary(512) NOT NULL,
  `state` bigint NOT NULL,
  `time_created` bigint NOT NULL,
  primary key(dtid),
  key (time_created)
) ENGINE = InnoDB CHARSET = utf8mb4
