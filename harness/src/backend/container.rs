//! Engines in containers, through testcontainers: what every one of them has in common.
//!
//! A container is reached on loopback only and is removed when its handle is dropped, after a panic too. A run that
//! is killed cannot remove anything, so each container carries the path of a file that its run holds locked: the
//! next run on the same machine removes those whose file nobody locks any more.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{ExecCommand, IntoContainerPort};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ContainerRequest, GenericImage, ImageExt, TestcontainersError};

/// Label with the path of the file that the run of a container holds locked.
const OWNER: &str = "proofhouse.owner";

/// Label with the identifier of the process, for people.
const PID: &str = "proofhouse.pid";

/// Label with the name of the machine on which that path means something.
const HOST: &str = "proofhouse.host";

/// The longest wait for an answer of a daemon: one that is there answers at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// Names and tags of all images.
const IMAGES: &str = include_str!("container/images.env");

/// Why there is no container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// No daemon.
    #[error(
        "no Docker daemon answers ({0}); install Docker (on Debian: apt-get install docker.io), start its daemon \
         (dockerd), or set DOCKER_HOST"
    )]
    NoDaemon(String),
    /// The daemon is that of another machine.
    #[error(
        "DOCKER_HOST={0} is another machine: engines are reached on loopback only; unset it to use this one's"
    )]
    Remote(String),
    /// The file that marks the containers of a run cannot be made and locked.
    #[error("{0}: no locked file can be made: {1}")]
    Owner(PathBuf, String),
    /// The image is neither here nor in a registry.
    #[error("there is no image {image} ({reason}); on a machine without an image registry run ci/images")]
    NoImage {
        /// Name and tag.
        image: String,
        /// What the daemon said.
        reason: String,
    },
    /// The engine in the container does not come up.
    #[error("the container of {image} does not start: {reason}")]
    Start {
        /// Name and tag.
        image: String,
        /// What the daemon or the engine said.
        reason: String,
    },
}

/// An image with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// Name, without a registry.
    pub name: String,
    /// Tag.
    pub tag: String,
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

impl ImageName {
    fn of(key: &str) -> Self {
        let value = |suffix: &str| {
            let name = format!("{key}_{suffix}=");
            let mut lines = IMAGES.lines().filter_map(|line| line.strip_prefix(name.as_str()));
            lines.next().unwrap_or_default().to_owned()
        };
        Self { name: value("IMAGE"), tag: value("TAG") }
    }

    /// The image of DynamoDB Local.
    pub fn dynamodb_local() -> Self {
        Self::of("DYNAMODB_LOCAL")
    }

    /// The image of Postgres.
    pub fn postgres() -> Self {
        Self::of("POSTGRES")
    }
}

/// Runs on a thread of its own: the client blocks, which no thread of an asynchronous runtime may.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn with_daemon<T: Send, F: Future<Output = Result<T, String>>>(
    work: impl FnOnce(Docker) -> F + Send,
) -> Result<T, String> {
    apart(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let docker = docker_client_instance().await.map_err(|error| causes(&error))?;
            let answer = tokio::time::timeout(PATIENCE, work(docker)).await;
            answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
        })
    })
}

/// Asks the daemon for its version; a client program on PATH says nothing of a daemon.
///
/// # Errors
/// [`ContainerError`] with what to do.
pub fn daemon() -> Result<String, ContainerError> {
    let address = std::env::var("DOCKER_HOST").unwrap_or_default();
    if !is_here(&address) {
        return Err(ContainerError::Remote(address));
    }
    let version = with_daemon(|docker| async move {
        let version = docker.version().await.map_err(|error| causes(&error))?;
        version.version.ok_or_else(|| "its answer names no version".to_owned())
    });
    version.map_err(ContainerError::NoDaemon)
}

/// Whether a value of DOCKER_HOST means this machine.
fn is_here(address: &str) -> bool {
    let host = address.strip_prefix("tcp://").or_else(|| address.strip_prefix("http://"));
    let host =
        host.or_else(|| address.strip_prefix("https://")).map(|rest| rest.split('/').next().unwrap_or(rest));
    host.is_none_or(|host| super::endpoint::is_loopback(host.rsplit_once(':').map_or(host, |(host, _)| host)))
}

/// The file that says that the run of some containers is alive.
#[derive(Debug)]
pub struct Owner {
    file: tempfile::NamedTempFile,
}

