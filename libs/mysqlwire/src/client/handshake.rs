//! From a fresh socket to a session: greeting, login, proof of the password.

use vterrors::{Condition, Error, Result};

use super::{
    Address, ConnectOptions,
    auth::{self, Plugin},
    capability as cap,
    cursor::{Cursor, malformed},
    default_utf8mb4_collation,
    framing::Framed,
    response::{Ok_, parse_err, parse_ok},
};

/// What is known after the login.
#[derive(Debug)]
pub(super) struct Session {
    pub server_version: String,
    pub connection_id: u32,
    /// What both ends agreed on.
    pub capabilities: u32,
    pub ok: Ok_,
}

/// The server's first packet.
struct Greeting {
    server_version: String,
    connection_id: u32,
    capabilities: u32,
    scramble: Vec<u8>,
    plugin: Vec<u8>,
}

/// The most exchanges a login may take before the server is taken for broken.
const MAX_ROUNDS: usize = 8;

pub(super) async fn run(framed: &mut Framed, options: &ConnectOptions) -> Result<Session> {
    let first = framed.packet().await?;
    if first.first() == Some(&0xff) {
        return Err(parse_err(&first));
    }
    let greeting = read_greeting(&first).ok_or_else(|| malformed("greeting"))?;
    if greeting.capabilities & cap::REQUIRED != cap::REQUIRED {
        return Err(Error::new(
            Condition::Unsupported,
            format!("mysqld {} is too old: it lacks protocol 4.1 authentication", greeting.server_version),
        ));
    }
    let capabilities = start_tls(framed, options, &greeting).await?;
    let password = options.password.current();
    // A plugin that we do not know is only the server's default; it names the account's own next.
    let mut plugin = Plugin::of_name(&greeting.plugin).unwrap_or(Plugin::CachingSha2);
    let mut scramble = greeting.scramble;
    let answer = plugin.answer(&password, &scramble, framed.is_secret())?;
    framed.send(&login(options, &greeting.server_version, capabilities, plugin, &answer), &[]).await?;

    for _ in 0..MAX_ROUNDS {
        let packet = framed.packet().await?;
        match packet.first() {
            Some(0x00) => {
                let ok = parse_ok(&packet, capabilities)?;
                return Ok(Session {
                    server_version: greeting.server_version,
                    connection_id: greeting.connection_id,
                    capabilities,
                    ok,
                });
            }
            Some(0xff) => return Err(parse_err(&packet)),
            Some(0xfe) => {
                let mut c = Cursor::new(&packet[1..]);
                plugin = Plugin::of_name(c.until_zero())?;
                scramble = trimmed_scramble(c.rest());
                let answer = plugin.answer(&password, &scramble, framed.is_secret())?;
                framed.send(&answer, &[]).await?;
            }
            Some(0x01) => more_data(framed, &password, plugin, &scramble, &packet[1..]).await?,
            _ => return Err(malformed("login")),
        }
    }
    Err(malformed("login without an end"))
}

/// Goes over to TLS where the options want it. Gives what both ends agree on.
async fn start_tls(framed: &mut Framed, options: &ConnectOptions, greeting: &Greeting) -> Result<u32> {
    let capabilities = wanted(options) & greeting.capabilities;
    let (Some(tls), Address::Tcp { host, .. }) = (&options.tls, &options.address) else {
        return Ok(capabilities);
    };
    let fault = |why: &str| {
        let text = format!("cannot connect to mysqld at {}: {why}", options.address);
        Error::new(Condition::Unreachable, text)
    };
    if greeting.capabilities & cap::SSL == 0 {
        return match tls.required {
            true => Err(fault("it does not offer TLS, which --db-ssl-mode requires")),
            false => Ok(capabilities),
        };
    }
    let capabilities = capabilities | cap::SSL;
    framed.send(&login_head(options, &greeting.server_version, capabilities), &[]).await?;
    framed.start_tls(&tls.client, host).await.map_err(|why| fault(&why))?;
    Ok(capabilities)
}

