use async_trait::async_trait;
use authority::{Authority, Request};
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey, pkcs8::DecodePublicKey};
use secrets::{
    Named,
    tls::{ClientFiles, ClientTls, ServerFiles, ServerTls},
};
use sha1::Sha1;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::auth;

/// Keeps one password in the way that is named.
enum Kept {
    Plain,
    NativeHash,
    NoPassword,
    Salted(Box<RsaPrivateKey>),
}

#[async_trait]
impl Authenticator for Kept {
    async fn judge(&self, user: &str, proof: Proof<'_>) -> Authenticated {
        let right = user == "u";
        let ok = match (self, proof) {
            (Self::NoPassword, proof) => matches!(proof, Proof::Empty),
            (_, Proof::Empty) => false,
            (Self::Salted(_), Proof::Plain(p)) => p == b"secret",
            (Self::Salted(_), _) => return Authenticated::NeedsPlain,
            (_, Proof::Native { scramble, salt }) => {
                auth::native_verify(scramble, salt, &auth::native_hash(b"secret"))
            }
            (Self::NativeHash, _) => return Authenticated::NeedsNative,
            (_, Proof::Sha2 { scramble, salt }) => {
                auth::sha2_verify(scramble, salt, &auth::sha2_hash(b"secret"))
            }
            (_, Proof::Plain(_)) => false,
        };
        if right && ok {
            Authenticated::Yes { user_data: "data".into(), groups: vec![] }
        } else {
            Authenticated::No
        }
    }

    fn rsa_key(&self) -> Option<&RsaPrivateKey> {
        match self {
            Self::Salted(key) => Some(key),
            _ => None,
        }
    }
}

async fn read_packet(c: &mut DuplexStream) -> (u8, Vec<u8>) {
    let mut head = [0; 4];
    c.read_exact(&mut head).await.unwrap();
    let len = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
    let mut payload = vec![0; len];
    c.read_exact(&mut payload).await.unwrap();
    (head[3], payload)
}

async fn write_packet(c: &mut DuplexStream, sequence: u8, payload: &[u8]) {
    let mut out = (payload.len() as u32).to_le_bytes()[..3].to_vec();
    out.push(sequence);
    out.extend_from_slice(payload);
    c.write_all(&out).await.unwrap();
}

fn hello(plugin: &str, scramble: &[u8]) -> Vec<u8> {
    use crate::constants::capability as c;
    let mut p = (c::PROTOCOL_41 | c::SECURE_CONNECTION | c::PLUGIN_AUTH).to_le_bytes().to_vec();
    p.extend_from_slice(&[0, 0, 0, 1, 255]);
    p.extend_from_slice(&[0; 23]);
    p.extend_from_slice(b"u\0");
    p.push(scramble.len() as u8);
    p.extend_from_slice(scramble);
    p.extend_from_slice(plugin.as_bytes());
    p.push(0);
    p
}

/// A client that knows `password` and begins with `plugin`, against a server that keeps `kept`.
async fn try_login(kept: Kept, plugin: &str, password: &[u8]) -> Authenticated {
    let (mut client, server) = duplex(1 << 16);
    let salt = new_salt();
    let server = tokio::spawn(async move {
        let mut c = Connection::new(server);
        let greeting = Greeting {
            server_version: "8.4.6-Vitess".into(),
            connection_id: 7,
            salt,
            charset: 255,
            is_private: false,
            tls: None,
            requires_tls: false,
        };
        let verdict = handshake(&mut c, &greeting, &kept).await.unwrap().unwrap().1;
        c.write_ok(&OkPacket::plain(2));
        c.flush().await.unwrap();
        verdict
    });
    let (_, greeting) = read_packet(&mut client).await;
    assert_eq!(greeting[0], 10);
    let answer = |plugin: &str| match plugin {
        "mysql_native_password" => auth::native_scramble(password, &salt),
        // MySQL's client sends the zero byte of an empty password.
        _ if password.is_empty() => vec![0],
        _ => auth::sha2_scramble(password, &salt),
    };
    write_packet(&mut client, 1, &hello(plugin, &answer(plugin))).await;
    let mut told_fast = false;
    loop {
        let (sequence, p) = read_packet(&mut client).await;
        told_fast |= p == [1, 3];
        match p.as_slice() {
            [0xfe, rest @ ..] => {
                let end = rest.iter().position(|b| *b == 0).unwrap();
                let plugin = std::str::from_utf8(&rest[..end]).unwrap();
                write_packet(&mut client, sequence + 1, &answer(plugin)).await;
            }
            [1, 4] => write_packet(&mut client, sequence + 1, &[2]).await,
            [1, 3] => {}
            [1, pem @ ..] => {
                let key = RsaPublicKey::from_public_key_pem(std::str::from_utf8(pem).unwrap()).unwrap();
                let mut with_zero = password.to_vec();
                with_zero.push(0);
                let hidden = auth::xor_with_salt(&with_zero, &salt);
                let sent = key.encrypt(&mut rsa::rand_core::OsRng, Oaep::new::<Sha1>(), &hidden).unwrap();
                write_packet(&mut client, sequence + 1, &sent).await;
            }
            _ => break,
        }
    }
    // MySQL's client calls it a malformed packet when it sent no scramble.
    assert!(!(told_fast && password.is_empty()), "fast authentication of an empty password");
    server.await.unwrap()
}

