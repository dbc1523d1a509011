use super::faults::{LoseResponse, Throttle};
use super::*;
use crate::backend::Backend;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers every request with its operation and how many came before it.
#[derive(Default)]
struct Echo {
    calls: AtomicU64,
}

impl Backend for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn call(&self, operation: &str, request: &Value) -> Reply {
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        Reply::ok(json!({ "operation": operation, "before": before, "request": request }))
    }

    fn clear(&self) {}
}

fn wire() -> Arc<Wire> {
    Arc::new(Wire::new(Arc::new(Echo::default())))
}

/// Signs as an AWS client does and sends over a plain socket; gives the whole answer, empty if there was none.
fn send(endpoint: &crate::target::Endpoint, operation: &str, body: &str) -> String {
    let host = endpoint.url.trim_start_matches("http://");
    let headers = signed_headers(endpoint, operation, body);
    let mut request = format!("POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in &headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    request += body;
    let mut stream = std::net::TcpStream::connect(host).expect("the listener is there");
    stream.write_all(request.as_bytes()).expect("the listener reads");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn signed_headers(endpoint: &crate::target::Endpoint, operation: &str, body: &str) -> Vec<(String, String)> {
    crate::backend::sign(endpoint, operation, body.as_bytes()).expect("it can be signed")
}

#[test]
fn a_signed_request_over_the_socket_is_answered_and_recorded() {
    let wire = wire();
    let listener = Listener::start(wire.clone()).expect("it starts");
    let answer = send(listener.endpoint(), "PutItem", r#"{"TableName":"t"}"#);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: application/x-amz-json-1.0"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    let checksum = format!("x-amz-crc32: {}", http::crc32(body.as_bytes()));
    assert!(answer.contains(&checksum), "{answer}");
    let exchanges = wire.take_exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].operation, "PutItem");
    assert_eq!(exchanges[0].request, json!({ "TableName": "t" }));
    assert_eq!(exchanges[0].reply.status, 200);
}

#[test]
fn wrong_credentials_are_refused_as_aws_does_and_not_recorded() {
    let wire = wire();
    let listener = Listener::start(wire.clone()).expect("it starts");
    let mut stranger = listener.endpoint().clone();
    stranger.access_key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
    let answer = send(&stranger, "PutItem", "{}");
    assert!(answer.contains("UnrecognizedClientException"), "{answer}");
    let mut forger = listener.endpoint().clone();
    forger.secret_access_key = "guess".to_owned();
    let answer = send(&forger, "PutItem", "{}");
    assert!(answer.contains("InvalidSignatureException"), "{answer}");
    assert_eq!(wire.take_exchanges(), []);
}

#[test]
fn a_body_that_is_no_json_is_a_serialization_exception() {
    let wire = wire();
    let listener = Listener::start(wire.clone()).expect("it starts");
    for body in ["{", "[]", "\"text\"", ""] {
        let answer = send(listener.endpoint(), "GetItem", body);
        assert!(answer.contains("SerializationException"), "{body}: {answer}");
    }
    assert_eq!(wire.take_exchanges().len(), 4);
}

#[test]
fn the_connector_and_the_socket_give_the_same_exchanges() {
    let requests = [("PutItem", r#"{"a":1}"#), ("GetItem", "{}"), ("Query", "no json")];
    let over_socket = wire();
    let listener = Listener::start(over_socket.clone()).expect("it starts");
    let in_process = wire();
    let client = WireClient::new(in_process.clone());
    for (operation, body) in requests {
        send(listener.endpoint(), operation, body);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.headers_mut().insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        let _ = block_on(client.call(request));
    }
    let strip = |mut exchanges: Vec<Exchange>| {
        exchanges.iter_mut().for_each(|exchange| exchange.at_micros = 0);
        exchanges
    };
    let exchanges = strip(over_socket.take_exchanges());
    assert_eq!(exchanges, strip(in_process.take_exchanges()));
    assert_eq!(exchanges.len(), 3);
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

#[test]
fn a_throttled_request_never_reaches_the_backend() {
    let wire = wire();
    wire.set_tamper(Some(Box::new(Throttle { times: 2 })));
    let names: Vec<_> = (0..3).map(|_| wire.handle("PutItem", &json!({})).status).collect();
    assert_eq!(names, [400, 400, 200]);
    let exchanges = wire.take_exchanges();
    assert_eq!(exchanges[0].reply.error_name(), Some("ProvisionedThroughputExceededException"));
    assert_eq!(exchanges[2].reply.body["before"], 0);
}

#[test]
fn a_lost_response_breaks_the_connection_after_the_write() {
    let wire = wire();
    let listener = Listener::start(wire.clone()).expect("it starts");
    wire.set_tamper(Some(Box::new(LoseResponse::of_first_write())));
    assert!(send(listener.endpoint(), "GetItem", "{}").starts_with("HTTP/1.1 200"));
    assert_eq!(send(listener.endpoint(), "PutItem", "{}"), "");
    let again = send(listener.endpoint(), "PutItem", "{}");
    assert!(again.contains(r#""before":2"#), "the lost one was applied: {again}");
    assert_eq!(wire.take_exchanges()[1].reply.error_name(), Some("ResponseLost"));
}

#[test]
fn a_lost_response_is_an_io_error_of_the_connector() {
    let wire = wire();
    wire.set_tamper(Some(Box::new(LoseResponse::after(0))));
    let mut request = HttpRequest::new(SdkBody::from("{}"));
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.PutItem");
    let error = block_on(WireClient::new(wire.clone()).call(request)).expect_err("no answer");
    assert!(error.is_io());
}

/// Lets requests through in the order of a list of their bodies.
struct InOrder(Vec<u64>);

impl Tamper for InOrder {
    fn before(&mut self, _: &str, request: &Value, _: u64) -> Before {
        if self.0.first() == request["who"].as_u64().as_ref() { Before::Pass } else { Before::Hold }
    }

    fn after(&mut self, _: &str, _: &Value, reply: Reply) -> After {
        self.0.remove(0);
        After::Deliver(reply)
    }
}

#[test]
fn held_requests_run_in_the_order_that_the_tamper_wants() {
    let wire = wire();
    wire.set_tamper(Some(Box::new(InOrder(vec![2, 0, 1]))));
    let before: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..3u64)
            .map(|who| {
                let wire = &wire;
                scope.spawn(move || wire.handle("UpdateItem", &json!({ "who": who })).body["before"].clone())
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
    });
    assert_eq!(before, [json!(1), json!(2), json!(0)]);
}

#[test]
fn exchanges_are_counted_from_zero_in_each_run() {
    let wire = wire();
    wire.handle("GetItem", &json!({}));
    wire.handle("GetItem", &json!({}));
    assert_eq!(wire.take_exchanges().iter().map(|e| e.sequence).collect::<Vec<_>>(), [0, 1]);
    wire.handle("GetItem", &json!({}));
    assert_eq!(wire.take_exchanges()[0].sequence, 2);
    wire.begin_run();
    wire.handle("GetItem", &json!({}));
    assert_eq!(wire.take_exchanges()[0].sequence, 0);
}

#[test]
fn a_flood_of_requests_is_answered_but_not_kept() {
    let wire = wire();
    for _ in 0..KEPT + 5 {
        wire.handle("GetItem", &json!({}));
    }
    assert_eq!(wire.take_exchanges().len(), KEPT);
    assert_eq!(wire.overflow(), 5);
}

#[test]
fn the_checksum_is_the_usual_crc32() {
    assert_eq!(http::crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(http::crc32(b""), 0);
}
