CREATE TABLE IF NOT EXISTS `dt_participant` (
  `dtid` varbinary(512) NOT NULL,
  `id` bigint NOT NULL,
  `keyspace` varchar(256) NOT NULL,
  `shard` varchar(256) NOT NULL,
  primary key(dtid, id)
) ENGINE = InnoDB CHARSET = utf8mb4
