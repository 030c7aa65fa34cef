//! The VSchema with the columns of its tables, and the shards of each keyspace.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use proto::vschema::SrvVSchema;
use serde_json::Value;
use vschema::{ShardTable, VSchema};

use crate::{
    options::{Options, utf8_source},
    schema,
};

/// What vtgate would know of a cluster.
#[derive(Debug)]
pub struct Layout {
    pub vschema: VSchema,
    shards: HashMap<String, Arc<ShardTable>>,
}

/// The one shard of a keyspace that is not sharded, as Vitess's program has it.
const WHOLE: &str = "-";

impl Layout {
    /// From the files that the options name; all faults of all of them.
    pub fn new(options: &Options) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let vschema = read_vschema(options).unwrap_or_else(|more| {
            faults.extend(more);
            VSchema::default()
        });
        let map = read_shard_map(options).unwrap_or_else(|fault| {
            faults.push(fault);
            HashMap::new()
        });
        let tables = schema::read(options).unwrap_or_else(|more| {
            faults.extend(more);
            Vec::new()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let shards = shard_tables(&vschema, &map, options.shards)?;
        let vschema = schema::apply(&vschema, &tables)?;
        Ok(Self { vschema, shards })
    }

    /// The shards of a keyspace; the same for every tablet type.
    pub fn shards(&self, keyspace: &str) -> vterrors::Result<Arc<ShardTable>> {
        let unknown = || {
            let text = format!("Unknown database '{keyspace}'");
            vterrors::Error::new(vterrors::Condition::UnknownKeyspace, text)
        };
        self.shards.get(keyspace).cloned().ok_or_else(unknown)
    }

    /// Whether there is a keyspace of this name.
    pub fn has_keyspace(&self, keyspace: &str) -> bool {
        self.shards.contains_key(keyspace)
    }
}

fn read_vschema(options: &Options) -> Result<VSchema, Vec<String>> {
    let text = utf8_source("vschema", options.vschema.as_deref(), options.vschema_file.as_deref());
    let text = text.map_err(|fault| vec![fault])?.unwrap_or_default();
    let bad = |e: String| vec![format!("--vschema: {e}")];
    let json: Value = serde_json::from_str(&text).map_err(|e| bad(format!("not JSON: {e}")))?;
    let whole = match is_srv_vschema(&json) {
        true => json,
        false => serde_json::json!({ "keyspaces": json }),
    };
    let srv: SrvVSchema = ops::json::from_json("vschema.SrvVSchema", &whole.to_string())
        .map_err(|e| bad(e.message().to_owned()))?;
    let files = |path: &str| std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"));
    let vschema = VSchema::new(&srv, &files);
    let problems: Vec<_> = vschema.problems().iter().map(|p| format!("--vschema: {p}")).collect();
    match problems.is_empty() {
        true => Ok(vschema),
        false => Err(problems),
    }
}

/// What GetSrvVSchema prints has the keyspaces one level deeper, and routing rules beside them.
fn is_srv_vschema(json: &Value) -> bool {
    const OF_A_KEYSPACE: [&str; 3] = ["sharded", "vindexes", "tables"];
    let inner = json.get("keyspaces").and_then(Value::as_object);
    inner.is_some_and(|keyspaces| !OF_A_KEYSPACE.iter().any(|key| keyspaces.contains_key(*key)))
}

/// Keyspace to the names of its shards.
type ShardMap = HashMap<String, Vec<String>>;

fn read_shard_map(options: &Options) -> Result<ShardMap, String> {
    let file = options.ks_shard_map_file.as_deref();
    let Some(text) = utf8_source("ks-shard-map", options.ks_shard_map.as_deref(), file)? else {
        return Ok(ShardMap::new());
    };
    let json: Value = serde_json::from_str(&text).map_err(|e| format!("--ks-shard-map: not JSON: {e}"))?;
    let keyspaces = json.as_object().ok_or("--ks-shard-map: not an object of keyspaces")?;
    let names = |(keyspace, shards): (&String, &Value)| {
        let names = match shards {
            // The records of shards stand behind their names; the name is their range.
            Value::Object(shards) => Some(shards.keys().cloned().collect()),
            Value::Array(names) => names.iter().map(|n| n.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        match names {
            Some(names) => Ok((keyspace.clone(), names)),
            None => Err(format!("--ks-shard-map: {keyspace}: not an object of shards")),
        }
    };
    keyspaces.iter().map(names).collect()
}

fn shard_tables(
    vschema: &VSchema,
    map: &ShardMap,
    count: u32,
) -> Result<HashMap<String, Arc<ShardTable>>, Vec<String>> {
    let known: BTreeMap<&str, bool> = vschema.keyspaces().map(|k| (&*k.name, k.sharded)).collect();
    let strange = map.keys().filter(|k| !known.contains_key(k.as_str()));
    let mut faults: Vec<String> =
        strange.map(|k| format!("--ks-shard-map: the VSchema has no keyspace {k}")).collect();
    let mut tables = HashMap::new();
    for (keyspace, sharded) in known {
        let table = match (map.get(keyspace), sharded) {
            (Some(names), _) => ShardTable::from_names(names.iter().map(String::as_str)),
            (None, true) => ShardTable::from_names(equal_shards(count).iter().map(String::as_str)),
            (None, false) => ShardTable::from_names([WHOLE]),
        };
        match table {
            Ok(table) => drop(tables.insert(keyspace.to_owned(), Arc::new(table))),
            Err(e) => faults.push(format!("--ks-shard-map: {keyspace}: {}", e.message())),
        }
    }
    faults.sort();
    if faults.is_empty() { Ok(tables) } else { Err(faults) }
}

/// The names of `count` shards that divide two bytes of keyspace id as evenly as it goes.
fn equal_shards(count: u32) -> Vec<String> {
    let bound = |at: u32| {
        if at == 0 || at == count {
            return String::new();
        }
        let at = u64::from(at) * 0x1_0000 / u64::from(count);
        if at % 0x100 == 0 { format!("{:02x}", at / 0x100) } else { format!("{at:04x}") }
    };
    (0..count).map(|at| format!("{}-{}", bound(at), bound(at + 1))).collect()
}
