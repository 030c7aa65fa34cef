//! Binary rows against a real mysqld: the row packets that the server side makes from mysqld's text rows are
//! byte for byte those that mysqld itself sends for a prepared statement.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "client/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
};

use mysqlwire::{
    client::{Address, Conn, ConnectOptions, QueryOptions},
    constants::capability as c,
    packet::Reader,
    server::Connection,
};
use server::Server;
use tokio::io::AsyncReadExt;

/// The least of a client: packets in, packets out.
struct Raw(UnixStream);

impl Raw {
    fn connect(server: &Server) -> Self {
        let mut raw = Self(UnixStream::connect(server.socket()).unwrap());
        raw.read();
        let flags =
            c::PROTOCOL_41 | c::SECURE_CONNECTION | c::PLUGIN_AUTH | c::DEPRECATE_EOF | c::CONNECT_WITH_DB;
        let mut hello = flags.to_le_bytes().to_vec();
        hello.extend_from_slice(&[0, 0, 0, 1, 255]);
        hello.extend_from_slice(&[0; 23]);
        hello.extend_from_slice(b"root\0\0mysql\0caching_sha2_password\0");
        raw.write(1, &hello);
        assert_eq!(raw.read()[0], 0, "logged in");
        raw
    }

    fn write(&mut self, sequence: u8, payload: &[u8]) {
        let mut out = (payload.len() as u32).to_le_bytes()[..3].to_vec();
        out.push(sequence);
        out.extend_from_slice(payload);
        self.0.write_all(&out).unwrap();
    }

    fn read(&mut self) -> Vec<u8> {
        let mut head = [0; 4];
        self.0.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
        self.0.read_exact(&mut payload).unwrap();
        payload
    }

    /// Prepares and executes a query without parameters: the row packets.
    fn rows(&mut self, sql: &str) -> Vec<Vec<u8>> {
        self.write(0, &[b"\x16", sql.as_bytes()].concat());
        let ok = self.read();
        assert_eq!(ok[0], 0, "{sql}: {}", String::from_utf8_lossy(&ok));
        let mut head = Reader::new(&ok[1..]);
        let (id, columns) = (head.u32().unwrap(), head.u16().unwrap());
        (0..columns).for_each(|_| drop(self.read()));
        self.write(0, &[&[0x17][..], &id.to_le_bytes(), &[0], &1u32.to_le_bytes()].concat());
        let count = self.read();
        assert_eq!(count, [columns as u8], "{sql}: {}", String::from_utf8_lossy(&count));
        (0..columns).for_each(|_| drop(self.read()));
        let mut rows = Vec::new();
        loop {
            let packet = self.read();
            if packet[0] != 0 {
                assert_eq!(packet[0], 0xfe, "{sql}: {}", String::from_utf8_lossy(&packet));
                return rows;
            }
            rows.push(packet);
        }
    }
}

