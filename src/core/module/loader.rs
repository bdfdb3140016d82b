//! `load_module`: finds a plug-in, opens it once, checks its three symbols and registers it.
//!
//! `module_version` and `module_flags` are read before `exports` is touched: dlopen alone would accept
//! a module of another build, whose tables could then not be read. A refused library is closed again.

#![allow(unsafe_code)]

use super::ModuleExports;
use super::registry::{self, LoadedModule};
use super::retired::{self, Fate};
use super::version::{self, ModuleText};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a module was not loaded; each kind of wrong module has its own words.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum LoadError {
    NotFound {
        name: String,
        tried: Vec<PathBuf>,
    },
    NotOpened {
        path: PathBuf,
        why: String,
    },
    NotAModule {
        path: PathBuf,
        missing: &'static str,
    },
    OtherVersion {
        path: PathBuf,
        found: String,
    },
    OtherBuild {
        path: PathBuf,
        found: String,
    },
    OwnCore {
        path: PathBuf,
    },
    /// A module of SER that is to come.
    NotYet {
        /// The module.
        name: String,
    },
    /// The same file again, or another one with a module of the same name.
    AlreadyLoaded {
        path: PathBuf,
        name: &'static str,
        from: PathBuf,
    },
    Retired {
        name: String,
        instead: &'static str,
    },
    /// The server runs without it.
    NotRunning {
        path: PathBuf,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NotFound { name, tried } => {
                write!(f, "could not open module <{name}>: no such file")?;
                let (verb, places) = places(name, tried);
                if !places.is_empty() {
                    write!(f, "; looked {verb} {}", places.join(", "))?;
                }
                Ok(())
            }
            LoadError::NotOpened { path, why } => {
                write!(f, "could not open module <{}>: {why}", path.display())
            }
            LoadError::NotAModule { path, missing } => {
                write!(
                    f,
                    "{} is not a module of this server: it has no symbol {missing}",
                    path.display()
                )
            }
            LoadError::OtherVersion { path, found } => write!(
                f,
                "module version mismatch for {}; core: {}; module: {found}",
                path.display(),
                version::FULL_VERSION
            ),
            LoadError::OtherBuild { path, found } => write!(
                f,
                "module compile flags mismatch for {}; core: {}; module: {found}; build the server and its modules together",
                path.display(),
                version::FLAGS
            ),
            LoadError::OwnCore { path } => write!(
                f,
                "{} carries its own copy of the core; link it with libser.so (-C prefer-dynamic)",
                path.display()
            ),
            LoadError::AlreadyLoaded { path, name, from } => write!(
                f,
                "attempting to load the same module twice ({}): {name} is loaded from {}",
                path.display(),
                from.display()
            ),
            LoadError::Retired { name, instead } => {
                write!(f, "module {name} does not exist any more: {instead}")
            }
            LoadError::NotYet { name } => {
                write!(f, "module {name} is not a part of this version yet")
            }
            LoadError::NotRunning { path } => write!(
                f,
                "the server runs without {}, it has to be restarted for it",
                path.display()
            ),
        }
    }
}

/// Loads the module that `loadmodule "spec"` names and registers it. `mpath` is the list of folders
/// (separated by `:`) where names without a `/` are looked for, before the folders beside the program.
pub fn load_module(spec: &str, mpath: &str) -> Result<&'static LoadedModule, LoadError> {
    let path = find(spec, mpath)?;
    if let Some(loaded) = registry::modules().iter().find(|m| m.path == path) {
        return Err(already_loaded(path, loaded));
    }
    let exports = open(&path)?;
    exports.register.into_iter().for_each(|register| register());
    Ok(registry::register_module(LoadedModule {
        path,
        asked: module_name(spec),
        exports,
    }))
}

/// The module that `loadmodule "spec"` names, which has to be one that the server runs with.
pub fn running_module(spec: &str, mpath: &str) -> Result<&'static LoadedModule, LoadError> {
    let path = find(spec, mpath)?;
    let running = registry::modules().into_iter().find(|m| m.path == path);
    running.ok_or(LoadError::NotRunning { path })
}