fn is_yes(a: &Authenticated) -> bool {
    matches!(a, Authenticated::Yes { .. })
}

#[tokio::test]
async fn both_methods_prove_a_kept_password() {
    for plugin in ["mysql_native_password", "caching_sha2_password", "client_ed25519"] {
        assert!(is_yes(&try_login(Kept::Plain, plugin, b"secret").await), "{plugin}");
        assert!(!is_yes(&try_login(Kept::Plain, plugin, b"wrong").await), "{plugin}");
        assert!(!is_yes(&try_login(Kept::Plain, plugin, b"").await), "{plugin}");
    }
}

#[tokio::test]
async fn a_user_without_password_sends_none() {
    for plugin in ["mysql_native_password", "caching_sha2_password"] {
        assert!(is_yes(&try_login(Kept::NoPassword, plugin, b"").await), "{plugin}");
        assert!(!is_yes(&try_login(Kept::NoPassword, plugin, b"x").await), "{plugin}");
    }
}

#[tokio::test]
async fn a_native_hash_makes_the_client_switch() {
    assert!(is_yes(&try_login(Kept::NativeHash, "caching_sha2_password", b"secret").await));
    assert!(!is_yes(&try_login(Kept::NativeHash, "caching_sha2_password", b"wrong").await));
}

#[tokio::test]
async fn a_salted_hash_takes_the_password_by_rsa() {
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    for plugin in ["mysql_native_password", "caching_sha2_password"] {
        let kept = || Kept::Salted(Box::new(key.clone()));
        assert!(is_yes(&try_login(kept(), plugin, b"secret").await), "{plugin}");
        assert!(!is_yes(&try_login(kept(), plugin, b"wrong").await), "{plugin}");
    }
}

/// Vitess's #2583: zero bytes end the salt for some clients, bytes above 127 confuse others.
#[test]
fn salts_are_bytes_every_client_reads_2583() {
    for _ in 0..500 {
        assert!(new_salt().iter().all(|b| (1..128).contains(b) && *b != b'$'));
    }
}

