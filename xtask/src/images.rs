//! Builds the container images, also on a machine that can reach packages but no registry of images.
//!
//! What `docker pull` gives is used as it is. What it does not give is made of packages: the base of Debian by
//! debootstrap, MySQL from the tree that `setup` unpacks, etcd from the program on PATH; and our programs are then
//! compiled on this machine instead of in a container. `.env` tells docker compose which images those are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Result,
    setup::{self, as_root, find, quietly},
};

/// What runs in containers.
const PROGRAMS: [&str; 7] =
    ["vtgate", "vttablet", "vtctld", "vtctldclient", "vtorc", "mysqlctl", "mysqlctld"];
/// Packages (as cargo names them) that hold these.
const PACKAGES: [&str; 6] = ["vtgate", "vttablet", "vtctld", "vtctlclient", "vtorc", "mysqlctl"];
const IMAGE: &str = "vivace:local";
const DEBIAN: &str = "bookworm";

/// An image that is pulled, or else made here and named to docker compose by a variable.
struct Image {
    official: &'static str,
    local: &'static str,
    variable: &'static str,
}

const BASE: Image = Image { official: "debian:bookworm-slim", local: "vivace-base:local", variable: "" };
const BUILDER: Image = Image { official: "rust:1-bookworm", local: "", variable: "" };
const MYSQL: Image = Image { official: "mysql:8.4", local: "vivace-mysql:local", variable: "MYSQL_IMAGE" };
const MARIADB: Image =
    Image { official: "mariadb:10.11", local: "vivace-mariadb:local", variable: "MARIADB_IMAGE" };
const ETCD: Image =
    Image { official: "quay.io/coreos/etcd:v3.5.21", local: "vivace-etcd:local", variable: "ETCD_IMAGE" };

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Pull nothing, make everything.
    pub from_packages: bool,
    /// The image of MariaDB as well.
    pub mariadb: bool,
    /// Take our programs from here instead of compiling them.
    pub programs: Option<PathBuf>,
}

impl Options {
    /// Errors: a flag that is not known, or that wants a value.
    pub fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = flags.iter();
        while let Some(flag) = rest.next() {
            match *flag {
                "--from-packages" => options.from_packages = true,
                "--mariadb" => options.mariadb = true,
                "--programs" => {
                    let dir = rest.next().ok_or("images: --programs wants a folder")?;
                    options.programs = Some(PathBuf::from(dir));
                }
                other => return Err(format!("images: unknown flag {other}")),
            }
        }
        Ok(options)
    }
}

/// Makes all images. `root` is the top of the checkout.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    quietly("asking for the Docker engine", Command::new("docker").arg("version"))
        .map_err(|e| format!("no Docker engine answers; start one, or set DOCKER_HOST: {e}"))?;
    let work = setup::cache_dir()?.join("images");
    fs::create_dir_all(&work).map_err(|e| format!("cannot make {}: {e}", work.display()))?;
    let maker = Maker { root, work: &work, options };
    let base = maker.base()?;
    maker.ours(&base)?;
    let mut lines = Vec::new();
    lines.extend(maker.pulled_or(&ETCD, |image| maker.etcd(&base, image))?);
    lines.extend(maker.pulled_or(&MYSQL, |image| maker.mysql(image))?);
    if options.mariadb {
        lines.extend(maker.pulled_or(&MARIADB, |image| maker.mariadb(image))?);
    }
    let considered = [&ETCD, &MYSQL, &MARIADB];
    write_env(&root.join(".env"), &considered[..if options.mariadb { 3 } else { 2 }], &lines)
}

/// `.env` is docker compose's own, and the user's: only the lines of our images are changed in it.
fn write_env(path: &Path, considered: &[&Image], lines: &[String]) -> Result<()> {
    let old = fs::read_to_string(path).unwrap_or_default();
    let new = with_images(&old, considered, lines);
    if new != old {
        fs::write(path, new).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    match lines.is_empty() {
        true => say("done; all images are the ones that docker-compose.yml names"),
        false => say(&format!("done; .env names the images that were made here: {}", lines.join(" "))),
    }
    Ok(())
}

/// The text of `.env` with these lines in place of those that an earlier run wrote for the `considered` images.
fn with_images(old: &str, considered: &[&Image], lines: &[String]) -> String {
    let is_ours = |line: &str| {
        considered.iter().any(|image| {
            line.strip_prefix(image.variable).is_some_and(|rest| rest == format!("={}", image.local))
        })
    };
    let kept = old.lines().filter(|line| !is_ours(line)).map(str::to_owned);
    kept.chain(lines.iter().cloned()).map(|line| line + "\n").collect()
}

struct Maker<'a> {
    root: &'a Path,
    /// Where trees are unpacked and contexts put together.
    work: &'a Path,
    options: &'a Options,
}

