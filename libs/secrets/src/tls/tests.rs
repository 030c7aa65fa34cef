//! Both ends of a connection in one process: who is let in, and what each end says when not.

use std::{path::Path, time::Duration};

use authority::{Authority, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// Our authority, and one that nobody here knows.
struct Stand {
    authority: Authority,
    foreign: Authority,
}

struct Ends {
    server: ServerFiles,
    client: ClientFiles,
}

impl Stand {
    fn new(path: &Path) -> Self {
        let authority = Authority::new("Ours").unwrap();
        let foreign = Authority::new("Theirs").unwrap();
        authority.write(path).unwrap();
        Self { authority, foreign }
    }

    /// With a server's certificate for `localhost` and a client's, both of our authority, in `path`.
    fn ends(&self, path: &Path) -> Ends {
        let issue = |name: &str, request: Request| {
            self.authority.issue(&request.serial(7)).unwrap().write(path, name).unwrap()
        };
        let (cert, key) = issue("server", Request::new("the server", &["localhost"]));
        let (own, own_key) = issue("client", Request::new("the client", &[]));
        let ca = path.join("ca.pem");
        Ends {
            server: ServerFiles {
                cert: Named::new("--grpc-cert", cert),
                key: Named::new("--grpc-key", key),
                chain: None,
                client_ca: Some(Named::new("--grpc-ca", &ca)),
                crl: None,
                allowed_subjects: Vec::new(),
            },
            client: ClientFiles {
                ca: Some(Named::new("--tablet-grpc-ca", &ca)),
                identity: Some((
                    Named::new("--tablet-grpc-cert", own),
                    Named::new("--tablet-grpc-key", own_key),
                )),
                name_flag: "--tablet-grpc-server-name".into(),
                cert_flag: "--tablet-grpc-cert".into(),
                ..ClientFiles::default()
            },
        }
    }
}

/// What each end says of a connection over which a word is sent both ways.
async fn talk(
    server: &ServerTls,
    client: &ClientTls,
    host: &str,
) -> (Result<(), String>, Result<(), String>) {
    let (near, far) = duplex(64 << 10);
    let serve = async {
        let mut stream = server.accept(far).await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.map_err(|e| e.to_string())?;
        stream.write_all(&word).await.map_err(|e| e.to_string())?;
        stream.flush().await.map_err(|e| e.to_string())
    };
    let ask = async {
        let mut stream = client.connect(host, near).await?;
        let mut word = *b"word";
        // A server that refuses may be gone by now; what it said is to be read still.
        let _ = stream.write_all(&word).await;
        let _ = stream.flush().await;
        stream.read_exact(&mut word).await.map(drop).map_err(|e| e.to_string())
    };
    let both = async { tokio::join!(Box::pin(serve), Box::pin(ask)) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("a handshake ends")
}

async fn outcome(ends: &Ends, host: &str) -> (Result<(), String>, Result<(), String>) {
    let server = ServerTls::open(ends.server.clone(), &[HTTP2]).unwrap();
    let client = ClientTls::open(ends.client.clone(), &[HTTP2]).unwrap();
    talk(&server, &client, host).await
}

/// Both ends fail, and say these things.
fn says(said: (Result<(), String>, Result<(), String>), server: &[&str], client: &[&str]) {
    for (end, texts, wanted) in [("server", said.0, server), ("client", said.1, client)] {
        let text = texts.expect_err(end);
        for part in wanted {
            assert!(text.contains(part), "the {end} does not say {part:?}: {text}");
        }
    }
}

#[tokio::test]
async fn both_with_certificates_of_the_authority_talk() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let ends = stand.ends(path);
    assert_eq!(outcome(&ends, "localhost").await, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_client_that_is_not_let_in_hears_why() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let mut ends = stand.ends(path);
    let client = path.join("client.pem").display().to_string();

    stand.foreign.issue(&Request::new("intruder", &[])).unwrap().write(path, "client").unwrap();
    says(
        outcome(&ends, "localhost").await,
        &["subject CN=intruder, issuer CN=Theirs", "not signed by an authority of --grpc-ca"],
        &[
            "--tablet-grpc-cert",
            &client,
            "CN=intruder",
            "not signed by an authority that it knows",
            "UnknownCA",
        ],
    );
    stand.authority.issue(&Request::new("old", &[]).expired()).unwrap().write(path, "client").unwrap();
    says(
        outcome(&ends, "localhost").await,
        &["subject CN=old", "valid from", "it has expired"],
        &["--tablet-grpc-cert", "CN=old", "expired"],
    );
    let own = ends.client.identity.take();
    says(
        outcome(&ends, "localhost").await,
        &["no certificate", "--grpc-ca"],
        &["the server wants a certificate, and --tablet-grpc-cert is not given"],
    );
    ends.client.identity = own;
    stand.authority.issue(&Request::new("the client", &[])).unwrap().write(path, "client").unwrap();
    ends.server.allowed_subjects = vec!["CN=vtgate".into(), "CN=vtctld".into()];
    says(
        outcome(&ends, "localhost").await,
        &["CN=the client", "CN=vtgate:CN=vtctld"],
        &["--tablet-grpc-cert"],
    );
    ends.server.allowed_subjects.push("the cl".into());
    assert_eq!(outcome(&ends, "localhost").await, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_server_that_is_not_believed_hears_why() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let mut ends = stand.ends(path);
    let server = path.join("server.pem").display().to_string();
    says(
        outcome(&ends, "elsewhere").await,
        &["refuses our certificate --grpc-cert", &server, "BadCertificate"],
        &["CN=the server", "it is for localhost, not for elsewhere", "--tablet-grpc-server-name"],
    );
    ends.client.name = Some("localhost".into());
    assert_eq!(outcome(&ends, "elsewhere").await, (Ok(()), Ok(())));

    stand.foreign.issue(&Request::new("false", &["localhost"])).unwrap().write(path, "server").unwrap();
    says(
        outcome(&ends, "localhost").await,
        &["refuses our certificate --grpc-cert", "CN=false", "UnknownCA"],
        &["subject CN=false, issuer CN=Theirs", "not signed by an authority of --tablet-grpc-ca"],
    );
    let old = Request::new("old", &["localhost"]).expired();
    stand.authority.issue(&old).unwrap().write(path, "server").unwrap();
    says(outcome(&ends, "localhost").await, &["CN=old", "CertificateExpired"], &["CN=old", "it has expired"]);
    // What MySQL calls REQUIRED and VERIFY_CA.
    ends.client.verify = Verify::Nothing;
    assert_eq!(outcome(&ends, "localhost").await, (Ok(()), Ok(())));
    ends.client.verify = Verify::Chain;
    says(outcome(&ends, "localhost").await, &["CN=old"], &["it has expired"]);
    let elsewhere = Request::new("x", &["elsewhere"]);
    stand.authority.issue(&elsewhere).unwrap().write(path, "server").unwrap();
    assert_eq!(outcome(&ends, "localhost").await, (Ok(()), Ok(())));
}

/// What one command of openssl makes: a certificate that is its own authority.
#[tokio::test]
async fn one_that_is_signed_by_itself_is_named_so() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let mut ends = stand.ends(path);
    let own = testkit::temp_dir();
    stand.foreign.write(own.path()).unwrap();
    ends.client.identity = Some((
        Named::new("--tablet-grpc-cert", own.path().join("ca.pem")),
        Named::new("--tablet-grpc-key", own.path().join("ca-key.pem")),
    ));
    says(
        outcome(&ends, "localhost").await,
        &["subject CN=Theirs", "it is signed by itself, not by an authority of --grpc-ca"],
        &["--tablet-grpc-cert", "CN=Theirs", "not acceptable"],
    );
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_on_both_sides() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let mut ends = stand.ends(path);
    let crl = path.join("crl.pem");
    std::fs::write(&crl, stand.authority.revoke(&[7]).unwrap()).unwrap();
    ends.server.crl = Some(Named::new("--grpc-crl", &crl));
    says(outcome(&ends, "localhost").await, &["CN=the client", "revoked by --grpc-crl"], &["revoked"]);
    ends.server.crl = None;
    ends.client.crl = Some(Named::new("--tablet-grpc-crl", &crl));
    says(outcome(&ends, "localhost").await, &["revoked"], &["CN=the server", "revoked by --tablet-grpc-crl"]);
    std::fs::write(&crl, stand.authority.revoke(&[8]).unwrap()).unwrap();
    assert_eq!(outcome(&ends, "localhost").await, (Ok(()), Ok(())));
}

/// The same server and the same client, whose files change between two connections.
#[tokio::test]
async fn changed_certificates_count_from_the_next_connection_on() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let ends = stand.ends(path);
    let server = ServerTls::open(ends.server, &[]).unwrap();
    let client = ClientTls::open(ends.client, &[]).unwrap();
    assert_eq!(talk(&server, &client, "localhost").await, (Ok(()), Ok(())));
    let becomes = async |ok: bool| {
        testkit::wait_until_async(
            "the changed files",
            Duration::from_secs(10),
            tokio::time::sleep,
            async || match talk(&server, &client, "localhost").await.1 {
                said if said.is_ok() == ok => Ok(()),
                said => Err(format!("{said:?}")),
            },
        )
        .await;
    };
    let old = Request::new("old", &["localhost"]).expired();
    stand.authority.issue(&old).unwrap().write(path, "server").unwrap();
    becomes(false).await;
    stand.authority.issue(&Request::new("new", &["localhost"])).unwrap().write(path, "server").unwrap();
    becomes(true).await;
    // A certificate without its key: the old ones stay.
    std::fs::write(path.join("client.pem"), "nothing").unwrap();
    becomes(true).await;
    stand.foreign.issue(&Request::new("false", &[])).unwrap().write(path, "client").unwrap();
    becomes(false).await;
}

/// What is exported of certificates: the first end of what is shown to others, the last one of authorities, by flag,
/// and the new one when a file was renewed.
#[test]
fn the_ends_of_certificates_follow_their_files() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let mut ends = stand.ends(path);
    let day = |days| time::Duration::days(days);
    let request = |days| {
        let now = OffsetDateTime::now_utc();
        Request { not_after: now + day(days), ..Request::new("the server", &["localhost"]) }
    };
    let issue = |days| stand.authority.issue(&request(days)).unwrap();
    issue(30).write(path, "server").unwrap();
    let (chain, _) = issue(20).write(path, "chain").unwrap();
    ends.server.chain = Some(Named::new("--grpc-server-ca", chain));
    // The authority's own certificate lasts for years; with one that has ended beside it, the file does too.
    let old = stand.authority.issue(&Request::new("old", &[]).expired()).unwrap();
    std::fs::write(path.join("ca.pem"), format!("{}{}", old.cert, stand.authority.cert())).unwrap();

    let server = Arc::new(ServerTls::open(ends.server, &[]).unwrap());
    let client = Arc::new(ClientTls::open(ends.client, &[]).unwrap());
    let fixed = CertificateEnd::of_own("--topo-etcd-tls-cert", issue(10).cert.as_bytes());
    let all = CertificateEnds::default().server(Some(&server)).client(Some(&client)).server(None);
    let all = all.fixed(fixed);
    let days_left = || {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let left = |at: i64| (at - now + 43_200).div_euclid(86_400);
        all.now().into_iter().map(|(flag, at)| (flag, left(at))).collect::<Vec<_>>()
    };
    let first = days_left();
    let names: Vec<_> = first.iter().map(|(flag, _)| flag.as_str()).collect();
    let flags = ["grpc-ca", "grpc-cert", "grpc-server-ca", "tablet-grpc-ca", "tablet-grpc-cert"];
    assert_eq!(names, [&flags[..], &["topo-etcd-tls-cert"]].concat());
    let of = |wanted: &str| days_left().into_iter().find(|(flag, _)| flag == wanted).unwrap().1;
    assert_eq!((of("grpc-cert"), of("grpc-server-ca"), of("topo-etcd-tls-cert")), (30, 20, 10));
    assert_eq!(of("tablet-grpc-cert"), 365);
    assert!(of("grpc-ca") > 300 && of("tablet-grpc-ca") > 300, "{first:?}");

    let becomes = |days: i64| {
        testkit::wait_until("the renewed end", Duration::from_secs(10), || match of("grpc-cert") {
            now if now == days => Ok(()),
            now => Err(now.to_string()),
        });
    };
    issue(90).write(path, "server").unwrap();
    becomes(90);
    // A chain in one file is as good as the first of it to end; the key is that of the first certificate.
    let (pair, next) = (issue(60), issue(40));
    std::fs::write(path.join("server-key.pem"), &pair.key).unwrap();
    std::fs::write(path.join("server.pem"), format!("{}{}", pair.cert, next.cert)).unwrap();
    becomes(40);
}

