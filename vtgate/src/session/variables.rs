//! What `SET name = value` does for each system variable: a table.
//!
//! A variable that changes what statements mean or give must be set on the tablets' connections, which
//! costs the session reserved ones; a variable that only concerns the client or the server's limits is
//! kept here and shown again.

/// What vtgate does with a system variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// vtgate itself behaves by it: `autocommit`, `sql_mode`, `workload`...
    Own,
    /// Kept for `SELECT @@name` and `SHOW VARIABLES`; changes no result.
    Kept,
    /// Set on the connections of the tablets.
    Tablet,
    /// Cannot be set in a session.
    ReadOnly,
    /// Concerns the whole server: refused here.
    Global,
    /// Not known to us.
    Unknown,
}

/// In the order of the names.
const TABLE: &[(&str, Kind)] = &[
    ("auto_increment_increment", Kind::Kept),
    ("autocommit", Kind::Own),
    ("big_tables", Kind::Kept),
    ("bulk_insert_buffer_size", Kind::Kept),
    ("character_set_client", Kind::Kept),
    ("character_set_connection", Kind::Kept),
    ("character_set_database", Kind::Kept),
    ("character_set_results", Kind::Kept),
    ("character_set_server", Kind::Kept),
    ("charset", Kind::Kept),
    ("client_found_rows", Kind::Own),
    ("collation_connection", Kind::Tablet),
    ("collation_database", Kind::Kept),
    ("collation_server", Kind::Kept),
    ("completion_type", Kind::Kept),
    ("cte_max_recursion_depth", Kind::Tablet),
    ("default_collation_for_utf8mb4", Kind::Tablet),
    ("default_storage_engine", Kind::Tablet),
    ("default_table_encryption", Kind::Tablet),
    ("default_tmp_storage_engine", Kind::Kept),
    ("default_week_format", Kind::Tablet),
    ("div_precision_increment", Kind::Tablet),
    ("end_markers_in_json", Kind::Tablet),
    ("eq_range_index_dive_limit", Kind::Tablet),
    ("explain_format", Kind::Tablet),
    ("explain_json_format_version", Kind::Tablet),
    ("explicit_defaults_for_timestamp", Kind::Tablet),
    ("foreign_key_checks", Kind::Tablet),
    ("group_concat_max_len", Kind::Tablet),
    ("identity", Kind::Own),
    ("information_schema_stats_expiry", Kind::Kept),
    ("innodb_lock_wait_timeout", Kind::Tablet),
    ("innodb_strict_mode", Kind::Tablet),
    ("innodb_table_locks", Kind::Tablet),
    ("insert_id", Kind::Own),
    ("interactive_timeout", Kind::Kept),
    ("internal_tmp_mem_storage_engine", Kind::Kept),
    ("join_buffer_size", Kind::Kept),
    ("keep_files_on_create", Kind::Kept),
    ("last_insert_id", Kind::Own),
    ("lc_messages", Kind::Kept),
    ("lc_time_names", Kind::Tablet),
    ("lock_wait_timeout", Kind::Tablet),
    ("long_query_time", Kind::Kept),
    ("low_priority_updates", Kind::Kept),
    ("max_allowed_packet", Kind::ReadOnly),
    ("max_error_count", Kind::Kept),
    ("max_execution_time", Kind::Tablet),
    ("max_heap_table_size", Kind::Kept),
    ("max_join_size", Kind::Tablet),
    ("max_length_for_sort_data", Kind::Kept),
    ("max_points_in_geometry", Kind::Tablet),
    ("max_seeks_for_key", Kind::Kept),
    ("max_sort_length", Kind::Kept),
    ("max_sp_recursion_depth", Kind::Tablet),
    ("min_examined_row_limit", Kind::Kept),
    ("net_buffer_length", Kind::Kept),
    ("net_read_timeout", Kind::Kept),
    ("net_retry_count", Kind::Kept),
    ("net_write_timeout", Kind::Kept),
    ("old_alter_table", Kind::Kept),
    ("optimizer_prune_level", Kind::Kept),
    ("optimizer_search_depth", Kind::Kept),
    ("optimizer_switch", Kind::Tablet),
    ("optimizer_trace", Kind::Tablet),
    ("optimizer_trace_features", Kind::Tablet),
    ("optimizer_trace_limit", Kind::Tablet),
    ("optimizer_trace_max_mem_size", Kind::Tablet),
    ("optimizer_trace_offset", Kind::Tablet),
    ("parser_max_mem_size", Kind::Kept),
    ("preload_buffer_size", Kind::Kept),
    ("print_identified_with_as_hex", Kind::Tablet),
    ("profiling", Kind::Kept),
    ("profiling_history_size", Kind::Kept),
    ("query_alloc_block_size", Kind::Kept),
    ("query_cache_type", Kind::Kept),
    ("query_prealloc_size", Kind::Kept),
    ("rand_seed1", Kind::Tablet),
    ("rand_seed2", Kind::Tablet),
    ("range_alloc_block_size", Kind::Kept),
    ("range_optimizer_max_mem_size", Kind::Kept),
    ("read_buffer_size", Kind::Kept),
    ("read_only", Kind::Global),
    ("read_rnd_buffer_size", Kind::Kept),
    ("session_track_gtids", Kind::Kept),
    ("session_track_schema", Kind::Kept),
    ("session_track_state_change", Kind::Kept),
    ("session_track_system_variables", Kind::Kept),
    ("session_track_transaction_info", Kind::Kept),
    ("set_operations_buffer_size", Kind::Kept),
    ("show_gipk_in_create_table_and_information_schema", Kind::Tablet),
    ("skip_query_plan_cache", Kind::Kept),
    ("sort_buffer_size", Kind::Kept),
    ("sql_auto_is_null", Kind::Kept),
    ("sql_big_selects", Kind::Tablet),
    ("sql_buffer_result", Kind::Kept),
    ("sql_generate_invisible_primary_key", Kind::Tablet),
    ("sql_log_bin", Kind::Kept),
    ("sql_log_off", Kind::Kept),
    ("sql_mode", Kind::Own),
    ("sql_notes", Kind::Kept),
    ("sql_quote_show_create", Kind::Tablet),
    ("sql_require_primary_key", Kind::Tablet),
    ("sql_safe_updates", Kind::Tablet),
    ("sql_select_limit", Kind::Own),
    ("sql_warnings", Kind::Kept),
    ("super_read_only", Kind::Global),
    ("time_zone", Kind::Tablet),
    ("timestamp", Kind::Tablet),
    ("tmp_table_size", Kind::Kept),
    ("transaction_alloc_block_size", Kind::Kept),
    ("transaction_isolation", Kind::Own),
    ("transaction_mode", Kind::Own),
    ("transaction_prealloc_size", Kind::Kept),
    ("transaction_read_only", Kind::Own),
    ("tx_isolation", Kind::Own),
    ("tx_read_only", Kind::Own),
    ("unique_checks", Kind::Tablet),
    ("updatable_views_with_limit", Kind::Tablet),
    ("version", Kind::ReadOnly),
    ("version_comment", Kind::ReadOnly),
    ("wait_timeout", Kind::Kept),
    ("windowing_use_high_precision", Kind::Tablet),
    ("workload", Kind::Own),
];

/// What to do with the variable of this lower-case name.
pub fn kind(name: &str) -> Kind {
    TABLE.binary_search_by(|(known, _)| (*known).cmp(name)).map_or(Kind::Unknown, |at| TABLE[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TABLE.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(kind("sql_mode"), Kind::Own);
        assert_eq!(kind("nonsense"), Kind::Unknown);
    }
}