/// The file of a module.
fn find(spec: &str, mpath: &str) -> Result<PathBuf, LoadError> {
    let mut candidates = candidates(spec, mpath);
    let name = module_name(spec);
    if let Some(Fate::Renamed(new)) = retired::fate(&name) {
        candidates.extend(self::candidates(&spec.replace(&name, new), mpath));
    }
    let Some(path) = candidates.iter().find(|p| p.is_file()) else {
        return Err(match retired::fate(&name) {
            Some(Fate::Replaced(instead)) => LoadError::Retired { name, instead },
            Some(Fate::NotYet) => LoadError::NotYet { name },
            Some(Fate::Renamed(name)) if retired::NOT_YET.contains(&name) => {
                let name = name.to_owned();
                LoadError::NotYet { name }
            }
            Some(Fate::Renamed(_)) | None => LoadError::NotFound {
                name: spec.to_owned(),
                tried: candidates,
            },
        });
    };
    Ok(path.canonicalize().unwrap_or_else(|_| path.clone()))
}

/// Where module `name` of this server is, found as a name without a `/` is.
pub fn installed(name: &str, mpath: &str) -> Option<PathBuf> {
    candidates(name, mpath)
        .into_iter()
        .find(|path| path.is_file())
}

fn already_loaded(path: PathBuf, loaded: &LoadedModule) -> LoadError {
    LoadError::AlreadyLoaded {
        path,
        name: loaded.exports.name,
        from: loaded.path.clone(),
    }
}

/// Where a module was looked for: the files of a path, the folders of a name.
fn places(spec: &str, tried: &[PathBuf]) -> (&'static str, Vec<String>) {
    let shown = |path: &Path| path.display().to_string();
    if spec.contains('/') {
        return ("for", tried.iter().map(|path| shown(path)).collect());
    }
    // The first of each folder's three candidates stands in the folder itself.
    let mut folders = Vec::new();
    for folder in tried.iter().step_by(3).filter_map(|path| path.parent()) {
        if !folders.contains(&shown(folder)) {
            folders.push(shown(folder));
        }
    }
    ("in", folders)
}

/// `…/NAME.so` → `NAME`.
pub fn module_name(spec: &str) -> String {
    let file = spec.rsplit('/').next().unwrap_or(spec);
    file.strip_suffix(".so").unwrap_or(file).to_owned()
}

fn candidates(spec: &str, mpath: &str) -> Vec<PathBuf> {
    let name = module_name(spec);
    if spec.contains('/') {
        let path = Path::new(spec);
        let mut all = vec![path.to_owned()];
        if !spec.ends_with(".so") {
            all.push(PathBuf::from(format!("{spec}.so")));
            all.push(path.join(format!("{name}.so")));
        }
        return all;
    }
    let folders = mpath
        .split(':')
        .filter(|f| !f.is_empty())
        .map(PathBuf::from);
    folders
        .chain(default_folders())
        .flat_map(|folder| in_folder(&folder, &name))
        .collect()
}

/// A folder holds `NAME.so` (installed), `libNAME.so` (as built) or `NAME/NAME.so` (a source tree).
fn in_folder(folder: &Path, name: &str) -> [PathBuf; 3] {
    [
        folder.join(format!("{name}.so")),
        folder.join(format!("lib{name}.so")),
        folder.join(name).join(format!("{name}.so")),
    ]
}

/// `../lib/ser/modules` beside an installed program, the program's own folder in a build tree.
fn default_folders() -> Vec<PathBuf> {
    let Ok(exe) = std::env::current_exe() else {
        return Vec::new();
    };
    let Some(folder) = exe.parent() else {
        return Vec::new();
    };
    vec![folder.join("../lib/ser/modules"), folder.to_owned()]
}

