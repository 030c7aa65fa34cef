//! The API as a browser or a script meets it, without a socket: requests into the router, answers out of it.

use std::path::Path;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use clap::Parser;
use serde_json::{Value, json};
use tabletclient::TabletManagerClient;
use testkit::temp_dir;
use tower::ServiceExt;

use super::{guard::Access, *};

struct NoTablets;

impl TabletManagerClient for NoTablets {}

/// A vtctld on a topology in memory, with these flags.
struct Site {
    router: Router,
    ops: Ops,
}

struct Got {
    status: StatusCode,
    body: Value,
    cookie: String,
    headers: axum::http::HeaderMap,
}

impl Site {
    async fn new(flags: &[&str]) -> Self {
        let flags = [&["vtctld", "--port=15000"], flags].concat();
        let options = Options::parse_from(flags);
        let topo = topo::Server::memory(&["zone1"]).await.unwrap();
        let ops = Ops::new(topo, Arc::new(NoTablets));
        let context = Context::new("vtctld");
        let web = Web {
            ops: Arc::new(ops.clone()),
            live: Live::start(&context, ops.topo.clone(), Default::default()),
            jobs: Jobs::new(&context),
            gate: None,
            sign_in: SignIn::of(&options).unwrap(),
            cell: String::new(),
        };
        Self { router: router(Arc::new(web)), ops }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:15000");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let cookie = headers.get("set-cookie").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        Got { status, body: serde_json::from_str(&text).unwrap_or(Value::from(text)), cookie, headers }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.send("GET", path, headers, Value::Null).await
    }

    /// With the header that says that it is meant.
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Got {
        self.send("POST", path, &[&[(guard::HEADER, "1")], headers].concat(), body).await
    }
}

fn create(name: &str) -> Value {
    json!({ "name": "CreateKeyspace", "request": { "name": name } })
}

/// A file with ada, an operator, and vic, a viewer; both have the password `correct horse`.
fn users_file(dir: &Path) -> String {
    let line = |name, role| user_line(name, role, "correct horse").unwrap();
    let path = dir.join("users");
    std::fs::write(&path, format!("{}\n{}\n", line("ada", Role::Operator), line("vic", Role::Viewer)))
        .unwrap();
    format!("--web-users-file={}", path.display())
}

#[tokio::test]
async fn every_route_is_described_and_everything_described_is_a_route() {
    let document: Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let role = about["x-role"].as_str().unwrap_or_default().to_owned();
            described.push((path.clone(), method.to_uppercase(), role));
            let changes = method != "get";
            let needs = about["parameters"].to_string().contains("#/components/parameters/Changes");
            assert_eq!(changes, needs, "{method} {path}: the header");
        }
    }
    let role = |access| match access {
        Access::Open => "anybody",
        Access::Viewer => "viewer",
        Access::Operator => "operator",
    };
    let mut served: Vec<_> = routes::all()
        .into_iter()
        .map(|r| (r.path.replace("{*", "{"), r.method.to_string(), role(r.access).to_owned()))
        .collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
    let names = |pointer: &str| document.pointer(pointer).unwrap().as_array().unwrap().clone();
    assert_eq!(names("/paths/~1api~1read~1{rpc}/post/parameters/0/schema/enum"), *reads::READS);
    let begin =
        "/paths/~1api~1operations/post/requestBody/content/application~1json/schema/properties/name/enum";
    assert_eq!(names(begin), *operations::OPERATIONS);
}

#[test]
fn what_the_pages_may_call_is_there() {
    for name in reads::READS.iter().chain(operations::OPERATIONS) {
        assert!(ops::SUPPORTED.contains(&rpc::snake_case(name).as_str()), "{name}");
    }
}

