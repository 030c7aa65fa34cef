CREATE TABLE IF NOT EXISTS `vdiff_log` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `vdiff_id` bigint(20) NOT NULL,
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `message` text NOT NULL,
  primary key (id),
  key vdiff_id_idx (vdiff_id)
) ENGINE = InnoDB CHARSET = utf8mb4
