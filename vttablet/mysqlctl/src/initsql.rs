//! The service users of an initialised server, and cutting a file of SQL into statements.
//!
//! Names and rights are Vitess's (`interop` section 7): `vt_dba` owns everything; `vt_app` reads and writes
//! data and does DDL; `vt_appdebug` reads; `vt_allprivs` and `vt_filtered` are `vt_app` with replication;
//! `vt_monitoring` looks; all of them at localhost, without a password, as only who can reach the socket can
//! connect. `vt_repl` comes from any host and may read the binary log.

/// What `vt_app` may do on every database.
const APP: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, \
                   SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, \
                   CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, REPLICATION CLIENT";

const LOCAL: [&str; 6] = ["vt_dba", "vt_app", "vt_appdebug", "vt_allprivs", "vt_filtered", "vt_monitoring"];

fn users() -> Vec<String> {
    let mut sql: Vec<String> =
        LOCAL.iter().map(|u| format!("CREATE USER IF NOT EXISTS '{u}'@'localhost'")).collect();
    sql.push("CREATE USER IF NOT EXISTS 'vt_repl'@'%'".into());
    sql.push("GRANT ALL ON *.* TO 'vt_dba'@'localhost' WITH GRANT OPTION".into());
    sql.push(format!("GRANT {APP} ON *.* TO 'vt_app'@'localhost'"));
    sql.push("GRANT SELECT, SHOW DATABASES, PROCESS ON *.* TO 'vt_appdebug'@'localhost'".into());
    for user in ["vt_allprivs", "vt_filtered"] {
        sql.push(format!("GRANT {APP}, REPLICATION SLAVE ON *.* TO '{user}'@'localhost'"));
    }
    sql.push(
        "GRANT SELECT, PROCESS, RELOAD, REPLICATION CLIENT ON *.* TO 'vt_monitoring'@'localhost'".into(),
    );
    sql.push("GRANT REPLICATION SLAVE ON *.* TO 'vt_repl'@'%'".into());
    sql
}

/// For MySQL.
pub fn mysql_users() -> Vec<String> {
    let mut sql = users();
    // A replica may be cloned from this server.
    sql.push("GRANT BACKUP_ADMIN ON *.* TO 'vt_repl'@'%'".into());
    // Prepared transactions that a lost connection left behind are listed by the tablet's pool.
    sql.push("GRANT XA_RECOVER_ADMIN ON *.* TO 'vt_app'@'localhost'".into());
    sql
}

/// For MariaDB: nobody but the dba, who switches it, may write under `read_only`; the anonymous users that
/// the installer makes would be matched before `user@'%'`.
pub fn mariadb_users() -> Vec<String> {
    let mut sql = vec!["DELETE FROM mysql.global_priv WHERE User = ''".into(), "FLUSH PRIVILEGES".into()];
    sql.extend(users());
    for user in ["vt_app", "vt_allprivs", "vt_filtered", "vt_monitoring"] {
        sql.push(format!("GRANT BINLOG MONITOR, SLAVE MONITOR ON *.* TO '{user}'@'localhost'"));
    }
    sql
}

/// Cuts SQL text into statements at semicolons outside of quotes and comments, as the `mysql` client does.
/// Comments before a statement stay with it; pieces that hold nothing but comments are dropped. A line
/// `DELIMITER x` changes what ends a statement.
pub fn statements(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut delimiter = ";".to_owned();
    let (mut rest, mut piece, mut has_code) = (text, String::new(), false);
    while !rest.is_empty() {
        if !has_code && let Some((new, after)) = delimiter_line(rest) {
            delimiter = new;
            piece.clear();
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix(delimiter.as_str()) {
            if has_code {
                out.push(std::mem::take(&mut piece).trim().to_owned());
            }
            piece.clear();
            has_code = false;
            rest = after;
            continue;
        }
        let (token, code) = next_piece(rest);
        has_code |= code;
        piece.push_str(token);
        rest = &rest[token.len()..];
    }
    if has_code {
        out.push(piece.trim().to_owned());
    }
    out
}

/// `DELIMITER x` at the start of `text`: the new delimiter and what follows the line.
fn delimiter_line(text: &str) -> Option<(String, &str)> {
    let line = text.lines().next()?;
    let mut words = line.split_whitespace();
    if !words.next()?.eq_ignore_ascii_case("delimiter") {
        return None;
    }
    let new = words.next()?.to_owned();
    Some((new, text.get(line.len()..).unwrap_or_default()))
}

/// The next comment, quoted text or character, and whether it is code (not blank, not a comment).
fn next_piece(text: &str) -> (&str, bool) {
    let line_end = || text.find('\n').map_or(text.len(), |i| i + 1);
    let first = text.chars().next().unwrap_or_default();
    match first {
        '#' => (&text[..line_end()], false),
        '-' if text.starts_with("--") && text[2..].starts_with(|c: char| c.is_whitespace()) => {
            (&text[..line_end()], false)
        }
        '/' if text.starts_with("/*") => {
            let end = text[2..].find("*/").map_or(text.len(), |i| i + 4);
            // `/*! ... */` is code to the server.
            (&text[..end], text.starts_with("/*!"))
        }
        '\'' | '"' | '`' => (&text[..quoted_len(text, first)], true),
        c => (&text[..c.len_utf8()], !c.is_whitespace()),
    }
}

/// The length of the quoted text at the start; a doubled quote counts as two texts, which reads the same.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return i + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
