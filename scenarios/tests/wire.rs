//! What each target sends for a fixed corpus of intents: an upgrade that changes requests shows as a diff of a snapshot.
//!
//! `wire/intents.json` holds the data model, the stored items and the intents. Each is sent twenty times; where the
//! requests differ from time to time, the snapshot says so in place of any one of them. A target whose language is not
//! on this machine is reported as not run, and its snapshot stays as it is; with `PROOFHOUSE_REQUIRE_TARGETS=1`, as in CI, that fails.

use proofhouse::backend::Embedded;
use proofhouse::case::{Case, Run, Start, Step, StepObservation};
use proofhouse::engine::worker::{STACK, Worker};
use proofhouse::property::canonical;
use proofhouse::target::{CallError, Launch, LaunchError, Manifest};
use proofhouse_models::mapper::{Call, Capabilities, Model};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// How often each intent is sent.
const TIMES: usize = 20;

#[derive(Deserialize)]
struct Corpus {
    model: Model,
    start: Vec<Start>,
    intents: Vec<Intent>,
}

#[derive(Deserialize)]
struct Intent {
    name: String,
    step: Step,
}

fn corpus() -> Corpus {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/intents.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/wire"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The intent as the target takes it: a target that only builds is asked to build.
fn offered(capabilities: &Capabilities, step: &Step) -> Option<Step> {
    let method = step.call.method();
    let form = match &step.call {
        Call::Update(update) => capabilities.update_forms.contains(&update.form),
        _ => true,
    };
    if capabilities.has(method) && form {
        return Some(step.clone());
    }
    let builds = capabilities.has("build") && form;
    let model = step.call.params().get("model")?.as_str()?.to_owned();
    let kind = ["put", "update", "query", "scan", "delete"].into_iter().find(|kind| *kind == method)?;
    builds.then(|| Step::from(Call::Build { model, kind: kind.to_owned(), params: step.call.params() }))
}

/// A batch in an order of its own: DynamoDB gives its order no meaning, and a set of Python has another in each process.
fn unordered(mut request: Value) -> Value {
    let tables = request.get_mut("RequestItems").and_then(Value::as_object_mut);
    for table in tables.into_iter().flat_map(|tables| tables.values_mut()) {
        let list = match table.get_mut("Keys") {
            Some(keys) => keys,
            None => table,
        };
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(Value::to_string);
        }
    }
    request
}

/// What one call sent or built, and how it ended where it failed.
fn sent(seen: &StepObservation) -> Vec<Value> {
    let mut list: Vec<Value> = seen
        .exchanges
        .iter()
        .map(|exchange| json!({ &exchange.operation: unordered(canonical(&exchange.request, &[])) }))
        .collect();
    match &seen.outcome {
        Ok(answer) => {
            list.extend(answer.get("request").map(|built| json!({ "built": canonical(built, &[]) })))
        }
        Err(CallError::Reported { kind, .. }) => list.push(json!({ "error": kind })),
        Err(CallError::Broken { how, .. }) => list.push(json!({ "broken": how })),
    }
    list
}

fn told(worker: &mut Worker, corpus: &Corpus) -> String {
    let capabilities = worker.capabilities().clone();
    let mut text = format!("{} {}\n", capabilities.library.name, capabilities.library.version);
    for intent in &corpus.intents {
        let _ = writeln!(text, "\n# {}", intent.name);
        let Some(step) = offered(&capabilities, &intent.step) else {
            let _ = writeln!(text, "not offered");
            continue;
        };
        let run = Run { repeat: TIMES, ..Run::new(corpus.start.clone(), vec![step]) };
        let case = Case { model: corpus.model.clone(), runs: vec![run], notes: Default::default() };
        let observed = worker.execute(&case);
        let refused = observed.runs.iter().find_map(|run| run.refused.clone());
        if refused.is_some() {
            let _ = writeln!(text, "the data model is refused");
            continue;
        }
        let all: Vec<Vec<Value>> = observed.runs.iter().flat_map(|run| &run.steps).map(sent).collect();
        if all.iter().any(|other| *other != all[0]) {
            let operations: Vec<&str> =
                all[0].iter().filter_map(|sent| Some(sent.as_object()?.keys().next()?.as_str())).collect();
            let _ = writeln!(text, "differs from time to time: {}", operations.join(", "));
            continue;
        }
        for request in &all[0] {
            let _ = writeln!(text, "{request}");
        }
    }
    text
}

fn check(target: &str) {
    let house = proofhouse_scenarios::proof_house();
    let manifests = house.manifests.iter().map(|path| -> Arc<dyn Launch> {
        Arc::new(Manifest::load(path).unwrap_or_else(|error| panic!("{error}")))
    });
    let mut all = house.targets.iter().cloned().chain(manifests);
    let launch = all.find(|launch| launch.name() == target).expect("a shipped target");
    let body = move || -> Result<String, LaunchError> {
        launch.prepare(&|line| eprintln!("{line}"))?;
        let mut worker = Worker::start(launch, Arc::new(Embedded::new()), 0)?;
        Ok(told(&mut worker, &corpus()))
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(body).expect("a thread");
    match thread.join().expect("no panic") {
        Ok(text) => snapshot(target, &text),
        Err(error) if std::env::var_os("PROOFHOUSE_REQUIRE_TARGETS").is_some() => panic!("{target}: {error}"),
        Err(error) => eprintln!("not run: {target}: {error}"),
    }
}

#[test]
fn requests_of_the_correct_mapper() {
    check("control");
}

#[test]
fn requests_of_serde_dynamo() {
    check("serde_dynamo");
}

#[test]
fn requests_of_dynamodb_expression() {
    check("dynamodb-expression");
}

#[test]
fn requests_of_boto3() {
    check("boto3");
}

#[test]
fn requests_of_pynamodb() {
    check("pynamodb");
}

#[test]
fn requests_of_dynamorm() {
    check("dynamorm");
}
