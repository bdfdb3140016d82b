//! Computes the build id that a module must share with the core (see `core::module::version`):
//! a hash of the core's sources, the compiler's version and the profile.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, process::Command};

/// What the core is made of. `src/serctl` is none of it: a program of its own.
const SOURCES: &[&str] = &["Cargo.toml", "build.rs", "src/lib.rs", "src/main.rs"];
const FOLDERS: &[&str] = &["src/core", "src/ipc"];

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir)
        .expect("source folder is readable")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn main() {
    let mut files: Vec<PathBuf> = SOURCES.iter().map(PathBuf::from).collect();
    FOLDERS
        .iter()
        .for_each(|dir| collect(Path::new(dir), &mut files));
    files.sort();
    let mut hash = DefaultHasher::new();
    for file in &files {
        file.hash(&mut hash);
        fs::read(file)
            .expect("source file is readable")
            .hash(&mut hash);
    }
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("-V")
        .output()
        .map(|o| o.stdout)
        .unwrap_or_default();
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    version.hash(&mut hash);
    let profile = env::var("PROFILE").unwrap_or_default();
    profile.hash(&mut hash);
    println!("cargo:rustc-env=SER_BUILD_ID={:016x}", hash.finish());
    println!("cargo:rustc-env=SER_RUSTC={version}");
    println!("cargo:rustc-env=SER_PROFILE={profile}");
    for path in SOURCES.iter().chain(FOLDERS) {
        println!("cargo:rerun-if-changed={path}");
    }
}