impl Maker<'_> {
    /// The name of the base image.
    fn base(&self) -> Result<String> {
        if self.have(BASE.official) {
            return Ok(BASE.official.to_owned());
        }
        let tree = self.bootstrap("base", DEBIAN, "ca-certificates")?;
        import(&tree, BASE.local)?;
        Ok(BASE.local.to_owned())
    }

    fn ours(&self, base: &str) -> Result<()> {
        let mut build = Command::new("docker");
        build.args(["build", "--tag", IMAGE, "--build-arg", &format!("BASE={base}")]);
        if self.options.programs.is_none() && self.have(BUILDER.official) {
            say(&format!("{IMAGE}: compiling in {}", BUILDER.official));
            for (name, value) in revision(self.root) {
                build.arg("--build-arg").arg(format!("{name}={value}"));
            }
            build.arg(self.root);
        } else {
            build.args(["--build-arg", "PROGRAMS=prebuilt"]).arg(self.context()?);
        }
        build.env("DOCKER_BUILDKIT", "1");
        quietly(&format!("building {IMAGE} (it takes buildx: see docs/docker-compose.md)"), &mut build)?;
        say(IMAGE);
        Ok(())
    }

    /// A build context with what the Dockerfile needs when the programs are there: they without their symbols, and
    /// its other files.
    fn context(&self) -> Result<PathBuf> {
        let from = match &self.options.programs {
            Some(dir) => dir.clone(),
            None => self.compile()?,
        };
        let context = self.work.join("vivace");
        fresh(&context)?;
        for folder in ["docker", "programs"] {
            fresh(&context.join(folder))?;
        }
        for file in ["Dockerfile", "docker/healthz"] {
            let copied = fs::copy(self.root.join(file), context.join(file));
            copied.map_err(|e| format!("cannot copy {file} into {}: {e}", context.display()))?;
        }
        for program in PROGRAMS {
            let (source, target) = (from.join(program), context.join("programs").join(program));
            quietly("stripping symbols", Command::new("strip").arg("-o").arg(&target).arg(&source))?;
        }
        Ok(context)
    }

    fn compile(&self) -> Result<PathBuf> {
        crate::web::run(self.root, crate::web::Wanted::PagesOrNone)?;
        say("compiling the programs on this machine");
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        cargo.args(["build", "--release", "--locked"]).current_dir(self.root).envs(revision(self.root));
        for package in PACKAGES {
            cargo.args(["-p", package]);
        }
        quietly("compiling", &mut cargo)?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        Ok(target.unwrap_or_else(|| self.root.join("target")).join("release"))
    }

    /// From the program on PATH, which `setup` installs: it is linked statically in the distributions.
    fn etcd(&self, base: &str, image: &str) -> Result<()> {
        let folder = self.work.join("etcd");
        fresh(&folder)?;
        for (program, package) in [("etcd", "etcd-server"), ("etcdctl", "etcd-client")] {
            let path = installed(program, package)?;
            fs::copy(&path, folder.join(program))
                .map_err(|e| format!("cannot copy {}: {e}", path.display()))?;
        }
        let text = format!("FROM {base}\nCOPY etcd etcdctl /usr/local/bin/\nCMD [\"etcd\"]\n");
        fs::write(folder.join("Dockerfile"), text).map_err(|e| format!("cannot write a Dockerfile: {e}"))?;
        let mut build = Command::new("docker");
        build.args(["build", "--tag", image]).arg(&folder).env("DOCKER_BUILDKIT", "1");
        quietly(&format!("building {image}"), &mut build)
    }

    fn mysql(&self, image: &str) -> Result<()> {
        import(&setup::unpacked_mysql()?, image)
    }

    fn mariadb(&self, image: &str) -> Result<()> {
        let packages = "mariadb-server-core,mariadb-client-core,mariadb-backup";
        import(&self.bootstrap("mariadb", DEBIAN, packages)?, image)
    }

    /// Whether the engine has this image, or can get it.
    fn have(&self, image: &str) -> bool {
        if self.options.from_packages {
            return false;
        }
        let there = quietly("looking", Command::new("docker").args(["image", "inspect", image])).is_ok();
        there || quietly("pulling", Command::new("docker").args(["pull", "--quiet", image])).is_ok()
    }

    /// The line for `.env` where the image had to be made.
    fn pulled_or(&self, image: &Image, make: impl FnOnce(&str) -> Result<()>) -> Result<Option<String>> {
        if self.have(image.official) {
            say(image.official);
            return Ok(None);
        }
        make(image.local)?;
        say(&format!("{} in place of {}", image.local, image.official));
        Ok(Some(format!("{}={}", image.variable, image.local)))
    }

    /// A tree of Debian with these packages; one that was made before is used again.
    fn bootstrap(&self, name: &str, suite: &str, packages: &str) -> Result<PathBuf> {
        let (tree, partial) = (self.work.join(name), self.work.join(format!("{name}.partial")));
        if tree.is_dir() {
            return Ok(tree);
        }
        installed("debootstrap", "debootstrap")?;
        say(&format!("unpacking Debian {suite} with {packages} (about a minute)"));
        quietly("removing an unfinished tree", as_root("rm").arg("-rf").arg(&partial))?;
        let mut command = as_root("debootstrap");
        command.args(["--variant=minbase", &format!("--include={packages}"), suite]).arg(&partial);
        quietly("debootstrap", &mut command)?;
        quietly("keeping the tree", as_root("mv").arg(&partial).arg(&tree))?;
        Ok(tree)
    }
}