#[tokio::test]
async fn on_loopback_whoever_is_there_is_the_operator() {
    let site = Site::new(&[]).await;
    let session = site.get("/api/session", &[]).await;
    assert_eq!((&session.body["role"], &session.body["sign_in"]), (&json!("operator"), &json!("none")));
    let begun = site.post("/api/operations", &[], create("ks")).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let path = format!("/api/operations/{}", begun.body["id"]);
    let job = loop {
        let job = site.get(&path, &[]).await.body;
        if job["state"] != "running" {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&job["state"], &job["who"]), (&json!("done"), &json!("local")), "{job}");
    let history = site.get("/api/history/ks", &[]).await.body;
    assert_eq!((&history[0]["operation"], &history[0]["who"]), (&json!("CreateKeyspace"), &json!("local")));
    assert_eq!(site.get("/api/keyspaces/", &[]).await.body, json!(["ks"]));
    let read = site.post("/api/read/GetKeyspace", &[], json!({ "keyspace": "ks" })).await;
    assert_eq!(read.body["keyspace"]["name"], "ks");
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let site = Site::new(&[]).await;
    for (headers, why) in [
        (vec![], "X-Vivace-Request"),
        (vec![(guard::HEADER, "1"), ("origin", "http://evil.example")], "another site"),
        (vec![(guard::HEADER, "1"), ("origin", "null")], "another site"),
        (vec![(guard::HEADER, "1"), ("host", "evil.example:15000")], "this machine only"),
    ] {
        let got = site.send("POST", "/api/operations", &headers, create("ks")).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(got.body["error"].as_str().unwrap().contains(why), "{}", got.body);
    }
    let own = [("origin", "http://127.0.0.1:15000")];
    assert_eq!(site.post("/api/operations", &own, create("ks")).await.status, StatusCode::OK);
    // Scripts ask for these under any name, as they always did.
    assert_eq!(site.get("/api/keyspaces/", &[("host", "vtctld:15000")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn elsewhere_without_users_one_may_look_and_nothing_else() {
    let site = Site::new(&["--bind-address=0.0.0.0"]).await;
    let session = site.get("/api/session", &[("host", "vtctld:15000")]).await.body;
    assert_eq!((&session["role"], &session["sign_in"]), (&json!("viewer"), &json!("read_only")));
    assert!(session["message"].as_str().unwrap().contains("--web-users-file"));
    let refused = site.post("/api/operations", &[], create("ks")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body["error"].as_str().unwrap().contains("--web-users-file"), "{}", refused.body);
    assert_eq!(site.post("/api/sql", &[], json!({ "sql": "select 1" })).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get("/api/history", &[]).await.status, StatusCode::OK);
    assert!(site.ops.topo.get_keyspaces().await.unwrap().is_empty());
}

#[tokio::test]
async fn with_users_one_signs_in_and_a_viewer_operates_nothing() {
    let dir = temp_dir();
    let site = Site::new(&[&users_file(dir.path())]).await;
    for path in
        ["/api/keyspaces/", "/api/topodata/global", "/api/operations", "/api/live/tablets", "/api/history"]
    {
        assert_eq!(site.get(path, &[]).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let sign_in = async |name: &str, password: &str| {
        site.post("/api/session", &[], json!({ "name": name, "password": password })).await
    };
    for (name, password) in [("ada", "wrong horse"), ("nobody", "correct horse"), ("ada", "")] {
        let refused = sign_in(name, password).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(refused.body["error"], "the name or the password is wrong");
    }
    let cookie = async |name: &str| {
        let got = sign_in(name, "correct horse").await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.body);
        assert!(got.cookie.contains("HttpOnly") && got.cookie.contains("SameSite=Strict"), "{}", got.cookie);
        got.cookie.split(';').next().unwrap().to_owned()
    };
    let tls = [("x-forwarded-proto", "https")];
    let over_tls = json!({ "name": "ada", "password": "correct horse" });
    assert!(site.post("/api/session", &tls, over_tls.clone()).await.cookie.ends_with("; Secure"));
    let router = site.router.clone().layer(axum::Extension(servenv::ByTls));
    let by_tls = Site { router, ops: site.ops.clone() };
    assert!(by_tls.post("/api/session", &[], over_tls.clone()).await.cookie.ends_with("; Secure"));
    assert!(!site.post("/api/session", &[], over_tls).await.cookie.contains("Secure"));
    let (ada, vic) = (cookie("ada").await, cookie("vic").await);
    assert_eq!(site.get("/api/session", &[("cookie", &vic)]).await.body["role"], "viewer");
    assert_eq!(site.get("/api/keyspaces/", &[("cookie", &vic)]).await.status, StatusCode::OK);
    for (path, body) in [("/api/operations", create("ks")), ("/api/sql", json!({ "sql": "select 1" }))] {
        let refused = site.post(path, &[("cookie", &vic)], body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.body["error"].as_str().unwrap().contains("vic is a viewer"), "{}", refused.body);
    }
    assert_eq!(site.post("/api/operations", &[("cookie", &ada)], create("ks")).await.status, StatusCode::OK);
    site.send("DELETE", "/api/session", &[(guard::HEADER, "1"), ("cookie", &ada)], Value::Null).await;
    assert_eq!(site.get("/api/operations", &[("cookie", &ada)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let dir = temp_dir();
    let site = Site::new(&[&users_file(dir.path())]).await;
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        last = site.post("/api/session", &[], json!({ "name": "vic", "password": "guess" })).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_what_is_wrong_is_named() {
    let site = Site::new(&[]).await;
    let dry = |name: &str, request: Value| json!({ "name": name, "request": request, "dry_run": true });
    let told = site.post("/api/operations", &[], dry("CreateKeyspace", json!({ "name": "ks" }))).await;
    assert!(told.body["lines"][0].as_str().unwrap().contains("CreateKeyspace"), "{}", told.body);
    assert!(site.ops.topo.get_keyspaces().await.unwrap().is_empty());
    for (body, status, part) in [
        (dry("DropEverything", json!({})), StatusCode::NOT_FOUND, "no operation of these pages"),
        (dry("SetWritable", json!({ "tablet": 1 })), StatusCode::BAD_REQUEST, "SetWritableRequest"),
        (dry("ApplySchema", json!({ "keyspace": "ks" })), StatusCode::BAD_REQUEST, "there is no statement"),
        (json!({ "nonsense": 1 }), StatusCode::BAD_REQUEST, "not as expected"),
    ] {
        let got = site.post("/api/operations", &[], body).await;
        assert_eq!(got.status, status, "{}", got.body);
        assert!(got.body["error"].as_str().unwrap().contains(part), "{}", got.body);
    }
    let unknown = site.post("/api/read/DeleteKeyspace", &[], json!({ "keyspace": "ks" })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let sql = site.post("/api/sql", &[], json!({ "sql": "select 1" })).await;
    assert!(sql.body["error"].as_str().unwrap().contains("--vtgate-address"), "{}", sql.body);
    assert_eq!(site.get("/api/operations/99", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_vschema_is_checked_and_compared_before_it_is_applied() {
    let site = Site::new(&[]).await;
    site.ops.topo.create_keyspace("ks", &Default::default()).await.unwrap();
    let ask = |v: Value| json!({ "name": "ApplyVSchema", "request": { "keyspace": "ks", "v_schema": v }, "dry_run": true });
    let told = site.post("/api/operations", &[], ask(json!({ "tables": { "t": {} } }))).await.body;
    assert_eq!(told["detail"]["before"], json!({}));
    assert!(told["detail"]["after"]["tables"]["t"].is_object(), "{told}");
    let wrong = json!({ "sharded": true, "tables": { "t": { "column_vindexes": [{ "column": "a", "name": "gone" }] } } });
    let refused = site.post("/api/operations", &[], ask(wrong)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body["error"].as_str().unwrap().contains("gone"), "{}", refused.body);
}

#[tokio::test]
async fn browsers_are_told_to_be_strict() {
    let site = Site::new(&[]).await;
    for path in ["/ui/", "/ui/tablets/zone1-1", "/api/session"] {
        let got = site.get(path, &[]).await;
        assert_eq!(got.status, StatusCode::OK, "{path}");
        let policy = got.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(site.get("/ui/assets/gone.js", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/api/session", &[]).await.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_directory_of_the_topology_is_told_by_pages() {
    let site = Site::new(&[]).await;
    for name in ["a", "b", "c"] {
        site.ops.topo.create_keyspace(name, &Default::default()).await.unwrap();
    }
    let all = site.get("/api/topodata/global/keyspaces", &[]).await.body;
    assert_eq!((&all["children"], all.get("children_count")), (&json!(["a", "b", "c"]), None));
    let page = site.get("/api/topodata/global/keyspaces?offset=1&limit=1", &[]).await.body;
    assert_eq!((&page["children"], &page["children_count"]), (&json!(["b"]), &json!(3)));
    let record = site.get("/api/topodata/global/keyspaces/a/Keyspace", &[]).await.body;
    assert!(record["data"].as_str().unwrap().contains("keyspace_type"), "{record}");
}

#[tokio::test]
async fn the_live_picture_is_there_when_somebody_looks() {
    let site = Site::new(&[]).await;
    site.ops.topo.create_keyspace("ks", &Default::default()).await.unwrap();
    let got = site.get("/api/live/keyspaces", &[]).await;
    assert_eq!(got.body["keyspaces"][0]["keyspace"], "ks", "{}", got.body);
    assert_eq!(got.body["cells"][0]["cell"], "zone1");
    assert_eq!(site.get("/api/live/tablets?state=serving", &[]).await.body["matched"], 0);
    let unknown = site.get("/api/live/tablets/zone1-7", &[]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get("/api/live/tablets?color=red", &[]).await.status, StatusCode::BAD_REQUEST);
    let head = site.send("HEAD", "/api/keyspaces/", &[], Value::Null).await;
    assert_eq!(head.status, StatusCode::OK);
}
