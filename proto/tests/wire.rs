//! The .proto files against the tables of Vitess's wire format: each message, field, enum value and RPC
//! has its name, number, type and label, and there is nothing else.
//!
//! The tables are not part of this repository: the test runs where they are (`VIVACE_SHARED`, or a folder
//! `shared` beside the checkout) and says so where they are not.

// Helpers of tests, too, fail by panicking.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, path::PathBuf};

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

fn tables() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let dir = std::env::var_os("VIVACE_SHARED").map_or_else(beside, PathBuf::from).join("interop/wire");
    dir.is_dir().then_some(dir)
}

/// One line of a table without its last two columns, in a form that both sides write alike.
fn line(package: &str, kind: &str, owner: &str, name: &str, number: &str, ty: &str, label: &str) -> String {
    format!("{package} {kind} {owner} {name} {number} {ty} {label}")
}

fn wanted(dir: &PathBuf) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let package = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for row in std::fs::read_to_string(&path).unwrap().lines().skip(1) {
            let mut c = row.split('\t').map(str::to_owned).collect::<Vec<_>>();
            c.resize(8, String::new());
            let [kind, owner, name, number, ty, label] = [0, 1, 2, 3, 4, 5].map(|i| c[i].clone());
            match kind.as_str() {
                "service" => lines.insert(line(&package, "service", &owner, "", "", "", "")),
                "rpc" => lines.insert(line(&package, "rpc", &owner, &name, "", &ty, &label)),
                "message" if label == "empty" => {
                    lines.insert(line(&package, "message", &owner, "", "", "", ""))
                }
                "message" => {
                    lines.insert(line(&package, "message", &owner, "", "", "", ""));
                    lines.insert(line(
                        &package,
                        "field",
                        &owner,
                        &name,
                        &number,
                        &ty.replace(", ", ","),
                        &label,
                    ))
                }
                "enum" => lines.insert(line(&package, "enum", &owner, &name, &number, "", "")),
                other => panic!("{}: unknown kind {other}", path.display()),
            };
        }
    }
    lines
}

fn there() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let mut lines = BTreeSet::new();
    for message in pool.all_messages().filter(|m| !m.is_map_entry()) {
        message_lines(&message, &mut lines);
    }
    for e in pool.all_enums() {
        enum_lines(&e, &mut lines);
    }
    for service in pool.services() {
        let package = service.package_name();
        lines.insert(line(package, "service", service.full_name(), "", "", "", ""));
        for m in service.methods() {
            let ty = format!("{}->{}", m.input().full_name(), m.output().full_name());
            let label = match (m.is_client_streaming(), m.is_server_streaming()) {
                (false, false) => "unary",
                (false, true) => "server",
                (true, false) => "client",
                (true, true) => "bidi",
            };
            lines.insert(line(package, "rpc", service.full_name(), m.name(), "", &ty, label));
        }
    }
    lines
}

fn within<'a>(full: &'a str, package: &str) -> &'a str {
    full.strip_prefix(package).and_then(|n| n.strip_prefix('.')).unwrap_or(full)
}

fn message_lines(message: &MessageDescriptor, lines: &mut BTreeSet<String>) {
    let package = message.package_name();
    let owner = within(message.full_name(), package);
    lines.insert(line(package, "message", owner, "", "", "", ""));
    for f in message.fields() {
        let number = f.number().to_string();
        let (ty, label) = type_and_label(&f);
        lines.insert(line(package, "field", owner, f.name(), &number, &ty, &label));
    }
}

fn type_and_label(f: &FieldDescriptor) -> (String, String) {
    if let (true, Kind::Message(entry)) = (f.is_map(), f.kind()) {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return (format!("map<{},{}>", kind_name(&key.kind()), kind_name(&value.kind())), "map".into());
    }
    let oneof = f.containing_oneof().filter(|o| !o.is_synthetic());
    let label = match (f.cardinality(), oneof) {
        (_, Some(oneof)) => format!("oneof:{}", oneof.name()),
        (Cardinality::Repeated, _) => "repeated".into(),
        _ if f.containing_oneof().is_some() => "optional".into(),
        _ => "-".into(),
    };
    (kind_name(&f.kind()), label)
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Message(m) => m.full_name().to_owned(),
        Kind::Enum(e) => e.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    }
}

fn enum_lines(e: &EnumDescriptor, lines: &mut BTreeSet<String>) {
    let package = e.package_name();
    for v in e.values() {
        let owner = within(e.full_name(), package);
        lines.insert(line(package, "enum", owner, v.name(), &v.number().to_string(), "", ""));
    }
}

#[test]
fn the_protos_are_those_of_the_tables() {
    let Some(dir) = tables() else {
        eprintln!("skipped: the wire tables are not here (set VIVACE_SHARED)");
        return;
    };
    let (wanted, there) = (wanted(&dir), there());
    assert!(wanted.len() > 2000, "the tables look too small: {} lines", wanted.len());
    let missing: Vec<_> = wanted.difference(&there).collect();
    let extra: Vec<_> = there.difference(&wanted).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nextra: {extra:#?}");
}
