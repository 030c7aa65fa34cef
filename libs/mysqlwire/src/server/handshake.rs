//! The handshake: greeting, the client's answer, and the proof of its password.
//!
//! `mysql_native_password` and `caching_sha2_password` are answered in the client's own method where the
//! credentials allow it; else the client is asked to switch. A password that is kept as a salted hash only
//! is asked for whole: over a Unix socket or TLS as it is, over plain TCP encrypted with the server's RSA key.

use std::sync::Arc;

use async_trait::async_trait;
use rand::Rng;
use rsa::{Oaep, RsaPrivateKey, pkcs8::EncodePublicKey};
use secrets::tls::ServerTls;
use sha1::Sha1;
use tokio::io::{AsyncRead, AsyncWrite};
use vterrors::{Condition, Error, Result};

use super::{Connection, OkPacket};
use crate::{
    auth::{self, SALT_LEN},
    constants::{CACHING_SHA2_PASSWORD, NATIVE_PASSWORD, capability, header, status},
    packet::{Reader, put_uint},
};

/// What the server offers.
pub const SERVER_CAPABILITIES: u32 = capability::LONG_PASSWORD
    | capability::FOUND_ROWS
    | capability::LONG_FLAG
    | capability::CONNECT_WITH_DB
    | capability::LOCAL_FILES
    | capability::PROTOCOL_41
    | capability::TRANSACTIONS
    | capability::SECURE_CONNECTION
    | capability::MULTI_STATEMENTS
    | capability::MULTI_RESULTS
    | capability::PLUGIN_AUTH
    | capability::CONNECT_ATTRS
    | capability::PLUGIN_AUTH_LENENC_DATA
    | capability::DEPRECATE_EOF;

/// A handshake packet is small; random bytes that claim more are turned away.
const MAX_HANDSHAKE_BYTES: usize = 64 << 10;

/// What the server says of itself.
#[derive(Clone)]
pub struct Greeting {
    pub server_version: String,
    pub connection_id: u32,
    pub salt: [u8; SALT_LEN],
    /// Collation id that the session begins with.
    pub charset: u8,
    /// Whether what the client sends cannot be overheard, TLS or not (a Unix socket).
    pub is_private: bool,
    /// What TLS is offered with.
    pub tls: Option<Arc<ServerTls>>,
    /// Whether a client that does not use TLS is turned away (but for a Unix socket).
    pub requires_tls: bool,
}

/// Random bytes that every client reads: none is zero, none is outside of ASCII (Vitess's #2583).
pub fn new_salt() -> [u8; SALT_LEN] {
    let mut rng = rand::rng();
    std::array::from_fn(|_| {
        loop {
            let byte = rng.random_range(1u8..=127);
            if byte != b'$' {
                break byte;
            }
        }
    })
}

/// What the client says of itself.
#[derive(Debug, Clone, Default)]
pub struct ClientHello {
    pub capabilities: u32,
    /// The number of a collation; 0 when the client does not say.
    pub charset: u16,
    pub user: String,
    pub database: String,
    pub plugin: String,
    auth: Vec<u8>,
}

/// How a client proves that it knows the password.
#[derive(Debug)]
pub enum Proof<'a> {
    /// Nothing was sent: right only for a user without a password.
    Empty,
    Native {
        scramble: &'a [u8],
        salt: &'a [u8],
    },
    Sha2 {
        scramble: &'a [u8],
        salt: &'a [u8],
    },
    /// The password itself, after a full exchange.
    Plain(&'a [u8]),
}

/// What an authenticator says of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authenticated {
    /// The proof is right; the text is the user's data of the credentials (Vitess's `UserData`).
    Yes {
        user_data: String,
        groups: Vec<String>,
    },
    No,
    /// This method cannot decide with what is kept: ask for the password itself.
    NeedsPlain,
    /// Only `mysql_native_password` can decide with what is kept.
    NeedsNative,
}

/// Knows the credentials.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Judges a proof. An unknown user is judged like one with another password.
    async fn judge(&self, user: &str, proof: Proof<'_>) -> Authenticated;

    /// The key that full exchanges are encrypted with.
    fn rsa_key(&self) -> Option<&RsaPrivateKey>;
}