/// What programs say at `--version`, by the variables that their compilation reads; nothing outside of a git checkout. The
/// time is the commit's: the same sources give the same programs.
fn revision(root: &Path) -> Vec<(&'static str, String)> {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let asked = [
        ("VIVACE_GIT_REVISION", git(&["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"])),
        ("VIVACE_GIT_BRANCH", git(&["branch", "--show-current"])),
        ("VIVACE_BUILD_TIME", git(&["show", "-s", "--format=%cI", "HEAD"])),
    ];
    asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Where a program of this machine is; it is installed if it is missing.
fn installed(program: &str, package: &str) -> Result<PathBuf> {
    if find(program).is_none() && setup::apt::is_there() {
        setup::apt::install(&[package])?;
    }
    find(program).ok_or_else(|| format!("no {program} on PATH: install it ({package} in Debian)"))
}

/// What an image does without.
const LEFT_OUT: [&str; 7] = [
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "./usr/share/info/*",
    "./var/cache/*",
    "./var/lib/apt/lists/*",
    "./dev/*",
];

/// A tree of files becomes an image of one layer.
fn import(tree: &Path, image: &str) -> Result<()> {
    let mut tar = as_root("tar");
    tar.args(LEFT_OUT.map(|path| format!("--exclude={path}"))).arg("-C").arg(tree).args(["-c", "."]);
    let fault = |e: std::io::Error| format!("cannot pack {}: {e}", tree.display());
    let mut packing = tar.stdout(Stdio::piped()).spawn().map_err(fault)?;
    let Some(packed) = packing.stdout.take() else { return Err("tar has no output".to_owned()) };
    let imported = quietly(
        &format!("importing {image}"),
        Command::new("docker").args(["import", "-", image]).stdin(packed),
    );
    let packed = packing.wait().map_err(fault)?;
    imported?;
    match packed.success() {
        true => Ok(()),
        false => Err(format!("packing {} failed ({packed})", tree.display())),
    }
}

/// An empty folder.
fn fresh(folder: &Path) -> Result<()> {
    let _was_not_there = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("images: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_and_unknown_ones_refused() {
        let options = Options::parse(&["--mariadb", "--programs", "x", "--from-packages"]).unwrap();
        assert_eq!(options, Options { from_packages: true, mariadb: true, programs: Some("x".into()) });
        assert!(Options::parse(&["--programs"]).unwrap_err().contains("--programs"));
        assert!(Options::parse(&["--nonsense"]).unwrap_err().contains("--nonsense"));
    }

    #[test]
    fn what_else_is_in_the_env_file_stays() {
        let lines = ["MYSQL_IMAGE=vivace-mysql:local".to_owned()];
        let old = "VTGATE1_PORT=3306\nETCD_IMAGE=mine\nMYSQL_IMAGE=vivace-mysql:local\n";
        let new = with_images(old, &[&ETCD, &MYSQL], &lines);
        assert_eq!(new, "VTGATE1_PORT=3306\nETCD_IMAGE=mine\nMYSQL_IMAGE=vivace-mysql:local\n");
        assert_eq!(with_images(&new, &[&MYSQL], &[]), "VTGATE1_PORT=3306\nETCD_IMAGE=mine\n");
    }

    #[test]
    fn the_dockerfile_and_the_compose_file_know_the_programs_and_images() {
        let root = crate::root();
        let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
        let (docker, compose) = (read("Dockerfile"), read("docker-compose.yml"));
        assert!(docker.contains(&PROGRAMS.join(" ")) && docker.contains(&PACKAGES.join(" -p ")));
        assert!(docker.contains(BASE.official) && docker.contains(BUILDER.official));
        for image in [&MYSQL, &ETCD] {
            let default = format!("${{{}:-{}}}", image.variable, image.official);
            assert!(compose.contains(&default), "docker-compose.yml lacks {default}");
        }
    }
}