impl Owner {
    /// A file that this process holds locked. Removes the containers of runs that are gone.
    ///
    /// # Errors
    /// [`ContainerError::NoDaemon`]; no file can be made in the temporary folder.
    pub fn new() -> Result<Arc<Self>, ContainerError> {
        daemon()?;
        remove_orphans().map_err(ContainerError::NoDaemon)?;
        let file = tempfile::Builder::new().prefix("proofhouse-container-").suffix(".lock").tempfile();
        let file = file
            .and_then(|file| file.as_file().lock().map(|()| file))
            .map_err(|error| ContainerError::Owner(std::env::temp_dir(), error.to_string()))?;
        Ok(Arc::new(Self { file }))
    }
}

/// A container that a run on this machine started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its identifier.
    pub id: String,
    /// The process that started it.
    pub pid: Option<u32>,
    /// Whether that run is gone.
    pub is_orphan: bool,
    owner: PathBuf,
}

/// All containers that runs on this machine started.
///
/// # Errors
/// What the daemon said.
pub fn all() -> Result<Vec<Found>, String> {
    with_daemon(|docker| async move { list(&docker).await })
}

async fn list(docker: &Docker) -> Result<Vec<Found>, String> {
    let labels = vec![OWNER.to_owned(), format!("{HOST}={}", host())];
    let filters = HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let all = docker.list_containers(Some(options)).await.map_err(|error| causes(&error))?;
    let found = all.into_iter().filter_map(|container| {
        let labels = container.labels?;
        let owner = PathBuf::from(labels.get(OWNER)?);
        let pid = labels.get(PID).and_then(|pid| pid.parse().ok());
        Some(Found { id: container.id?, pid, is_orphan: !is_held(&owner), owner })
    });
    Ok(found.collect())
}

/// Removes the containers of this machine whose runs are gone, with their volumes, and says how many there were.
///
/// # Errors
/// What the daemon said.
pub fn remove_orphans() -> Result<usize, String> {
    with_daemon(|docker| async move {
        let mut removed = 0;
        for found in list(&docker).await?.into_iter().filter(|found| found.is_orphan) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            // Another run may be faster; what stays is removed by the next one.
            if docker.remove_container(&found.id, Some(options)).await.is_ok() {
                removed += 1;
            }
            let _ = std::fs::remove_file(&found.owner);
        }
        Ok(removed)
    })
}

/// Whether a process holds the file locked.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

/// The machine's name: a path of another machine with the same daemon says nothing.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.ok().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default().trim().to_owned()
}

/// What a container is to be.
pub struct Plan {
    /// Its image.
    pub image: ImageName,
    /// The program, where it is not that of the image.
    pub program: Option<String>,
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// The user, where it is not that of the image.
    pub user: Option<String>,
    /// The port on which the engine listens inside.
    pub port: Option<u16>,
    /// What else the daemon is told.
    pub settings: fn(&mut HostConfig, &str),
    /// The second argument of `settings`.
    pub parameter: String,
}

/// A running container. Dropping it removes it, with its volumes.
pub struct Running {
    container: Option<Container<GenericImage>>,
    image: ImageName,
    inside: Option<u16>,
    _owner: Arc<Owner>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Running").field(&self.image.to_string()).finish()
    }
}

impl Running {
    /// Starts a container; fetches its image where it is not here.
    ///
    /// # Errors
    /// [`ContainerError`] says what to do.
    pub fn start(plan: Plan, owner: &Arc<Owner>) -> Result<Self, ContainerError> {
        let mut image = GenericImage::new(&plan.image.name, &plan.image.tag);
        if let Some(program) = &plan.program {
            image = image.with_entrypoint(program);
        }
        if let Some(port) = plan.port {
            image = image.with_exposed_port(port.tcp());
        }
        let (port, settings, parameter) = (plan.port, plan.settings, plan.parameter);
        let mut request: ContainerRequest<GenericImage> = image
            .with_label(OWNER, owner.file.path().to_string_lossy())
            .with_label(PID, std::process::id().to_string())
            .with_label(HOST, host())
            .with_cmd(plan.arguments)
            .with_host_config_modifier(move |config| {
                config.publish_all_ports = Some(false);
                config.port_bindings = Some(port.into_iter().map(loopback).collect());
                settings(config, &parameter);
            });
        if let Some(user) = plan.user {
            request = request.with_user(user);
        }
        match apart(|| request.start()) {
            Ok(container) => Ok(Self {
                container: Some(container),
                image: plan.image,
                inside: plan.port,
                _owner: owner.clone(),
            }),
            Err(error) => Err(because(&error, plan.image.to_string())),
        }
    }

