//! Any DynamoDB endpoint by its URL: DynamoDB Local, an emulator, or AWS itself if that is allowed.

use super::Backend;
use crate::target::Endpoint as Address;
use crate::wire::Reply;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sign_request};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Url;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A DynamoDB engine behind a URL.
///
/// Tables that this backend did not create are never dropped: it keeps the names of its own, and
/// [`clear`](Backend::clear) deletes those alone. Requests run on a thread of their own, so that a caller
/// inside an asynchronous runtime may wait for them.
pub struct Endpoint {
    url: String,
    version: String,
    created: Mutex<BTreeSet<String>>,
    jobs: Mutex<Sender<Job>>,
}

struct Job {
    operation: String,
    request: Vec<u8>,
    answer: Sender<Result<Reply, String>>,
}

/// Why an endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The text is no URL of HTTP.
    #[error("{url:?} is no endpoint: {reason}; write http://HOST:PORT")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host is not this machine, and that was not allowed.
    #[error(
        "{host} is not this machine: tables would be created and filled there; \
         pass --allow-remote if that is meant"
    )]
    Remote {
        /// The host of the URL.
        host: String,
    },
    /// Nothing answers there, or not as DynamoDB does.
    #[error("no DynamoDB answers at {url}: {reason}")]
    Unreachable {
        /// What was given.
        url: String,
        /// What came instead.
        reason: String,
    },
}

impl Endpoint {
    /// Connects, and asks for the list of tables to see that DynamoDB answers. `credentials` are an access key
    /// id and its secret; without them a pair that local engines accept is used.
    ///
    /// # Errors
    /// [`EndpointError`] says what to change.
    pub fn connect(
        url: &str,
        allow_remote: bool,
        credentials: Option<(String, String)>,
    ) -> Result<Self, EndpointError> {
        let malformed = |reason: String| EndpointError::Malformed { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| malformed(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(malformed(format!("the scheme {:?} is not http or https", parsed.scheme())));
        }
        let host = parsed.host_str().ok_or_else(|| malformed("it names no host".to_owned()))?;
        if !allow_remote && !is_loopback(host) {
            return Err(EndpointError::Remote { host: host.to_owned() });
        }
        let (access_key_id, secret_access_key) =
            credentials.unwrap_or_else(|| ("proofhouse".to_owned(), "proofhouse".to_owned()));
        let address = Address {
            url: url.trim_end_matches('/').to_owned(),
            region: region_of(host),
            access_key_id,
            secret_access_key,
        };
        let unreachable = |reason: String| EndpointError::Unreachable { url: url.to_owned(), reason };
        let (jobs, work) = channel();
        let loopback = is_loopback(host);
        std::thread::Builder::new()
            .name("endpoint".to_owned())
            .spawn(move || run(&address, loopback, &work))
            .map_err(|error| unreachable(error.to_string()))?;
        let endpoint = Self {
            url: url.to_owned(),
            version: format!("DynamoDB at {url}"),
            created: Mutex::new(BTreeSet::new()),
            jobs: Mutex::new(jobs),
        };
        let probe = endpoint.send("ListTables", &json!({})).map_err(unreachable)?;
        if probe.status != 200 || !probe.body["TableNames"].is_array() {
            return Err(unreachable(format!("ListTables gave status {}: {}", probe.status, probe.body)));
        }
        Ok(endpoint)
    }

    fn send(&self, operation: &str, request: &Value) -> Result<Reply, String> {
        let (answer, result) = channel();
        let job = Job { operation: operation.to_owned(), request: request.to_string().into_bytes(), answer };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.send(job).map_err(|_| "the connection's thread has ended".to_owned())?;
        result.recv().unwrap_or_else(|_| Err("the connection's thread has ended".to_owned()))
    }

    fn note_tables(&self, operation: &str, request: &Value, reply: &Reply) {
        let Some(table) = request["TableName"].as_str().filter(|_| reply.status == 200) else {
            return;
        };
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        match operation {
            "CreateTable" => created.insert(table.to_owned()),
            "DeleteTable" => created.remove(table),
            _ => false,
        };
    }
}

impl Backend for Endpoint {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        let reply = self
            .send(operation, request)
            .unwrap_or_else(|reason| Reply::error(500, "InternalServerError", &reason));
        self.note_tables(operation, request, &reply);
        reply
    }