/// Opens and checks; the library stays open for good when it is accepted, as processes and tables
/// keep pointers into it.
fn open(path: &Path) -> Result<&'static ModuleExports, LoadError> {
    // SAFETY: running the initialisers of a library is what loading a module means; the operator
    // names trusted files. No process was forked yet, no other thread runs.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|e| {
        LoadError::NotOpened {
            path: path.to_owned(),
            why: reason(&e),
        }
    })?;
    let module_version = text(&library, path, "module_version")?;
    if module_version != version::FULL_VERSION {
        return Err(LoadError::OtherVersion {
            path: path.to_owned(),
            found: module_version,
        });
    }
    let module_flags = text(&library, path, "module_flags")?;
    if module_flags != version::FLAGS {
        return Err(LoadError::OtherBuild {
            path: path.to_owned(),
            found: module_flags,
        });
    }
    // SAFETY: version and build id are ours, so `exports` is a ModuleExports as this core knows it.
    let exports = unsafe { library.get::<*const ModuleExports>(b"exports\0") }.map_err(|_| {
        LoadError::NotAModule {
            path: path.to_owned(),
            missing: "exports",
        }
    })?;
    // SAFETY: the symbol is a static of that type; the library is never unloaded (leaked below), or
    // closed at once on refusal without the reference being kept.
    let exports: &'static ModuleExports = unsafe { &**exports };
    if !std::ptr::eq(exports.core, &version::CORE) {
        return Err(LoadError::OwnCore {
            path: path.to_owned(),
        });
    }
    if let Some(loaded) = registry::modules()
        .iter()
        .find(|m| m.exports.name == exports.name)
    {
        return Err(already_loaded(path.to_owned(), loaded));
    }
    std::mem::forget(library);
    Ok(exports)
}

/// What the dynamic linker says; the error itself says only which call failed. A module of another build
/// may want what this core does not have, before it can be asked for its build.
fn reason(error: &dyn std::error::Error) -> String {
    let said = error.source().unwrap_or(error).to_string();
    if said.contains("undefined symbol") {
        return format!("{said}; build the server and its modules together");
    }
    said
}

/// Reads a `char *` symbol.
fn text(library: &Library, path: &Path, symbol: &'static str) -> Result<String, LoadError> {
    let missing = || LoadError::NotAModule {
        path: path.to_owned(),
        missing: symbol,
    };
    let name = format!("{symbol}\0");
    // SAFETY: by the contract of modules (ours and the original's) the symbol is a char pointer.
    let found =
        unsafe { library.get::<*const ModuleText>(name.as_bytes()) }.map_err(|_| missing())?;
    // SAFETY: the symbol's memory belongs to the library, which is open; see above for the type.
    let text = unsafe { (**found).text() }.ok_or_else(missing)?;
    Ok(text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_slash_is_looked_for_in_mpath_first() {
        let all = candidates("sl", "/a:/b/");
        assert_eq!(all[0], Path::new("/a/sl.so"));
        assert_eq!(all[1], Path::new("/a/libsl.so"));
        assert_eq!(all[2], Path::new("/a/sl/sl.so"));
        assert_eq!(all[3], Path::new("/b/sl.so"));
    }

    #[test]
    fn a_path_is_taken_as_it_stands() {
        assert_eq!(candidates("/x/sl.so", "/a"), [Path::new("/x/sl.so")]);
        assert_eq!(candidates("/x/sl", "/a")[2], Path::new("/x/sl/sl.so"));
    }

    #[test]
    fn a_library_that_is_no_module_is_refused_as_such() {
        let libc = [
            "/lib/x86_64-linux-gnu/libm.so.6",
            "/lib/aarch64-linux-gnu/libm.so.6",
        ];
        let path = libc
            .iter()
            .find(|p| Path::new(p).exists())
            .expect("libm is on every Debian");
        let error = load_module(path, "").unwrap_err();
        assert!(
            matches!(
                error,
                LoadError::NotAModule {
                    missing: "module_version",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_no_library_is_not_opened() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = load_module(path, "").unwrap_err();
        assert!(matches!(error, LoadError::NotOpened { .. }), "{error}");
        assert!(error.to_string().contains("invalid ELF header"), "{error}");
    }

    #[test]
    fn a_retired_module_says_what_replaces_it() {
        let error = load_module("extcmd.so", "").unwrap_err();
        assert!(error.to_string().contains("module exec"), "{error}");
    }

    #[test]
    fn a_module_that_is_to_come_says_so_under_its_own_name() {
        for (spec, name) in [("pcscf.so", "pcscf"), ("/opt/x/acc.so", "acc_syslog")] {
            let error = load_module(spec, "").unwrap_err().to_string();
            let expected = format!("module {name} is not a part of this version yet");
            assert_eq!(error, expected);
        }
    }
}