/// caching_sha2_password goes on: the server knows the hash (3), wants the password (4), or sends the key
/// that it was asked for.
async fn more_data(
    framed: &mut Framed,
    password: &str,
    plugin: Plugin,
    scramble: &[u8],
    data: &[u8],
) -> Result<()> {
    if plugin != Plugin::CachingSha2 {
        return Err(malformed("login"));
    }
    match data {
        [3] => Ok(()),
        [4] if framed.is_secret() => framed.send(&auth::zero_ended(password), &[]).await,
        [4] => framed.send(&[2], &[]).await,
        key => framed.send(&auth::encrypted(password, scramble, key)?, &[]).await,
    }
}

fn read_greeting(packet: &[u8]) -> Option<Greeting> {
    let mut c = Cursor::new(packet);
    if c.u8()? != 10 {
        return None;
    }
    let server_version = String::from_utf8_lossy(c.until_zero()).into_owned();
    let connection_id = c.u32()?;
    let mut scramble = c.take(8)?.to_vec();
    c.take(1)?;
    let low = u32::from(c.u16()?);
    let _collation = c.u8()?;
    let _status = c.u16()?;
    let capabilities = low | u32::from(c.u16()?) << 16;
    let scramble_len = usize::from(c.u8()?);
    c.take(10)?;
    // The rest of the scramble: at least 13 bytes with the zero that ends it.
    scramble.extend_from_slice(c.take(scramble_len.saturating_sub(8).max(13))?);
    let plugin = c.until_zero().to_vec();
    Some(Greeting {
        server_version,
        connection_id,
        capabilities,
        scramble: trimmed_scramble(&scramble),
        plugin,
    })
}

/// Without the zero that ends it on the wire.
fn trimmed_scramble(bytes: &[u8]) -> Vec<u8> {
    bytes.strip_suffix(&[0]).unwrap_or(bytes).to_vec()
}

fn wanted(options: &ConnectOptions) -> u32 {
    let mut flags = cap::LONG_PASSWORD
        | cap::LONG_FLAG
        | cap::PROTOCOL_41
        | cap::TRANSACTIONS
        | cap::SECURE_CONNECTION
        | cap::MULTI_RESULTS
        | cap::PLUGIN_AUTH
        | cap::PLUGIN_AUTH_LENENC
        | cap::SESSION_TRACK
        | cap::DEPRECATE_EOF;
    for (on, flag) in [
        (options.found_rows, cap::FOUND_ROWS),
        (options.multi_statements, cap::MULTI_STATEMENTS),
        (!options.database.is_empty(), cap::CONNECT_WITH_DB),
    ] {
        if on {
            flags |= flag;
        }
    }
    flags
}

/// How a login begins; by itself it asks for TLS.
fn login_head(options: &ConnectOptions, server_version: &str, capabilities: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(&capabilities.to_le_bytes());
    out.extend_from_slice(&(1u32 << 24).to_le_bytes());
    out.push(options.collation.unwrap_or_else(|| default_utf8mb4_collation(server_version)));
    out.extend_from_slice(&[0; 23]);
    out
}

fn login(
    options: &ConnectOptions,
    server_version: &str,
    capabilities: u32,
    plugin: Plugin,
    answer: &[u8],
) -> Vec<u8> {
    let mut out = login_head(options, server_version, capabilities);
    out.extend_from_slice(options.user.as_bytes());
    out.push(0);
    // The length of the answer, length-encoded; a clear password may need the two-byte form.
    match u8::try_from(answer.len()) {
        Ok(len) if len < 0xfb => out.push(len),
        _ => {
            out.push(0xfc);
            out.extend_from_slice(&u16::try_from(answer.len()).unwrap_or(u16::MAX).to_le_bytes());
        }
    }
    out.extend_from_slice(answer);
    if capabilities & cap::CONNECT_WITH_DB != 0 {
        out.extend_from_slice(options.database.as_bytes());
        out.push(0);
    }
    out.extend_from_slice(plugin.name().as_bytes());
    out.push(0);
    out
}