    fn clear(&self) {
        let created = std::mem::take(&mut *self.created.lock().unwrap_or_else(PoisonError::into_inner));
        for table in created {
            let _ = self.send("DeleteTable", &json!({ "TableName": table }));
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.clear();
    }
}

fn run(address: &Address, loopback: bool, work: &Receiver<Job>) {
    let mut builder = Client::builder().timeout(TIMEOUT);
    if loopback {
        builder = builder.no_proxy();
    }
    match builder.build() {
        Ok(client) => {
            while let Ok(job) = work.recv() {
                let _ = job.answer.send(post(&client, address, &job.operation, job.request));
            }
        }
        Err(error) => {
            while let Ok(job) = work.recv() {
                let _ = job.answer.send(Err(error.to_string()));
            }
        }
    }
}

fn post(client: &Client, address: &Address, operation: &str, body: Vec<u8>) -> Result<Reply, String> {
    let mut request = client.post(format!("{}/", address.url));
    for (name, value) in sign(address, operation, &body)? {
        request = request.header(name, value);
    }
    let response = request.body(body).send().map_err(|error| causes(&error))?;
    let status = response.status().as_u16();
    let bytes = response.bytes().map_err(|error| causes(&error))?;
    let body = serde_json::from_slice(&bytes)
        .map_err(|_| format!("status {status} without JSON: {}", excerpt(&bytes)))?;
    Ok(Reply { status, body })
}

/// The headers of a signed request to an endpoint: host, content type, target, date and authorization.
pub(crate) fn sign(address: &Address, operation: &str, body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let host = address.url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let mut headers = vec![
        ("host".to_owned(), host.to_owned()),
        ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
        ("x-amz-target".to_owned(), format!("DynamoDB_20120810.{operation}")),
    ];
    let credentials =
        Credentials::new(&address.access_key_id, &address.secret_access_key, None, None, "proofhouse");
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(&address.region)
        .name("dynamodb")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?;
    let signable = SignableRequest::new(
        "POST",
        format!("{}/", address.url),
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(body),
    )
    .map_err(|error| error.to_string())?;
    let signed = sign_request(signable, &parameters.into()).map_err(|error| error.to_string())?;
    let added: Vec<_> =
        signed.output().headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.extend(added);
    Ok(headers)
}

/// Whether a host is this machine, by its name or address alone: nothing is looked up.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `us-west-2` of `dynamodb.us-west-2.amazonaws.com`; `us-east-1` elsewhere.
fn region_of(host: &str) -> String {
    let region = host.strip_prefix("dynamodb.").and_then(|rest| rest.split_once(".amazonaws.com"));
    region.map_or("us-east-1", |(region, _)| region).to_owned()
}

/// An error with what caused it: reqwest's own text leaves out "connection refused".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Listener, Wire};
    use std::sync::Arc;

    /// Tables as names only.
    struct Tables(Mutex<BTreeSet<String>>);

    impl Backend for Tables {
        fn name(&self) -> String {
            "tables".to_owned()
        }

        fn version(&self) -> String {
            "1".to_owned()
        }

        fn call(&self, operation: &str, request: &Value) -> Reply {
            let mut tables = self.0.lock().expect("no panic");
            let table = request["TableName"].as_str().unwrap_or_default().to_owned();
            match operation {
                "CreateTable" => _ = tables.insert(table),
                "DeleteTable" => _ = tables.remove(&table),
                _ => {}
            }
            Reply::ok(json!({ "TableNames": tables.iter().collect::<Vec<_>>() }))
        }

        fn clear(&self) {}
    }

    fn connect(listener: &Listener) -> Result<Endpoint, EndpointError> {
        let address = listener.endpoint().clone();
        let credentials = (address.access_key_id, address.secret_access_key);
        Endpoint::connect(&address.url, false, Some(credentials))
    }

    #[test]
    fn only_tables_that_it_created_are_deleted() {
        let engine = Arc::new(Tables(Mutex::new(["others".to_owned()].into())));
        let listener = Listener::start(Arc::new(Wire::new(engine.clone()))).expect("it starts");
        let endpoint = connect(&listener).expect("it answers");
        endpoint.call("CreateTable", &json!({ "TableName": "mine" }));
        assert_eq!(engine.0.lock().expect("no panic").len(), 2);
        endpoint.clear();
        let left: Vec<_> = engine.0.lock().expect("no panic").iter().cloned().collect();
        assert_eq!(left, ["others"]);
    }

    #[test]
    fn dropping_it_deletes_its_tables() {
        let engine = Arc::new(Tables(Mutex::new(BTreeSet::new())));
        let listener = Listener::start(Arc::new(Wire::new(engine.clone()))).expect("it starts");
        let endpoint = connect(&listener).expect("it answers");
        endpoint.call("CreateTable", &json!({ "TableName": "mine" }));
        drop(endpoint);
        assert!(engine.0.lock().expect("no panic").is_empty());
    }

    #[test]
    fn a_remote_host_is_refused_unless_allowed() {
        for url in ["https://dynamodb.us-west-2.amazonaws.com", "http://127.0.0.1.example.com:80"] {
            let refused = Endpoint::connect(url, false, None);
            assert!(matches!(refused, Err(EndpointError::Remote { .. })), "{url}");
        }
        assert!(is_loopback("127.0.0.9") && is_loopback("[::1]") && is_loopback("LOCALHOST"));
        assert_eq!(region_of("dynamodb.us-west-2.amazonaws.com"), "us-west-2");
    }

    #[test]
    fn a_port_where_nothing_listens_is_unreachable() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", socket.local_addr().expect("an address"));
        drop(socket);
        let Err(error) = Endpoint::connect(&url, false, None) else { panic!("nothing listens") };
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn wrong_credentials_show_in_the_reason() {
        let engine = Arc::new(Tables(Mutex::new(BTreeSet::new())));
        let listener = Listener::start(Arc::new(Wire::new(engine))).expect("it starts");
        let Err(error) = Endpoint::connect(&listener.endpoint().url, false, None) else { panic!("refused") };
        assert!(error.to_string().contains("UnrecognizedClientException"), "{error}");
    }

    #[test]
    fn what_is_no_url_says_what_to_write() {
        for url in ["", "localhost:8000", "ftp://localhost", "dynamodb-lokal"] {
            let Err(error) = Endpoint::connect(url, false, None) else { panic!("{url} was taken") };
            assert!(matches!(error, EndpointError::Malformed { .. }), "{url}: {error}");
        }
    }
}