#[tokio::test]
async fn whoever_does_not_speak_tls_is_told_of() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let ends = stand.ends(path);
    let server = ServerTls::open(ends.server, &[]).unwrap();
    let (mut near, far) = duplex(1024);
    near.write_all(b"PRI * HTTP/2.0\r\n\r\n").await.unwrap();
    let e = server.accept(far).await.map(drop).unwrap_err();
    assert!(e.contains("does not speak TLS") && e.contains("--grpc-cert"), "{e}");

    let client = ClientTls::open(ends.client, &[]).unwrap();
    let (near, mut far) = duplex(1024);
    far.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let e = client.connect("localhost", near).await.map(drop).unwrap_err();
    assert!(e.contains("does not speak TLS"), "{e}");
}

#[test]
fn files_that_cannot_be_used_are_named_without_their_text() {
    let dir = testkit::temp_dir();
    let (stand, path) = (Stand::new(dir.path()), dir.path());
    let ends = stand.ends(path);
    let open = |files: &ServerFiles| ServerTls::open(files.clone(), &[]).map(drop).unwrap_err().to_string();
    let missing =
        ServerFiles { cert: Named::new("--grpc-cert", path.join("none.pem")), ..ends.server.clone() };
    assert!(open(&missing).contains("--grpc-cert: ") && open(&missing).contains("none.pem: No such file"));
    let other =
        ServerFiles { key: Named::new("--grpc-key", path.join("client-key.pem")), ..ends.server.clone() };
    assert!(open(&other).contains("cannot be used with --grpc-key"), "{}", open(&other));
    let key = path.join("planted.pem");
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nplanted!\n-----END PRIVATE KEY-----\n").unwrap();
    let broken = ServerFiles { key: Named::new("--grpc-key", &key), ..ends.server };
    assert!(open(&broken).contains("--grpc-key") && !open(&broken).contains("planted!"), "{}", open(&broken));
}
