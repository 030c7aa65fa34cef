//! The packets that end an answer: OK, ERR, EOF; and the session state that an OK carries.

use vterrors::{Error, Result};

use super::{capability as cap, cursor::Cursor, cursor::malformed};

/// What an OK packet says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ok_ {
    pub affected_rows: u64,
    pub insert_id: u64,
    pub status: u16,
    pub warnings: u16,
    pub info: String,
    /// The GTID (set) of the last commit, where the session tracks it; else empty.
    pub gtid: String,
}

const TRACK_SYSTEM_VARIABLES: u8 = 0;
const TRACK_GTIDS: u8 = 3;

/// Reads an OK packet (header 0x00, or 0xfe at the end of rows).
pub(super) fn parse_ok(packet: &[u8], capabilities: u32) -> Result<Ok_> {
    read_ok(packet, capabilities).ok_or_else(|| malformed("OK packet"))
}

fn read_ok(packet: &[u8], capabilities: u32) -> Option<Ok_> {
    let mut c = Cursor::new(packet);
    c.u8()?;
    let mut ok = Ok_ {
        affected_rows: c.lenenc_int()?,
        insert_id: c.lenenc_int()?,
        status: c.u16()?,
        warnings: c.u16()?,
        ..Ok_::default()
    };
    if capabilities & cap::SESSION_TRACK == 0 {
        ok.info = String::from_utf8_lossy(c.rest()).into_owned();
        return Some(ok);
    }
    if !c.is_empty() {
        ok.info = String::from_utf8_lossy(c.lenenc_bytes()?).into_owned();
    }
    if ok.status & cap::STATUS_SESSION_STATE_CHANGED != 0 && !c.is_empty() {
        ok.gtid = tracked_gtid(c.lenenc_bytes()?)?;
    }
    Some(ok)
}

/// The GTID among the changes of session state: MySQL's own entry, or MariaDB's variable `last_gtid`.
fn tracked_gtid(changes: &[u8]) -> Option<String> {
    let mut c = Cursor::new(changes);
    let mut gtid = String::new();
    while !c.is_empty() {
        let kind = c.u8()?;
        let mut data = Cursor::new(c.lenenc_bytes()?);
        match kind {
            // One byte says how the set is encoded; 0 is text, the only one there is.
            TRACK_GTIDS if data.u8()? == 0 => {
                gtid = String::from_utf8_lossy(data.lenenc_bytes()?).into_owned();
            }
            TRACK_SYSTEM_VARIABLES => {
                while !data.is_empty() {
                    let (name, value) = (data.lenenc_bytes()?, data.lenenc_bytes()?);
                    if name == b"last_gtid" {
                        gtid = String::from_utf8_lossy(value).into_owned();
                    }
                }
            }
            _ => {}
        }
    }
    Some(gtid)
}

/// Reads an ERR packet (header 0xff). Before the handshake there is no SQL state.
pub(super) fn parse_err(packet: &[u8]) -> Error {
    let mut c = Cursor::new(packet);
    let Some(errno) = c.u8().and_then(|_| c.u16()) else { return malformed("error packet") };
    let rest = c.rest();
    let (state, text) = match rest.split_at_checked(6) {
        Some((head, text)) if head[0] == b'#' => ([head[1], head[2], head[3], head[4], head[5]], text),
        _ => (*b"HY000", rest),
    };
    Error::mysql(errno, state, String::from_utf8_lossy(text))
}

/// Whether a packet is the old end marker of columns or rows (without CLIENT_DEPRECATE_EOF).
pub(super) fn is_eof(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// Reads the status and the warnings of an EOF packet into the form of an OK.
pub(super) fn parse_eof(packet: &[u8]) -> Result<Ok_> {
    let mut c = Cursor::new(packet);
    (|| {
        c.u8()?;
        let warnings = c.u16()?;
        Some(Ok_ { warnings, status: c.u16()?, ..Ok_::default() })
    })()
    .ok_or_else(|| malformed("EOF packet"))
}