    /// Runs something with the container on a thread that may block.
    fn with<T: Send>(
        &self,
        work: impl FnOnce(&Container<GenericImage>) -> Result<T, TestcontainersError> + Send,
    ) -> Result<T, String> {
        let container = self.container.as_ref().ok_or("the container is removed")?;
        apart(|| work(container)).map_err(|error| causes(&error))
    }

    /// The port on loopback that leads to the engine's.
    ///
    /// # Errors
    /// What the daemon said; the container has ended, for one.
    pub fn port(&self) -> Result<u16, String> {
        let inside = self.inside.ok_or("the container has no port")?;
        self.with(|container| container.get_host_port_ipv4(inside.tcp()))
    }

    /// Its identifier.
    pub fn id(&self) -> String {
        self.container.as_ref().map_or_else(String::new, |container| container.id().to_owned())
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.with(Container::is_running).unwrap_or(false)
    }

    /// What it wrote so far: standard output, then standard error.
    pub fn log(&self) -> String {
        let read = |container: &Container<GenericImage>| {
            Ok([container.stdout_to_vec()?, container.stderr_to_vec()?].concat())
        };
        self.with(read).map_or_else(|error| error, |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Runs a command in the container and waits for its end; its standard output.
    ///
    /// # Errors
    /// Standard error of a command that failed, or what the daemon said.
    pub fn run(&self, command: &[&str]) -> Result<String, String> {
        let (code, out, error) = self.with(|container| {
            let mut done = container.exec(ExecCommand::new(command.iter().copied()))?;
            let (out, error) = (done.stdout_to_vec()?, done.stderr_to_vec()?);
            // The streams may end before the daemon notes the status.
            let deadline = Instant::now() + PATIENCE;
            while done.exit_code()?.is_none() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok((done.exit_code()?, out, error))
        })?;
        if code == Some(0) {
            return Ok(String::from_utf8_lossy(&out).into_owned());
        }
        let said = String::from_utf8_lossy(&error);
        Err(format!("{}: status {}: {}", command.first().unwrap_or(&""), code.unwrap_or(-1), said.trim()))
    }

    /// Sends the image's stop signal and waits for the end.
    ///
    /// # Errors
    /// What the daemon said.
    pub fn stop(&self) -> Result<(), String> {
        self.with(|container| container.stop_with_timeout(Some(30)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let container = self.container.take();
        apart(|| drop(container));
    }
}

fn loopback(port: u16) -> (String, Option<Vec<PortBinding>>) {
    // An empty port has the daemon choose a free one.
    let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    (format!("{port}/tcp"), Some(vec![binding]))
}

fn because(error: &TestcontainersError, image: String) -> ContainerError {
    use testcontainers::core::error::ClientError;
    let reason = causes(error);
    match error {
        TestcontainersError::Client(ClientError::PullImage { .. }) => {
            ContainerError::NoImage { image, reason }
        }
        _ => ContainerError::Start { image, reason },
    }
}

/// An error with what caused it, each text once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_a_name_and_a_tag() {
        for image in [ImageName::dynamodb_local(), ImageName::postgres()] {
            assert!(!image.name.is_empty() && !image.tag.is_empty(), "{image}");
            assert!(!["latest", "main"].contains(&image.tag.as_str()), "{image} moves");
        }
    }

    #[test]
    fn a_daemon_elsewhere_is_told_apart() {
        for address in [
            "",
            "unix:///var/run/docker.sock",
            "tcp://127.0.0.1:2375",
            "http://localhost:2375/",
            "tcp://[::1]:1",
        ] {
            assert!(is_here(address), "{address}");
        }
        for address in ["tcp://build.example:2375", "https://10.0.0.7:2376", "tcp://127.0.0.1.example:1"] {
            assert!(!is_here(address), "{address}");
        }
    }

    #[test]
    fn a_file_is_held_while_its_owner_keeps_it_locked() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(!is_held(file.path()));
        file.as_file().lock().expect("nobody else holds it");
        assert!(is_held(file.path()));
        let path = file.path().to_owned();
        drop(file);
        assert!(!is_held(&path));
    }
}
