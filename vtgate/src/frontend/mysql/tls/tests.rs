use super::*;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../libs/mysqlwire/tests/data/tls").join(name)
}

/// Puts a certificate and its key where the server reads them; the lengths stay, the time is moved on.
fn put(dir: &Path, which: &str, minute: u64) {
    for end in ["pem", "key"] {
        let to = dir.join(format!("server.{end}"));
        std::fs::copy(example(&format!("{which}.{end}")), &to).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(60 * minute);
        std::fs::File::options().append(true).open(&to).unwrap().set_modified(time).unwrap();
    }
}

#[tokio::test]
async fn changed_files_are_taken_over_and_broken_ones_are_not() {
    let dir = testkit::temp_dir();
    put(dir.path(), "one", 1);
    let files =
        TlsFiles { cert: dir.path().join("server.pem"), key: dir.path().join("server.key"), client_ca: None };
    let tls = Tls::open(files.clone()).unwrap();
    let first = tls.current();
    let seen = tls.look(files.stamp()).await;
    assert!(Arc::ptr_eq(&first, &tls.current()), "nothing has changed");
    // The certificate is there before its key.
    std::fs::copy(example("two.pem"), &files.cert).unwrap();
    let seen = tls.look(seen).await;
    assert!(Arc::ptr_eq(&first, &tls.current()), "they do not fit");
    put(dir.path(), "two", 2);
    let seen = tls.look(seen).await;
    let second = tls.current();
    assert!(!Arc::ptr_eq(&first, &second), "taken over");
    tls.look(seen).await;
    assert!(Arc::ptr_eq(&second, &tls.current()));
    std::fs::remove_file(&files.key).unwrap();
    tls.look(Stamp::new()).await;
    assert!(Arc::ptr_eq(&second, &tls.current()));
}
