//! What a proof house knows: its targets, its threat models, its saved failures.

use super::Failure;
use crate::engine::threats::nearest;
use crate::target::{Launch, Manifest, ProcessLaunch};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a proof house knows. Paths may be relative to the working directory.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// In-process targets.
    pub targets: Vec<Arc<dyn Launch>>,
    /// `target.toml` files of targets in other languages.
    pub manifests: Vec<PathBuf>,
    /// Threat models that a plain `run` takes.
    pub threats: Vec<PathBuf>,
    /// The folder of saved failures that run first; `--save` writes there.
    pub failures: Option<PathBuf>,
}

impl Catalogue {
    /// The targets that a plain run takes: in-process ones first, then those of the manifests.
    pub(crate) fn shipped(&self) -> Result<Vec<Arc<dyn Launch>>, Failure> {
        let mut list: Vec<Arc<dyn Launch>> =
            self.targets.iter().filter(|target| target.is_shipped()).cloned().collect();
        for manifest in &self.manifests {
            list.push(from_manifest(manifest)?);
        }
        Ok(list)
    }

    /// Every name that `--target` takes.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let mut names: Vec<String> = self.targets.iter().map(|target| target.name()).collect();
        for manifest in &self.manifests {
            names.push(from_manifest(manifest)?.name());
        }
        Ok(names)
    }

    /// The target that the word means: a name, a `target.toml`, or a command that speaks the protocol.
    pub(crate) fn find(&self, word: &str) -> Result<Arc<dyn Launch>, Failure> {
        if let Some(target) = self.targets.iter().find(|target| target.name() == word) {
            return Ok(target.clone());
        }
        for manifest in &self.manifests {
            let target = from_manifest(manifest)?;
            if target.name() == word {
                return Ok(target);
            }
        }
        if word.ends_with(".toml") {
            return from_manifest(Path::new(word));
        }
        let command = word.trim();
        if command.is_empty() {
            return Err(Failure::usage("--target is empty: name a target, a target.toml or a command"));
        }
        let looks_like_command = command.contains(char::is_whitespace) || command.contains('/');
        if !looks_like_command {
            let names = self.names()?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let near =
                nearest(command, &names).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            return Err(Failure::usage(format!(
                "no target is called {command:?}{near} (`list targets` shows all; a command has a space or a slash in it)"
            )));
        }
        let launch = ProcessLaunch::from_command_line(command)
            .map_err(|why| Failure::usage(format!("--target {command:?}: {why}")))?;
        Ok(Arc::new(launch))
    }
}

fn from_manifest(path: &Path) -> Result<Arc<dyn Launch>, Failure> {
    Ok(Arc::new(Manifest::load(path).map_err(Failure::usage)?))
}
