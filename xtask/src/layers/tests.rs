use super::*;

fn of(list: &[(&str, &[&str])]) -> Imports {
    list.iter().map(|(n, i)| ((*n).to_owned(), i.iter().map(|i| (*i).to_owned()).collect())).collect()
}

#[test]
fn downwards_is_right() {
    assert!(
        check_layers(&of(&[
            ("vtgate", &["planner", "proto"]),
            ("ops", &["reparent"]),
            ("e2e", &["vtlocal"])
        ]))
        .is_empty()
    );
}

#[test]
fn upwards_peers_and_strangers_are_faults() {
    let faults = check_layers(&of(&[
        ("vterrors", &["vtmodel"]),
        ("vtgate", &["vttablet"]),
        ("reparent", &["ops"]),
        ("surprise", &[]),
    ]));
    assert_eq!(faults.len(), 4, "{faults:#?}");
    assert!(faults.iter().any(|f| f.contains("vterrors (layer 1) imports vtmodel (layer 2)")));
    assert!(faults.iter().any(|f| f.contains("vtgate imports vttablet, its peer")));
    assert!(faults.iter().any(|f| f.contains("surprise has no layer")));
}

#[test]
fn a_pure_crate_with_a_runtime_below_is_a_fault() {
    let tree = "eval v24.0.0 (/x)\nbytes v1.0.0\ntokio v1.54.0\ntokio-macros v2\n";
    assert_eq!(check_pure("eval", tree).len(), 1);
    assert!(check_pure("eval", "eval v24.0.0 (/x)\nbytes v1.0.0\n").is_empty());
}

#[test]
fn dev_dependencies_are_not_imports() {
    let metadata = serde_json::json!({"packages": [
        {"name": "a", "dependencies": [
            {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "serde", "kind": null}]},
        {"name": "b", "dependencies": []}, {"name": "c", "dependencies": []}]});
    assert_eq!(imports(&metadata).unwrap(), of(&[("a", &["b"]), ("b", &[]), ("c", &[])]));
}