/// Greets the client and checks who it is. On success nothing is answered yet: the caller selects the
/// database first and then writes OK or an error.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    greeting: &Greeting,
    authenticator: &dyn Authenticator,
) -> Result<Option<(ClientHello, Authenticated)>> {
    connection.packet(|out| put_greeting(out, greeting));
    connection.flush().await?;
    let Some(mut packet) = connection.read_packet(MAX_HANDSHAKE_BYTES).await? else { return Ok(None) };
    if asks_for_tls(&packet) {
        let tls = greeting.tls.clone();
        let tls = tls.ok_or_else(|| Error::new(Condition::Unsupported, "TLS is not offered here"))?;
        connection.start_tls(&tls).await?;
        match connection.read_packet(MAX_HANDSHAKE_BYTES).await? {
            Some(next) => packet = next,
            None => return Ok(None),
        }
    }
    if greeting.requires_tls && !connection.is_tls() && !greeting.is_private {
        return Err(Error::mysql(
            3159,
            *b"HY000",
            "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
        ));
    }
    let mut hello = read_hello(&packet)?;
    connection.capabilities = hello.capabilities & SERVER_CAPABILITIES;
    let verdict = authenticate(connection, greeting, authenticator, &mut hello).await?;
    Ok(Some((hello, verdict)))
}

/// COM_CHANGE_USER, without its command byte: who the client is from now on. As with [`handshake`], the
/// caller answers. The salt is that of the connection's greeting.
pub async fn change_user<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    greeting: &Greeting,
    authenticator: &dyn Authenticator,
    body: &[u8],
) -> Result<(ClientHello, Authenticated)> {
    let capabilities = connection.capabilities;
    let mut r = Reader::new(body);
    let user = text(r.nul_bytes()?);
    let len = r.u8()?;
    let auth = r.bytes(len.into())?.to_vec();
    let database = text(r.nul_bytes_or_rest());
    let charset = if r.is_empty() { 0 } else { r.u16()? };
    let plugin = if capabilities & capability::PLUGIN_AUTH != 0 && !r.is_empty() {
        text(r.nul_bytes_or_rest())
    } else {
        NATIVE_PASSWORD.to_owned()
    };
    let mut hello = ClientHello { capabilities, charset, user, database, plugin, auth };
    let verdict = authenticate(connection, greeting, authenticator, &mut hello).await?;
    Ok((hello, verdict))
}

/// A first packet that ends before the user's name asks for TLS.
fn asks_for_tls(packet: &[u8]) -> bool {
    let mut r = Reader::new(packet);
    packet.len() == 32 && r.u32().is_ok_and(|capabilities| capabilities & capability::SSL != 0)
}

fn put_greeting(out: &mut Vec<u8>, g: &Greeting) {
    let offered = SERVER_CAPABILITIES | if g.tls.is_some() { capability::SSL } else { 0 };
    out.push(10);
    out.extend_from_slice(g.server_version.as_bytes());
    out.push(0);
    put_uint(out, g.connection_id.into(), 4);
    out.extend_from_slice(&g.salt[..8]);
    out.push(0);
    put_uint(out, u64::from(offered & 0xffff), 2);
    out.push(g.charset);
    put_uint(out, status::AUTOCOMMIT.into(), 2);
    put_uint(out, u64::from(offered >> 16), 2);
    out.push(SALT_LEN as u8 + 1);
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(&g.salt[8..]);
    out.push(0);
    out.extend_from_slice(CACHING_SHA2_PASSWORD.as_bytes());
    out.push(0);
}

