//! Looking for what must not be seen: texts that were planted as passwords and keys, in everything that a cluster
//! writes, shows or answers.

use std::{fs, path::Path};

use vtlocal::supervise::{http_get, https_get};

use crate::Cluster;

/// Where the processes show what they do.
const PAGES: [&str; 9] = [
    "/debug/vars",
    "/debug/status",
    "/debug/status_details",
    "/debug/env",
    "/debug/health",
    "/debug/query_plans",
    "/debug/vschema",
    "/metrics",
    "/api/config",
];

/// What one place showed.
struct Seen {
    place: String,
    text: String,
}

/// Fails when one of `secrets` is in a log, in a command line, in an environment, on a page, or in `answers` (what was
/// told to whoever made mistakes). Says where, not what. `visible` are texts that are there to be seen, one in a log, one
/// in a command line, one on a page: that they are found shows that the look is a look.
pub async fn nothing_secret_is_seen(
    cluster: &Cluster,
    secrets: &[String],
    visible: [&str; 3],
    answers: &[String],
) {
    assert!(secrets.iter().all(|s| s.len() >= 8), "a secret that could be there by chance");
    let mut seen: Vec<Seen> =
        answers.iter().map(|text| Seen { place: "an answer".into(), text: text.clone() }).collect();
    look(cluster, &mut seen).await;
    for (text, kind) in visible.into_iter().zip([".log", "/cmdline", " http /"]) {
        let found = seen.iter().any(|s| s.place.contains(kind) && s.text.contains(text));
        assert!(found, "{text:?} is in no {kind} of {} places", seen.len());
    }
    for Seen { place, text } in &seen {
        for (number, secret) in secrets.iter().enumerate() {
            assert!(!text.contains(secret.as_str()), "secret {number} is to be read in {place}");
        }
    }
}

async fn look(cluster: &Cluster, seen: &mut Vec<Seen>) {
    files(&cluster.data_dir().join("logs"), seen);
    for process in &cluster.state().processes {
        // mysqld's own log among them.
        read(&process.log, seen);
        for what in ["cmdline", "environ"] {
            read(Path::new(&format!("/proc/{}/{what}", process.pid)), seen);
        }
        for (what, port) in process.ports.iter().filter(|(what, _)| what.starts_with("http")) {
            for page in PAGES {
                let server = ("127.0.0.1", *port);
                let text = match what.as_str() {
                    "https" => https_get(server, page, &cluster.data_dir().join("tls/ca.pem")).await,
                    _ => http_get(server, page).await,
                };
                if let Some(text) = text {
                    seen.push(Seen { place: format!("{} {what} {page}", process.name), text });
                }
            }
        }
    }
}

fn files(dir: &Path, seen: &mut Vec<Seen>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        read(&entry.path(), seen);
    }
}

fn read(path: &Path, seen: &mut Vec<Seen>) {
    if let Ok(bytes) = fs::read(path) {
        seen.push(Seen {
            place: path.display().to_string(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        });
    }
}
