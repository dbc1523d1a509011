//! DynamoDB Local in a container. All workers of a run share one; each has a database of its own in it, since
//! DynamoDB Local keeps the tables of each access key apart.

use super::container::{ContainerError, ImageName, Owner, Plan, Running};
use super::{Backend, Endpoint, EndpointError};
use crate::wire::Reply;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PORT: u16 = 8000;

/// The longest wait for a first answer: a virtual machine of Java on a busy machine takes its time.
const START: Duration = Duration::from_secs(60);

/// The container of a run: started by the first worker, removed after the last.
#[derive(Clone, Default)]
pub struct Shared {
    started: Arc<Mutex<Option<Arc<Started>>>>,
}

struct Started {
    // Before the container: dropping an endpoint deletes its tables.
    url: String,
    version: String,
    workers: AtomicU64,
    _running: Running,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// Whichever container: it is the same engine.
impl PartialEq for Shared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Shared {}

impl Shared {
    /// An engine with a database of its own; starts the container where it does not run yet.
    ///
    /// # Errors
    /// [`ContainerError`] says what to install or to build.
    pub fn open(&self) -> Result<DynamoDbLocal, ContainerError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let container = match &*started {
            Some(container) => container.clone(),
            None => started.insert(Arc::new(start()?)).clone(),
        };
        drop(started);
        let worker = container.workers.fetch_add(1, Ordering::Relaxed);
        let endpoint = connect(&container.url, worker).map_err(|error| failed(error.to_string()))?;
        Ok(DynamoDbLocal { endpoint, container })
    }
}

/// DynamoDB Local as one worker sees it.
pub struct DynamoDbLocal {
    // Dropped first: it deletes its tables.
    endpoint: Endpoint,
    container: Arc<Started>,
}

fn connect(url: &str, worker: u64) -> Result<Endpoint, EndpointError> {
    // Letters and digits: DynamoDB Local refuses any other access key.
    Endpoint::connect(url, false, Some((format!("worker{worker}"), "proofhouse".to_owned())))
}

fn failed(reason: String) -> ContainerError {
    ContainerError::Start { image: ImageName::dynamodb_local().to_string(), reason }
}

fn start() -> Result<Started, ContainerError> {
    let owner = Owner::new()?;
    let plan = Plan {
        image: ImageName::dynamodb_local(),
        program: None,
        arguments: ["-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory"]
            .map(str::to_owned)
            .to_vec(),
        user: None,
        port: Some(PORT),
        settings: |_, _| {},
        parameter: String::new(),
    };
    let running = Running::start(plan, &owner)?;
    let url = format!("http://127.0.0.1:{}", running.port().map_err(failed)?);
    let deadline = Instant::now() + START;
    while let Err(error) = connect(&url, 0) {
        if !running.is_running() || Instant::now() > deadline {
            return Err(failed(format!("{error}: {}", running.log().trim())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let version = version(&running.log()).unwrap_or("of unknown version").to_owned();
    Ok(Started { url, version, workers: AtomicU64::new(0), _running: running })
}

/// The version that DynamoDB Local names in its log when it starts.
fn version(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.strip_prefix("Version:")).map(str::trim)
}

impl Backend for DynamoDbLocal {
    fn name(&self) -> String {
        "dynamodb-local".to_owned()
    }

    fn version(&self) -> String {
        format!("DynamoDB Local {} (container {})", self.container.version, ImageName::dynamodb_local())
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        self.endpoint.call(operation, request)
    }

    fn clear(&self) {
        self.endpoint.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_is_read_from_the_log() {
        let log =
            "Initializing DynamoDB Local with the following configuration:\nPort:\t8000\nVersion:\t3.1.0\n";
        assert_eq!(version(log), Some("3.1.0"));
        assert_eq!(version(""), None);
    }
}
