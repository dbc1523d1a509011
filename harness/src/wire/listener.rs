//! The wire as an HTTP/1.1 endpoint on loopback, for targets in a process of their own.

use super::credentials::{Credentials, Signed};
use super::http::{Answer, CONTENT_TYPE, respond};
use super::{Reply, Wire};
use crate::target::Endpoint;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

/// The longest body that is read. The engine itself refuses requests over 16 MB; a little more is read so
/// that the refusal is the engine's.
const BODY_LIMIT: usize = 20 * 1024 * 1024;

/// Stack of the threads that run requests: an engine may recurse as deep as an expression nests.
const STACK: usize = 16 * 1024 * 1024;

/// An endpoint in front of a wire, with credentials of its own. It is gone when dropped, with all connections.
pub struct Listener {
    endpoint: Endpoint,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// Opens a free port on 127.0.0.1.
    ///
    /// # Errors
    /// The system gives no port, no thread or no randomness.
    pub fn start(wire: Arc<Wire>) -> io::Result<Self> {
        Self::start_on(wire, 0)
    }

    /// Opens the given port on 127.0.0.1; 0 means any free one.
    ///
    /// # Errors
    /// The port is taken, or the system gives no thread or no randomness.
    pub fn start_on(wire: Arc<Wire>, port: u16) -> io::Result<Self> {
        let runtime = runtime()?;
        let credentials = Credentials::new()?;
        let socket = std::net::TcpListener::bind(("127.0.0.1", port))?;
        socket.set_nonblocking(true)?;
        let endpoint = Endpoint {
            url: format!("http://{}", socket.local_addr()?),
            region: "us-east-1".to_owned(),
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
        };
        let guard = runtime.enter();
        let socket = TcpListener::from_std(socket)?;
        drop(guard);
        let accepting = runtime.spawn(accept(socket, wire, Arc::new(credentials)));
        Ok(Self { endpoint, accepting })
    }

    /// Where a target finds it, and how it signs.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The connections are in a set that the task owns, so they end with it.
        self.accepting.abort();
    }
}

/// One runtime for all listeners of this process: requests are short, and workers are few.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("wire")
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    // Where two threads race, the first one's runtime stays and the other is shut down at once.
    if let Err(second) = RUNTIME.set(runtime) {
        second.shutdown_background();
    }
    RUNTIME.get().ok_or_else(|| io::Error::other("no runtime"))
}

async fn accept(socket: TcpListener, wire: Arc<Wire>, credentials: Arc<Credentials>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, wire.clone(), credentials.clone()));
                }
                // Out of file descriptors, or the peer is gone already: others may still come.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, wire: Arc<Wire>, credentials: Arc<Credentials>) {
    // Answers are small: without this each waits for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(request, wire.clone(), credentials.clone()));
    // An error here is the peer's: it hung up, or spoke no HTTP.
    let _ = hyper::server::conn::http1::Builder::new()
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn handle(
    request: Request<Incoming>,
    wire: Arc<Wire>,
    credentials: Arc<Credentials>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let reply = Reply::error(413, "RequestEntityTooLargeException", "The body is over 20 MB.");
            return Ok(response(Answer::new(&reply)));
        }
        Err(_) => return Err(Broken),
    };
    let run = move || {
        let signed = Signed {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body: &body,
        };
        if let Err(reply) = credentials.check(&signed) {
            return Some(Answer::new(&reply));
        }
        let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        respond(&wire, target, &body)
    };
    // The engine works on this thread's time; a held request waits on it.
    match tokio::task::spawn_blocking(run).await {
        Ok(Some(answer)) => Ok(response(answer)),
        Ok(None) => Err(Broken),
        Err(_) => {
            let reply = Reply::error(500, "InternalServerError", "The engine panicked.");
            Ok(response(Answer::new(&reply)))
        }
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let body = Full::new(Bytes::from(answer.body));
    let built = Response::builder()
        .status(answer.status)
        .header("content-type", CONTENT_TYPE)
        .header("x-amzn-requestid", answer.request_id)
        .header("x-amz-crc32", answer.crc32)
        .body(body);
    built.unwrap_or_else(|_| Response::new(Full::new(Bytes::new())))
}

/// The connection is to break without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection breaks")]
struct Broken;
