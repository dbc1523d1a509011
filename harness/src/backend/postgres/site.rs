//! Where worlds live: on throw-away servers of this machine or in containers, or in databases of a server that is
//! already there.

use super::Choice;
use super::binaries::{self, Binaries};
use super::client::Address;
use super::container::{self, Containers};
use super::foreign::Foreign;
use super::server::{self, Ground, Process};
use crate::backend::container::Running;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place for data folders, and the programs that run servers on them. Dropping it removes the folders.
#[derive(Debug)]
pub enum Site {
    /// Processes of this machine on folders of this machine.
    Machine(Ground, Binaries),
    /// Containers on a volume.
    Containers(Box<Containers>),
    /// Databases of one server that others use too: what stands for a data folder is a part of their names.
    Foreign(Arc<Foreign>),
}

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The machine lacks what was asked for.
    #[error("{0}")]
    Missing(String),
    /// It is there, and does not work.
    #[error("{0}")]
    Failed(String),
    /// It was asked for in a way that is refused.
    #[error("{0}")]
    Usage(String),
}

impl Site {
    /// A site for the chosen Postgres; `notes` hear of a fallback.
    ///
    /// # Errors
    /// [`SiteError`] says what is missing.
    pub fn open(choice: &Choice, notes: &mut Vec<String>) -> Result<Self, SiteError> {
        let binaries = match choice {
            Choice::Embedded(Some(version)) => binaries::embedded(version).map_err(SiteError::Missing)?,
            Choice::Embedded(None) => match binaries::embedded(binaries::EMBEDDED_VERSION) {
                Ok(found) => found,
                Err(error) => {
                    let found =
                        binaries::local().map_err(|local| SiteError::Missing(format!("{error}; {local}")))?;
                    notes.push(format!("embedded Postgres cannot be had ({error}); using {}", found.name));
                    found
                }
            },
            Choice::Local => binaries::local().map_err(SiteError::Missing)?,
            Choice::Container => {
                let containers = Containers::new().map_err(|error| SiteError::Missing(error.to_string()))?;
                return Ok(Self::Containers(Box::new(containers)));
            }
            Choice::Url(address, false) => {
                return Err(SiteError::Usage(format!(
                    "--postgres: {} is a server that others may use; with --allow-foreign databases and roles are made \
                     on it for the time of the run",
                    address.place()
                )));
            }
            Choice::Url(address, true) => {
                return Foreign::open(address, notes)
                    .map(|foreign| Self::Foreign(Arc::new(foreign)))
                    .map_err(SiteError::Missing);
            }
        };
        Ok(Self::Machine(Ground::new().map_err(SiteError::Failed)?, binaries))
    }

    /// Name and version of the engine, as reports show it.
    pub fn name(&self) -> &str {
        match self {
            Self::Machine(_, binaries) => &binaries.name,
            Self::Containers(containers) => &containers.name,
            Self::Foreign(foreign) => &foreign.name,
        }
    }

    /// The server of others, where the worlds are databases of one.
    pub fn foreign(&self) -> Option<&Foreign> {
        match self {
            Self::Foreign(foreign) => Some(foreign),
            Self::Machine(..) | Self::Containers(_) => None,
        }
    }

    /// Makes the first data folder, with settings beside the harness's own.
    ///
    /// # Errors
    /// What `initdb` said.
    pub fn make(&self, parameters: &[(String, String)]) -> Result<PathBuf, String> {
        match self {
            Self::Machine(ground, binaries) => server::make(ground, binaries, parameters),
            Self::Containers(containers) => {
                let data = containers.folder("data");
                containers.make(&data, &server::settings(parameters))?;
                Ok(data)
            }
            Self::Foreign(foreign) => {
                for (name, wanted) in parameters {
                    if !foreign.has_setting(name, wanted)? {
                        return Err(format!(
                            "the server does not have {name} = {wanted}, and it is not ours to change"
                        ));
                    }
                }
                Ok(PathBuf::new())
            }
        }
    }

    /// Copies the folder of a stopped server to one of this name.
    ///
    /// # Errors
    /// No space, for one.
    pub fn copy(&self, data: &Path, name: &str) -> Result<PathBuf, String> {
        match self {
            Self::Machine(ground, _) => {
                let folder = ground.path().join(name);
                server::copy(data, &folder).map(|()| folder)
            }
            Self::Containers(containers) => {
                let folder = containers.folder(name);
                containers.copy(data, &folder).map(|()| folder)
            }
            Self::Foreign(_) => Ok(PathBuf::from(name)),
        }
    }

    /// Starts a server on a data folder.
    ///
    /// # Errors
    /// What the server wrote, where it does not come up.
    pub fn start(&self, data: &Path) -> Result<Server, String> {
        let data = data.to_path_buf();
        match self {
            Self::Machine(ground, binaries) => {
                let (process, address) = Process::start(ground, binaries, &data)?;
                let home = address.port;
                Ok(Server { handle: Handle::Process(process), data, address, home })
            }
            Self::Containers(containers) => {
                let (running, address) = containers.start(&data)?;
                Ok(Server {
                    handle: Handle::Container(Box::new(running)),
                    data,
                    address,
                    home: container::PORT,
                })
            }
            Self::Foreign(foreign) => {
                let address = foreign.address();
                let home = address.port;
                Ok(Server { handle: Handle::Foreign(Arc::clone(foreign)), data, address, home })
            }
        }
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    handle: Handle,
    /// Its data folder.
    pub data: PathBuf,
    /// How to reach it as the superuser.
    pub address: Address,
    /// The port by which it reaches itself.
    pub home: u16,
}

#[derive(Debug)]
enum Handle {
    Process(Process),
    Container(Box<Running>),
    Foreign(Arc<Foreign>),
}

impl Server {
    /// The name that a database gets: on a server of its own the one that is asked for.
    pub fn database(&self, name: &str) -> String {
        match &self.handle {
            Handle::Process(_) | Handle::Container(_) => name.to_owned(),
            Handle::Foreign(foreign) => foreign.database(&self.data.to_string_lossy(), name),
        }
    }

    /// What begins the names of databases that are not as they were asked for.
    pub fn prefix(&self) -> Option<String> {
        match &self.handle {
            Handle::Process(_) | Handle::Container(_) => None,
            Handle::Foreign(foreign) => Some(foreign.prefix()),
        }
    }

    /// Whether the server still runs.
    pub fn alive(&mut self) -> bool {
        match &mut self.handle {
            Handle::Process(process) => process.alive(),
            Handle::Container(running) => running.is_running(),
            // It is not ours to start. Whoever asks tries again until it is back, or gives up.
            Handle::Foreign(foreign) => {
                foreign.stay();
                true
            }
        }
    }

    /// Why it may have broken down, where that can be told from this machine.
    pub fn cause(&mut self) -> Option<String> {
        match &mut self.handle {
            Handle::Process(process) => server::cause(&self.data, process.alive()),
            Handle::Container(_) | Handle::Foreign(_) => None,
        }
    }

    /// Stops it cleanly, so that its folder can be copied.
    ///
    /// # Errors
    /// The daemon cannot stop its container.
    pub fn stop(mut self) -> Result<PathBuf, String> {
        match &mut self.handle {
            Handle::Process(process) => process.stop(),
            Handle::Container(running) => running.stop()?,
            Handle::Foreign(_) => {}
        }
        Ok(self.data)
    }
}
