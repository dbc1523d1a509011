//! Postgres in containers: one container keeps a volume in memory with all data folders, each server is another one
//! on that volume. So a folder is made, copied and started from as it is on this machine.

use super::client::{Address, Connection, Host};
use crate::backend::container::{ContainerError, ImageName, Owner, Plan, Running};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testcontainers::bollard::models::{
    HostConfig, Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

/// Where the volume is in each container.
const GROUND: &str = "/proofhouse";

/// The port of each server inside its container.
pub(super) const PORT: u16 = 5432;

/// The longest wait for a server.
const START: Duration = Duration::from_secs(60);

/// A volume with data folders, kept by a container that does nothing else. Removed with it.
#[derive(Debug)]
pub struct Containers {
    keeper: Running,
    owner: Arc<Owner>,
    /// How reports name the engine: `postgres container 15.13`.
    pub name: String,
}

fn plan(program: &str, arguments: &[&str]) -> Plan {
    Plan {
        image: ImageName::postgres(),
        program: Some(program.to_owned()),
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        user: Some("postgres".to_owned()),
        port: None,
        settings: |_, _| {},
        parameter: String::new(),
    }
}

/// A volume of its own in the daemon's memory, which every user may write.
fn own_volume(config: &mut HostConfig, _: &str) {
    let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "mode=1777")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let driver = MountVolumeOptionsDriverConfig {
        name: Some("local".to_owned()),
        options: Some(HashMap::from(options)),
    };
    config.mounts = Some(vec![Mount {
        target: Some(GROUND.to_owned()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { driver_config: Some(driver), ..Default::default() }),
        ..Default::default()
    }]);
}

impl Containers {
    /// Starts the container that keeps the volume.
    ///
    /// # Errors
    /// [`ContainerError`] says what to install or to build.
    pub fn new() -> Result<Self, ContainerError> {
        let owner = Owner::new()?;
        let plan = Plan { settings: own_volume, ..plan("sleep", &["infinity"]) };
        let keeper = Running::start(plan, &owner)?;
        let image = ImageName::postgres().to_string();
        let said = keeper.run(&["postgres", "--version"]);
        let said = said.map_err(|reason| ContainerError::Start { image: image.clone(), reason })?;
        let version = said.split_whitespace().nth(2).unwrap_or("?");
        let name = format!("postgres container {version} ({image})");
        Ok(Self { keeper, owner, name })
    }

    /// Where a data folder of this name is in the volume.
    pub fn folder(&self, name: &str) -> PathBuf {
        Path::new(GROUND).join(name)
    }

    /// Makes a data folder with these settings.
    ///
    /// # Errors
    /// What `initdb` said.
    pub fn make(&self, data: &Path, settings: &str) -> Result<(), String> {
        let data = data.to_string_lossy();
        let mut command = vec!["initdb"];
        command.extend(super::server::INITDB);
        command.extend(["-D", &data]);
        self.keeper.run(&command)?;
        // The harness comes from outside the container, by a port on this machine's loopback. Other containers of the
        // same daemon could reach the server too; it holds made-up rows only, for as long as a run takes.
        let append = |text: &str, file: &str| {
            let file = format!("{data}/{file}");
            self.keeper.run(&["sh", "-c", "printf '%s\\n' \"$1\" >>\"$2\"", "sh", text, &file]).map(drop)
        };
        append("host all all all trust", "pg_hba.conf")?;
        append(settings, "postgresql.conf")
    }

    /// Copies the folder of a stopped server.
    ///
    /// # Errors
    /// What `cp` said.
    pub fn copy(&self, data: &Path, to: &Path) -> Result<(), String> {
        self.keeper.run(&["cp", "-a", &data.to_string_lossy(), &to.to_string_lossy()]).map(drop)
    }

    /// Starts a server on a data folder and waits until it answers.
    ///
    /// # Errors
    /// What the server wrote, where it does not come up.
    pub fn start(&self, data: &Path) -> Result<(Running, Address), String> {
        let folder = data.to_string_lossy();
        let plan = Plan {
            port: Some(PORT),
            settings: |config, keeper| config.volumes_from = Some(vec![keeper.to_owned()]),
            parameter: self.keeper.id(),
            ..plan("postgres", &["-D", &folder, "-h", "*", "-k", "/tmp"])
        };
        let running = Running::start(plan, &self.owner).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + START;
        loop {
            // A container that ended has no port.
            let address = running.port().map(|port| Address {
                host: Host::Tcp("127.0.0.1".to_owned()),
                port,
                user: "postgres".to_owned(),
                password: None,
                others: None,
                database: "postgres".to_owned(),
            });
            if let Ok(address) = address
                && Connection::open(&address, &[]).is_ok()
            {
                return Ok((running, address));
            }
            if !running.is_running() || Instant::now() > deadline {
                return Err(format!("the server does not start: {}", running.log().trim()));
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}
