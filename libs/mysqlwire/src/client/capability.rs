//! Capability and status flags of the protocol, as far as a client uses them.

pub(super) const LONG_PASSWORD: u32 = 1;
pub(super) const FOUND_ROWS: u32 = 1 << 1;
pub(super) const LONG_FLAG: u32 = 1 << 2;
pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
pub(super) const PROTOCOL_41: u32 = 1 << 9;
/// The login goes on by TLS.
pub(super) const SSL: u32 = 1 << 11;
pub(super) const TRANSACTIONS: u32 = 1 << 13;
pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
pub(super) const MULTI_STATEMENTS: u32 = 1 << 16;
pub(super) const MULTI_RESULTS: u32 = 1 << 17;
pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
pub(super) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
pub(super) const SESSION_TRACK: u32 = 1 << 23;
pub(super) const DEPRECATE_EOF: u32 = 1 << 24;

/// Without these a server is too old to be spoken to.
pub(super) const REQUIRED: u32 = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;

pub(super) const STATUS_IN_TRANS: u16 = 1;
pub(super) const STATUS_AUTOCOMMIT: u16 = 2;
pub(super) const STATUS_MORE_RESULTS: u16 = 8;
pub(super) const STATUS_NO_BACKSLASH_ESCAPES: u16 = 0x200;
pub(super) const STATUS_SESSION_STATE_CHANGED: u16 = 0x4000;

pub(super) const COM_QUIT: u8 = 0x01;
pub(super) const COM_INIT_DB: u8 = 0x02;
pub(super) const COM_QUERY: u8 = 0x03;
pub(super) const COM_PING: u8 = 0x0e;
pub(super) const COM_RESET_CONNECTION: u8 = 0x1f;