#[tokio::test]
async fn garbage_is_an_error_not_a_panic() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    for seed in 0..300u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut client, server) = duplex(1 << 16);
        let len = rng.random_range(0..200);
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.random()).collect();
        if seed % 2 == 0 && len >= 4 {
            // A plausible header, so that the content is read too.
            bytes[..4].copy_from_slice(&[(len - 4) as u8, 0, 0, 1]);
        }
        let server = tokio::spawn(async move {
            let greeting = Greeting {
                server_version: "x".into(),
                connection_id: 1,
                salt: new_salt(),
                charset: 255,
                is_private: false,
                tls: None,
                requires_tls: false,
            };
            handshake(&mut Connection::new(server), &greeting, &Kept::Plain).await
        });
        client.write_all(&bytes).await.unwrap();
        drop(client);
        if let Ok(Some((_, verdict))) = server.await.expect("no panic") {
            assert!(!is_yes(&verdict), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn long_payloads_are_cut_and_put_together() {
    for extra in [0usize, 1, 100] {
        let len = crate::constants::MAX_PAYLOAD + extra;
        let (a, b) = duplex(1 << 20);
        let writer = tokio::spawn(async move {
            let mut a = Connection::new(a);
            a.packet(|out| out.resize(out.len() + len, 7));
            a.flush().await.unwrap();
        });
        let read = Connection::new(b).read_packet(MAX_COMMAND_BYTES).await.unwrap().unwrap();
        writer.await.unwrap();
        assert_eq!(read.len(), len);
        assert!(read.iter().all(|b| *b == 7));
    }
}

/// A greeting of a server that offers TLS, with the certificate for `localhost` in `dir`.
fn tls_greeting(requires_tls: bool, dir: &std::path::Path) -> Greeting {
    let authority = Authority::new("Ours").unwrap();
    authority.write(dir).unwrap();
    let (cert, key) =
        authority.issue(&Request::new("vtgate", &["localhost"])).unwrap().write(dir, "gate").unwrap();
    let files = ServerFiles {
        cert: Named::new("--mysql-server-ssl-cert", cert),
        key: Named::new("--mysql-server-ssl-key", key),
        chain: None,
        client_ca: None,
        crl: None,
        allowed_subjects: Vec::new(),
    };
    Greeting {
        server_version: "x".into(),
        connection_id: 1,
        salt: *b"abcdefghijklmnopqrst",
        charset: 255,
        is_private: false,
        tls: Some(std::sync::Arc::new(ServerTls::open(files, &[]).unwrap())),
        requires_tls,
    }
}

/// Over TLS the client sends its whole answer encrypted; what it sends right behind its wish for TLS is the
/// beginning of the TLS handshake.
#[tokio::test]
async fn a_client_may_go_over_to_tls() {
    let dir = testkit::temp_dir();
    let offered = tls_greeting(true, dir.path());
    let (mut client, server) = duplex(1 << 16);
    let served = tokio::spawn(async move {
        let mut c = Connection::new(server);
        let verdict = handshake(&mut c, &offered, &Kept::Plain).await.unwrap().unwrap().1;
        c.write_ok(&OkPacket::plain(2));
        c.flush().await.unwrap();
        (verdict, c.is_tls())
    });
    let (_, greeting) = read_packet(&mut client).await;
    let flags_at = 1 + 2 + 4 + 8 + 1;
    assert_eq!(greeting[flags_at + 1] & 8, 8, "CLIENT_SSL is offered");
    let whole = hello("caching_sha2_password", &auth::sha2_scramble(b"secret", b"abcdefghijklmnopqrst"));
    let mut wish = whole[..32].to_vec();
    wish[1] |= 8;
    write_packet(&mut client, 1, &wish).await;
    let files =
        ClientFiles { ca: Some(Named::new("--ssl-ca", dir.path().join("ca.pem"))), ..ClientFiles::default() };
    let mut tls = ClientTls::open(files, &[]).unwrap().connect("localhost", client).await.unwrap();
    let mut packet = (whole.len() as u32).to_le_bytes()[..3].to_vec();
    packet.push(2);
    packet.extend_from_slice(&whole);
    tls.write_all(&packet).await.unwrap();
    tls.flush().await.unwrap();
    // The fast way was enough, then OK; the sequence goes on.
    let mut answer = [0; 6];
    tls.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [2, 0, 0, 3, 1, 3]);
    let (verdict, is_tls) = served.await.unwrap();
    assert!(is_yes(&verdict) && is_tls);
}

#[tokio::test]
async fn a_client_without_tls_is_turned_away_where_it_is_required() {
    let dir = testkit::temp_dir();
    let offered = tls_greeting(true, dir.path());
    let (mut client, server) = duplex(1 << 16);
    let served = tokio::spawn(async move {
        handshake(&mut Connection::new(server), &offered, &Kept::Plain).await.map(|_| ())
    });
    read_packet(&mut client).await;
    write_packet(&mut client, 1, &hello("mysql_native_password", b"")).await;
    assert_eq!(served.await.unwrap().unwrap_err().errno(), 3159);
}

/// COM_CHANGE_USER proves the password with the salt of the greeting.
#[tokio::test]
async fn a_user_may_change() {
    use crate::constants::capability as c;
    let dir = testkit::temp_dir();
    for (password, right) in [(&b"secret"[..], true), (b"wrong", false)] {
        let (_client, server) = duplex(1 << 16);
        let mut connection = Connection::new(server);
        connection.capabilities = c::PLUGIN_AUTH | c::SECURE_CONNECTION;
        let scramble = auth::native_scramble(password, b"abcdefghijklmnopqrst");
        let mut body = b"u\0".to_vec();
        body.push(scramble.len() as u8);
        body.extend_from_slice(&scramble);
        body.extend_from_slice(b"ks\0\x08\x00mysql_native_password\0");
        let (hello, verdict) =
            change_user(&mut connection, &tls_greeting(false, dir.path()), &Kept::Plain, &body)
                .await
                .unwrap();
        assert_eq!((hello.user.as_str(), hello.database.as_str(), hello.charset), ("u", "ks", 8));
        assert_eq!(is_yes(&verdict), right);
    }
    let (_client, server) = duplex(1 << 16);
    let mut connection = Connection::new(server);
    let body = b"u\0\x20ab";
    assert!(
        change_user(&mut connection, &tls_greeting(false, dir.path()), &Kept::Plain, body).await.is_err()
    );
}

/// A result that a slow client does not take is given up by a KILL: what was sent of it is not sent again.
#[tokio::test]
async fn a_flush_that_is_dropped_goes_on_where_it_was() {
    let (mut client, server) = duplex(8);
    let mut c = Connection::new(server);
    c.packet(|out| out.extend_from_slice(b"twenty bytes or some"));
    assert!(at_once(c.flush()).await.is_none(), "the pipe is full");
    c.packet(|out| out.extend_from_slice(b"end"));
    let writer = tokio::spawn(async move {
        c.flush().await.unwrap();
        c
    });
    assert_eq!(read_packet(&mut client).await, (0, b"twenty bytes or some".to_vec()));
    assert_eq!(read_packet(&mut client).await, (1, b"end".to_vec()));
    writer.await.unwrap();
}

/// What a future gives when it does not have to wait.
async fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = std::future::ready(()) => None,
    }
}
