CREATE TABLE IF NOT EXISTS `post_copy_action` (
  `id` BIGINT NOT NULL auto_increment,
  `vrepl_id` INT NOT NULL,
  `table_name` VARBINARY(128) NOT NULL,
  `action` JSON NOT NULL,
  unique key (vrepl_id, table_name),
  primary key(id)
) ENGINE = InnoDB CHARSET = utf8mb4