fn read_hello(packet: &[u8]) -> Result<ClientHello> {
    let mut r = Reader::new(packet);
    let capabilities = r.u32()?;
    if capabilities & capability::PROTOCOL_41 == 0 {
        return Err(Error::new(Condition::InvalidArgument, "the client is too old: protocol 4.1 is needed"));
    }
    r.u32()?;
    let charset = r.u8()?.into();
    r.bytes(23)?;
    let user = text(r.nul_bytes()?);
    let auth = if capabilities & capability::PLUGIN_AUTH_LENENC_DATA != 0 {
        r.lenenc_bytes()?.to_vec()
    } else if capabilities & capability::SECURE_CONNECTION != 0 {
        let len = r.u8()?;
        r.bytes(len.into())?.to_vec()
    } else {
        r.nul_bytes()?.to_vec()
    };
    let database = if capabilities & capability::CONNECT_WITH_DB != 0 {
        text(r.nul_bytes_or_rest())
    } else {
        String::new()
    };
    let plugin = if capabilities & capability::PLUGIN_AUTH != 0 {
        text(r.nul_bytes_or_rest())
    } else {
        NATIVE_PASSWORD.to_owned()
    };
    Ok(ClientHello { capabilities, charset, user, database, plugin, auth })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    greeting: &Greeting,
    authenticator: &dyn Authenticator,
    hello: &mut ClientHello,
) -> Result<Authenticated> {
    let mut switched = false;
    loop {
        let known = matches!(hello.plugin.as_str(), NATIVE_PASSWORD | CACHING_SHA2_PASSWORD);
        if !known {
            if std::mem::replace(&mut switched, true) {
                return Ok(Authenticated::No);
            }
            switch_to(connection, greeting, hello, CACHING_SHA2_PASSWORD).await?;
            continue;
        }
        let is_sha2 = hello.plugin == CACHING_SHA2_PASSWORD;
        let scramble = hello.auth.as_slice();
        // Clients send an empty password as nothing, or as the zero byte of an empty text.
        let is_empty = matches!(scramble, [] | [0]);
        let proof = match (is_empty, is_sha2) {
            (true, _) => Proof::Empty,
            (false, true) => Proof::Sha2 { scramble, salt: &greeting.salt },
            (false, false) => Proof::Native { scramble, salt: &greeting.salt },
        };
        match authenticator.judge(&hello.user, proof).await {
            Authenticated::NeedsNative if !switched => {
                switched = true;
                switch_to(connection, greeting, hello, NATIVE_PASSWORD).await?;
            }
            Authenticated::NeedsPlain if !is_sha2 && !switched => {
                switched = true;
                switch_to(connection, greeting, hello, CACHING_SHA2_PASSWORD).await?;
            }
            Authenticated::NeedsPlain if is_sha2 => {
                let Some(password) = full_exchange(connection, greeting, authenticator).await? else {
                    return Ok(Authenticated::No);
                };
                return Ok(authenticator.judge(&hello.user, Proof::Plain(&password)).await);
            }
            Authenticated::NeedsNative | Authenticated::NeedsPlain => return Ok(Authenticated::No),
            yes @ Authenticated::Yes { .. } => {
                if is_sha2 && !is_empty {
                    // "The fast way was enough": a client that sent no scramble does not expect it.
                    connection.packet(|out| out.extend_from_slice(&[header::AUTH_MORE_DATA, 3]));
                }
                return Ok(yes);
            }
            Authenticated::No => return Ok(Authenticated::No),
        }
    }
}

async fn switch_to<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    greeting: &Greeting,
    hello: &mut ClientHello,
    plugin: &str,
) -> Result<()> {
    connection.packet(|out| {
        out.push(header::EOF);
        out.extend_from_slice(plugin.as_bytes());
        out.push(0);
        out.extend_from_slice(&greeting.salt);
        out.push(0);
    });
    connection.flush().await?;
    let answer = connection.read_packet(MAX_HANDSHAKE_BYTES).await?;
    hello.auth = answer.ok_or_else(closed)?.to_vec();
    hello.plugin = plugin.to_owned();
    Ok(())
}

fn closed() -> Error {
    Error::new(Condition::ConnectionLost, "the client closed in mid-handshake")
}

/// Asks for the password itself; `None` when what came back cannot be decrypted.
async fn full_exchange<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    greeting: &Greeting,
    authenticator: &dyn Authenticator,
) -> Result<Option<Vec<u8>>> {
    connection.packet(|out| out.extend_from_slice(&[header::AUTH_MORE_DATA, 4]));
    connection.flush().await?;
    let mut answer = connection.read_packet(MAX_HANDSHAKE_BYTES).await?.ok_or_else(closed)?.to_vec();
    if greeting.is_private || connection.is_tls() {
        answer.pop();
        return Ok(Some(answer));
    }
    let Some(key) = authenticator.rsa_key() else { return Ok(None) };
    // A client that has no key yet asks for it with a single 2.
    if answer == [2] {
        let pem = key
            .to_public_key()
            .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
            .map_err(|e| Error::internal(format!("RSA key: {e}")))?;
        connection.packet(|out| {
            out.push(header::AUTH_MORE_DATA);
            out.extend_from_slice(pem.as_bytes());
        });
        connection.flush().await?;
        answer = connection.read_packet(MAX_HANDSHAKE_BYTES).await?.ok_or_else(closed)?.to_vec();
    }
    let Ok(hidden) = key.decrypt(Oaep::new::<Sha1>(), &answer) else { return Ok(None) };
    let mut password = auth::xor_with_salt(&hidden, &greeting.salt);
    password.pop();
    Ok(Some(password))
}

impl OkPacket {
    /// The answer to a good handshake, to PING and the like.
    pub fn plain(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}
