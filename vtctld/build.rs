//! Makes the list of the web pages' files, for `src/web/assets.rs` to embed: what `make web` left in `web/dist`.
//!
//! Without them vtctld is built all the same, and says so on its pages. The folder itself is always there (it holds a
//! placeholder), so that Cargo builds anew when pages are built, and only then.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let dist = manifest.join("../web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut list = fs::File::create(out.join("assets.rs"))?;
    writeln!(list, "&[")?;
    for (number, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&dist).map_err(io::Error::other)?.display().to_string();
        // Copied, so that pages that are built meanwhile are the next build's.
        let copy = out.join(format!("asset{number}"));
        fs::copy(file, &copy)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", copy.display().to_string())?;
    }
    writeln!(list, "]")
}

/// The files below a folder; a folder that is not there has none.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            collect(&path, files)?;
        } else if !hidden {
            files.push(path);
        }
    }
    Ok(())
}
