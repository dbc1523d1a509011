use super::*;
use crate::target::ProcessLaunch;
use std::path::{Path, PathBuf};

/// The example adapter without its library: a table of its own in memory, `ENDPOINT` unused. `%BREAK%` lines
/// run before each answer and may change it.
const ADAPTER: &str = r#"
import json, sys
def initialize(p):
    return {"name":"toy","version":"1","language":"python","library":{"name":"toy","version":"1"},"role":"mapper",
      "methods":["define","get","marshal","unmarshal","reset"],"update_forms":[],"types":["string","decimal"],
      "conditions":[],"features":{},"contract":{}}
models = {}
def define(p):
    models[p["model"]["name"]] = {f["name"]: f.get("attribute", f["name"]) for f in p["model"]["fields"]}
    return {}
def get(p):
    models[p["model"]]
    return {"record": None}
def marshal(p):
    return {"item": {models[p["model"]][k]: v for k, v in p["record"].items()}}
def unmarshal(p):
    back = {a: f for f, a in models[p["model"]].items()}
    return {"record": {back[k]: v for k, v in p["item"].items()}}
METHODS = {f.__name__: f for f in (initialize, define, get, marshal, unmarshal)}
for line in sys.stdin:
    request = json.loads(line)
    method = request["method"]
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        if method in ("reset", "shutdown"): answer["result"] = {}
        else: answer["result"] = METHODS[method](request["params"])
    except Exception as e:
        answer["error"] = {"code": -32000, "message": str(e), "data": {"kind": "unsupported" if method not in METHODS else "internal", "type": type(e).__name__}}
    %BREAK%
    print(json.dumps(answer), flush=True)
    if method == "shutdown": break
"#;

/// What the doctor says of the adapter with a flaw, and whether it is content; nothing without Python.
fn examine(flaw: &str) -> Option<(bool, String)> {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("not run: python3 is not on PATH");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("adapter.py");
    std::fs::write(&path, ADAPTER.replace("%BREAK%", flaw)).expect("it is written");
    Some(report(&["python3", &path.display().to_string()]))
}

fn report(command: &[&str]) -> (bool, String) {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let mut out = Vec::new();
    let content = check_target(&ProcessLaunch::new("toy", command), &mut out);
    (content, String::from_utf8(out).expect("it is text"))
}

#[test]
fn a_well_mannered_adapter_passes() {
    let Some((content, report)) = examine("pass") else { return };
    assert!(content, "{report}");
    assert!(report.contains("the adapter speaks the protocol"), "{report}");
    assert!(!report.contains("FAIL"), "{report}");
}

#[test]
fn each_misuse_is_explained_with_what_was_expected() {
    for (flaw, words) in [
        (r#"if method == "get": answer["result"] = {}"#, &["the key \"record\""][..]),
        (r#"if method == "get": answer["result"] = None"#, &["{\"record\":null}"]),
        (r#"if method == "get": print("debug")"#, &["FAIL     get", "standard error"]),
        (r#"if method == "define": answer["result"] = []"#, &["FAIL     define", "not a list"]),
        (
            r#"if method == "marshal": answer["result"] = {"item": {"label": {"S": "x"}}}"#,
            &["stored names", "lbl"],
        ),
        (
            r#"if method == "unmarshal": answer["result"] = {"record": {"id": "x"}}"#,
            &["{\"S\":\"x\"}, not \"x\""],
        ),
        (
            r#"if method == "unmarshal": answer["result"] = {"record": {"f0": {"N": 5}}}"#,
            &["the number as text"],
        ),
        (r#"answer.get("error", {}).pop("data", None)"#, &["no data.kind"]),
        (
            r#"if "error" in answer: answer["error"]["data"]["kind"] = "weird""#,
            &["\"weird\" is none of the protocol"],
        ),
        (r#"if method == "get": answer["id"] = str(answer["id"])"#, &["the request's own id"]),
        (r#"if method == "get": sys.exit(7)"#, &["exit status 7", "is caught and answered"]),
        (
            r#"if method == "get" and "error" in answer: raise SystemExit(3)"#,
            &["unknown model", "exit status 3"],
        ),
        (r#"if method == "initialize": del answer["result"]["methods"]"#, &["methods: missing"]),
        (
            r#"if method == "initialize": answer["result"]["contract"] = {"key_case": "up"}"#,
            &["contract.key_case"],
        ),
    ] {
        let Some((content, report)) = examine(flaw) else { return };
        assert!(!content, "{flaw}: {report}");
        for words in words {
            assert!(report.contains(words), "{flaw}: {words}: {report}");
        }
    }
}

#[test]
fn small_faults_are_noted_and_pass() {
    for (flaw, words) in [
        (r#"del answer["jsonrpc"]"#, "\"jsonrpc\":\"2.0\""),
        (
            r#"if method == "initialize": answer["result"]["contract"] = {"silent_scna": True}"#,
            "\"silent_scan\" meant",
        ),
        (
            r#"if method == "initialize": answer["result"]["methods"].append("put")"#,
            "put: offered in `methods`",
        ),
        (r#"if method == "transact": answer["result"] = {}; del answer["error"]"#, "is answered with {}"),
        (r#"if method == "shutdown": method = "x""#, "goes on after `shutdown`"),
        (r#"if method == "initialize": del answer["result"]["library"]"#, "library: missing"),
    ] {
        let Some((content, report)) = examine(flaw) else { return };
        assert!(content, "{flaw}: {report}");
        assert!(report.contains(words), "{flaw}: {report}");
    }
}

#[test]
fn what_is_no_adapter_is_told_so() {
    let (content, report) = report(&["echo", "hello"]);
    assert!(!content);
    assert!(report.contains("FAIL     initialize") && report.contains("not JSON"), "{report}");
}

#[test]
fn the_example_adapter_passes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/targets/example/adapter.py");
    let has_boto3 = std::process::Command::new("python3").args(["-c", "import boto3"]).output();
    if !path.exists() || !has_boto3.is_ok_and(|output| output.status.success()) {
        eprintln!("not run: python3 with boto3 is missing");
        return;
    }
    let path: PathBuf = path.canonicalize().expect("it is there");
    let (content, report) = report(&["python3", &path.display().to_string()]);
    assert!(content, "{report}");
    assert!(report.contains("update, form builder"), "{report}");
    assert!(report.contains("PutItem"), "{report}");
}

#[test]
fn the_machine_is_described_whatever_it_offers() {
    let mut out = Vec::new();
    super::super::machine(&mut out).expect("it is written");
    let text = String::from_utf8(out).expect("it is text");
    for tool in ["embedded", "python3", "go", "node", "java", "docker", "postgres"] {
        assert!(text.lines().any(|line| line.contains(tool)), "{tool}: {text}");
    }
}