/// What the server side makes of the text rows of the same query.
async fn made(conn: &mut Conn, sql: &str) -> Vec<Vec<u8>> {
    let result = conn.query(sql.as_bytes(), &QueryOptions::all_fields(1000)).await.unwrap();
    let types: Vec<_> = result.fields.iter().map(|f| f.r#type()).collect();
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let mut connection = Connection::new(ours);
    for row in &result.rows {
        connection.write_binary_row(&types, row).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    connection.flush().await.unwrap();
    drop(connection);
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    let mut packets = Vec::new();
    let mut rest = &bytes[..];
    while let [a, b, c, _, after @ ..] = rest {
        let (payload, next) = after.split_at(u32::from_le_bytes([*a, *b, *c, 0]) as usize);
        packets.push(payload.to_vec());
        rest = next;
    }
    packets
}

/// Column type, and values of it.
const COLUMNS: &[(&str, &[&str])] = &[
    ("tinyint", &["-128", "127", "0"]),
    ("tinyint unsigned", &["255"]),
    ("tinyint(1)", &["1"]),
    ("smallint", &["-32768", "32767"]),
    ("smallint unsigned zerofill", &["42", "65535"]),
    ("mediumint", &["-8388608", "8388607"]),
    ("mediumint unsigned", &["16777215"]),
    ("int", &["-2147483648", "2147483647"]),
    ("int unsigned", &["4294967295"]),
    ("int(8) zerofill", &["7"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("bigint unsigned", &["18446744073709551615", "0"]),
    ("decimal(65,30)", &["-12345.678900000000000000000000000001", "0"]),
    ("decimal(10,0)", &["-1"]),
    (
        "double",
        &[
            "0.1",
            "-1.7976931348623157e308",
            "2.2250738585072014e-308",
            "123456789012345680000",
            "-0.0",
            "1e15",
            "1e14",
        ],
    ),
    ("double(10,3)", &["1.5"]),
    // A FLOAT of more than six digits is cut by mysqld's own text.
    ("float", &["1.5", "-0.1", "3.40282e38", "1e-30", "123456"]),
    ("float(8,2)", &["1234.5"]),
    ("bit(1)", &["b'1'", "b'0'"]),
    ("bit(10)", &["b'1000000001'"]),
    ("bit(64)", &["b'1111111111111111111111111111111111111111111111111111111111111111'"]),
    ("year", &["1901", "2155", "0"]),
    ("date", &["'2020-02-29'", "'0000-00-00'", "'9999-12-31'", "'2020-00-00'"]),
    (
        "datetime",
        &["'2020-01-02 03:04:05'", "'2020-01-02'", "'0000-00-00 00:00:00'", "'2020-01-02 00:00:01'"],
    ),
    (
        "datetime(6)",
        &[
            "'2020-01-02 03:04:05.678901'",
            "'2020-01-02 03:04:05'",
            "'2020-01-02 00:00:00.000001'",
            "'2020-01-02'",
        ],
    ),
    ("datetime(3)", &["'2020-01-02 03:04:05.6'"]),
    ("timestamp null", &["'2020-01-02 03:04:05'"]),
    ("timestamp(2) null", &["'2020-01-02 03:04:05.25'"]),
    ("time", &["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'", "'24:00:00'", "'-25:01:02'"]),
    ("time(6)", &["'-100:00:00.000001'", "'00:00:00.5'", "'12:34:56'"]),
    ("char(5)", &["'ab'", "''"]),
    ("varchar(300)", &["'text'", "repeat('x', 251)", "'é😀'"]),
    ("varbinary(20)", &["x'00ff'"]),
    ("binary(3)", &["'a'"]),
    ("tinytext", &["'a'"]),
    ("longtext", &["repeat('y', 70000)"]),
    ("blob", &["x'ff00'"]),
    ("enum('a','b')", &["'b'", "''"]),
    ("set('x','y')", &["'x,y'", "''"]),
    ("json", &["'{\"k\": [1, null, \"é\"]}'"]),
    ("point", &["point(1, 2)"]),
];

#[tokio::test]
async fn rows_are_mysqlds_own_bytes() {
    let server = Server::get();
    let options = ConnectOptions::new(Address::Unix(server.socket()), "root");
    let mut conn = Conn::connect(Arc::new(options)).await.unwrap();
    conn.execute("create database binary_rows").await.unwrap();
    conn.execute("set sql_mode = ''").await.unwrap();
    let mut raw = Raw::connect(&server);
    let mut all_columns = Vec::new();
    for (at, (column_type, values)) in COLUMNS.iter().enumerate() {
        let table = format!("binary_rows.t{at}");
        conn.execute(&format!("create table {table} (id int primary key auto_increment, v {column_type})"))
            .await
            .unwrap();
        let rows: Vec<_> = values.iter().chain(&["null"]).map(|v| format!("({v})")).collect();
        conn.execute(&format!("insert into {table} (v) values {}", rows.join(", "))).await.unwrap();
        let sql = format!("select v, id, v from {table} order by id");
        let wanted = raw.rows(&sql);
        assert_eq!(wanted.len(), values.len() + 1, "{sql}");
        assert_eq!(made(&mut conn, &sql).await, wanted, "{column_type} {values:?}");
        all_columns.push(format!("(select v from {table} order by id limit 1)"));
    }
    // Many columns at once: the NULL bits take several bytes.
    let sql = format!("select null, {}, null", all_columns.join(", "));
    assert_eq!(made(&mut conn, &sql).await, raw.rows(&sql));
}

#[tokio::test]
async fn computed_columns_too() {
    let server = Server::get();
    let options = ConnectOptions::new(Address::Unix(server.socket()), "root");
    let mut conn = Conn::connect(Arc::new(options)).await.unwrap();
    let mut raw = Raw::connect(&server);
    for sql in [
        "select 1, -1, 18446744073709551615, 1.5, 1e0, 1/3, sqrt(2e0)",
        "select 'a', x'41', null, true, b'101'",
        "select date'2020-01-02', time'-01:02:03.5', timestamp'2020-01-02 03:04:05.1'",
        "select cast('2020-01-02' as datetime(6)), maketime(-800, 1, 2.25), sec_to_time(90061.5)",
        "select count(*), sum(1), avg(2), max('x') from (select 1) t",
        "select json_object('a', 1), cast(1 as json), uuid_to_bin('6ccd780c-baba-1026-9564-5b8c656024db')",
        "select cast(1.5 as float), cast('12' as unsigned), cast(-1 as signed), cast(2020 as year)",
    ] {
        assert_eq!(made(&mut conn, sql).await, raw.rows(sql), "{sql}");
    }
}
