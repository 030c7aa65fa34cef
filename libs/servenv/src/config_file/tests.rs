use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser, PartialEq, Eq)]
struct Options {
    #[arg(long)]
    config_file: Option<PathBuf>,
    #[arg(long)]
    config_path: Vec<String>,
    #[arg(long)]
    config_name: Option<String>,
    #[arg(long)]
    config_type: Option<String>,
    #[arg(long)]
    config_file_not_found_handling: Option<String>,
    #[arg(long, default_value_t = 5)]
    port: u16,
    #[arg(long)]
    enable_buffer: bool,
    #[arg(long, value_delimiter = ',')]
    service_map: Vec<String>,
    #[arg(long)]
    cell: Vec<String>,
    #[arg(long = "log_dir")]
    log_dir: Option<String>,
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Debug, Parser)]
struct Without {}

fn args(list: &[String]) -> Vec<OsString> {
    std::iter::once("vtgate").chain(list.iter().map(String::as_str)).map(Into::into).collect()
}

/// What a file of this name and text makes of a command line; `FILE` and `DIR` stand for its path and directory.
fn expanded(name: &str, text: &str, line: &[&str]) -> Result<Expanded, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    std::fs::write(&file, text).unwrap();
    let place = |arg: &str| {
        let arg = arg.replace("FILE", file.to_str().unwrap());
        arg.replace("DIR", directory.path().to_str().unwrap())
    };
    let line: Vec<_> = line.iter().map(|arg| place(arg)).collect();
    expand(args(&line), &Options::command()).map_err(|e| e.replace(directory.path().to_str().unwrap(), "DIR"))
}

fn options(name: &str, text: &str, line: &[&str]) -> Options {
    Options::try_parse_from(expanded(name, text, line).unwrap().args).unwrap()
}

#[test]
fn yaml_and_json_set_options_of_every_kind() {
    let yaml = "# of a test\nport: 7\nenable_buffer: true\nservice-map: [grpc-a, grpc-b]\ncell: [a, b]\nlog_dir: /x\n";
    let json = r#"{"Port": "7", "enable-buffer": true, "service_map": "grpc-a,grpc-b", "cell": ["a", "b"], "log_dir": "/x"}"#;
    for (name, text) in [("v.yaml", yaml), ("v.json", json), ("v.conf", json)] {
        let o = options(name, text, &["--config-file=FILE"]);
        assert_eq!((o.port, o.enable_buffer), (7, true), "{name}");
        assert_eq!(
            (o.service_map.join(" "), o.cell.join(" ")),
            ("grpc-a grpc-b".into(), "a b".into()),
            "{name}"
        );
        assert_eq!(o.log_dir.as_deref(), Some("/x"), "{name}");
    }
}

#[test]
fn the_command_line_goes_before_the_file_and_the_file_before_the_default() {
    let text = "port: 7\ncell: [a, b]\nenable-buffer: false\nservice-map:\n";
    let o = options("v.yaml", text, &["--config-file", "FILE", "--cell=c"]);
    assert_eq!((o.port, o.cell.join(" "), o.enable_buffer), (7, "c".into(), false));
    let o = options("v.yaml", text, &["--port", "9", "--config-file", "FILE", "--", "--port"]);
    assert_eq!((o.port, o.cell.len()), (9, 2));
}

#[test]
fn a_file_is_found_by_its_name_in_the_directories() {
    let found = |name, line: &[&str]| options(name, "port: 7", line).port;
    assert_eq!(found("vtconfig.yaml", &["--config-path=/nowhere,DIR"]), 7);
    assert_eq!(
        found("vtgate.yml", &["--config-path=/nowhere", "--config-path=DIR", "--config-name=vtgate"]),
        7
    );
    assert_eq!(found("vtgate.yml", &["--config-path=DIR"]), 5);
    // Nobody asked for one.
    assert_eq!(found("vtconfig.yaml", &["--config-name=vtconfig"]), 5);
}

#[test]
fn what_no_option_is_called_is_told() {
    let e = expanded("v.yaml", "port: 7\nprot: 8\ndiscovery.lag: 9", &["--config-file=FILE"]).unwrap();
    let [note] = &e.notes[..] else { panic!("{:?}", e.notes) };
    assert!(
        note.ends_with("v.yaml: no options of this program, without effect: prot, discovery.lag"),
        "{note}"
    );
}

#[test]
fn a_missing_file_is_ignored_told_or_the_end() {
    let of = |handling: &str| {
        let handling = format!("--config-file-not-found-handling={handling}");
        expanded("v.yaml", "port: 7", &["--config-file=DIR/other.yaml", &handling])
    };
    assert_eq!(of("ignore").unwrap().notes.len(), 0);
    assert!(of("warn").unwrap().notes[0].contains("other.yaml is not there"));
    assert!(of("error").unwrap().notes[0].contains("other.yaml is not there"));
    assert!(of("exit").unwrap_err().starts_with("--config-file: DIR/other.yaml: "));
    assert_eq!(
        of("panic").unwrap_err(),
        "--config-file-not-found-handling: 'panic' is none of ignore, warn, error, exit"
    );
}

#[test]
fn a_broken_file_is_the_end() {
    for (name, text, says) in [
        ("v.json", "{\"port\": }", "expected value"),
        ("v.yaml", "port: [7", "DIR/v.yaml"),
        ("v.yaml", "- port", "not one mapping"),
        ("v.yaml", "port: {a: 1}", "port: neither a text"),
        ("v.yaml", "enable-buffer: maybe", "enable-buffer: 'maybe' is neither true nor false"),
    ] {
        let error = expanded(name, text, &["--config-file=FILE"]).unwrap_err();
        assert!(error.contains(says) && error.contains("DIR/v."), "{error}");
    }
}

#[test]
fn a_program_without_the_option_reads_nothing() {
    let line = args(&["--config-file=/nowhere".to_owned()]);
    let expanded = expand(line.clone(), &Without::command()).unwrap();
    assert_eq!(expanded, Expanded { args: line, file: None, notes: Vec::new() });
}
