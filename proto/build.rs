//! Compiles `proto/*.proto` without protoc: protox parses them, tonic-prost-build writes the code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from("proto");
    println!("cargo:rerun-if-changed=proto");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&dir)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|p| p.extension().is_some_and(|e| e == "proto"));
    files.sort();

    let descriptors = protox::compile(&files, [&dir])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let services = env::var_os("CARGO_FEATURE_SERVICES").is_some();
    tonic_prost_build::configure()
        .build_client(services)
        .build_server(services)
        // An RPC that a server does not have answers UNIMPLEMENTED.
        .generate_default_stubs(true)
        // A row's values are cut out of the frame they came in, never copied (hot path).
        .bytes(".query.Row.values")
        .bytes(".query.Value.value")
        .bytes(".query.BindVariable.value")
        .compile_fds(descriptors)?;
    Ok(())
}
