//! Hostile adapters: whatever they do, calls return in time, it is named, and no process is left behind.
//!
//! They are scripts of `sh`, written by each test. `$ID` is the id of the request that was just read.

use super::*;
use crate::backend::Backend;
use crate::wire::Reply;
use proofhouse_models::mapper::ErrorKind;
use std::path::Path;

struct Nothing;

impl Backend for Nothing {
    fn name(&self) -> String {
        "nothing".to_owned()
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn call(&self, _: &str, _: &Value) -> Reply {
        Reply::ok(json!({}))
    }

    fn clear(&self) {}
}

fn wire() -> Arc<Wire> {
    Arc::new(Wire::new(Arc::new(Nothing)))
}

/// What every adapter below begins with: `answer` for the current request, and the answer to `initialize`.
const PRELUDE: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$ID" "$1"; }
next() {
    IFS= read -r LINE || exit 0
    ID=$(printf '%s' "$LINE" | sed 's/.*"id":\([0-9]*\).*/\1/')
    METHOD=$(printf '%s' "$LINE" | sed 's/.*"method":"\([a-z_]*\)".*/\1/')
}
hello() { next; answer '{"name":"hostile","version":"1","language":"sh","library":{"name":"l","version":"1"},"role":"mapper","methods":["define","get","put"],"types":["string"],"contract":{}}'; }
"#;

/// A script as a target.
struct Script {
    folder: tempfile::TempDir,
    launch: ProcessLaunch,
}

impl Script {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("adapter.sh");
        std::fs::write(&path, format!("{PRELUDE}\n{body}")).expect("it is written");
        let command = vec!["sh".to_owned(), path.display().to_string()];
        let limits =
            Limits { call: Duration::from_secs(30), grace: Duration::from_millis(100), ..Limits::default() };
        let env = [("HERE".to_owned(), folder.path().display().to_string())].into();
        let launch = ProcessLaunch::new("hostile", command).limits(limits).env(env);
        Self { folder, launch }
    }

    /// With a short time limit, for adapters that use all of it.
    fn impatient(mut self) -> Self {
        self.launch.limits.call = Duration::from_millis(300);
        self
    }

    fn start(&self) -> Box<dyn Target> {
        self.launch.launch(&wire(), 1).unwrap_or_else(|error| panic!("{error}"))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn fails_to_start(&self) -> String {
        match self.launch.launch(&wire(), 1) {
            Err(LaunchError::Failed(why)) => why,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it started"),
        }
    }
}

fn get(target: &mut dyn Target) -> Outcome {
    target.call("get", &json!({ "model": "M", "key": {} }))
}

fn broken(outcome: Outcome) -> (String, String) {
    match outcome {
        Err(CallError::Broken { how, detail }) => (how, detail),
        other => panic!("not broken: {other:?}"),
    }
}

/// Whether a process with this number still runs; zombies do not.
fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Numbers that a script wrote into a file, once it is there.
fn written(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

const HONEST: &str = "hello; while next; do answer '{\"record\":null}'; done";

#[test]
fn an_honest_adapter_is_started_called_and_ended() {
    let script = Script::new(&format!("echo $$ >\"$HERE/pid\"\n{HONEST}"));
    let mut target = script.start();
    assert_eq!(target.capabilities().name, "hostile");
    assert_eq!(get(target.as_mut()), Ok(json!({ "record": null })));
    assert_eq!(target.notes(), Vec::<String>::new());
    let pids = written(&script.path().join("pid"));
    assert!(runs(&pids[0]));
    drop(target);
    assert!(!runs(&pids[0]));
}

#[test]
fn the_environment_leads_to_the_wire_and_nowhere_else() {
    let script = Script::new(
        "hello; next; env | sed 's/[^A-Za-z0-9_=.:/,-]//g' >\"$HERE/env\"; answer '{}'; while next; do answer 1; done",
    );
    let mut target = script.start();
    get(target.as_mut()).expect("it answers");
    let env = written(&script.path().join("env"));
    let value = |name: &str| {
        let prefix = format!("{name}=");
        env.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default()
    };
    assert!(value("AWS_ENDPOINT_URL").starts_with("http://127.0.0.1:"));
    assert_eq!(value("AWS_EC2_METADATA_DISABLED"), "true");
    assert_eq!(value("AWS_CONFIG_FILE"), "/dev/null");
    assert!(value("NO_PROXY").contains("127.0.0.1"));
    assert!(!env.iter().any(|line| line.starts_with("AWS_PROFILE=") || line.starts_with("https_proxy=")));
}

#[test]
fn a_crash_at_the_start_says_why() {
    let why = Script::new("echo 'no such module: boto9' >&2; exit 3").fails_to_start();
    assert!(why.contains("exit status 3") && why.contains("no such module: boto9"), "{why}");
}

#[test]
fn an_early_end_without_an_error_is_no_start() {
    let why = Script::new("exit 0").fails_to_start();
    assert!(why.contains("exit status 0"), "{why}");
}

#[test]
fn a_program_that_is_not_there_says_so() {
    let launch = ProcessLaunch::new("x", vec!["/no/such/program".to_owned()]);
    let Err(LaunchError::Failed(why)) = launch.launch(&wire(), 1) else { panic!() };
    assert!(why.contains("/no/such/program") && why.contains("PATH"), "{why}");
}

#[test]
fn a_wrong_answer_to_initialize_is_told_with_its_place() {
    let why = Script::new(r#"next; answer '{"methods":["get"],"contract":{"update_missing":"maybe"}}'"#)
        .fails_to_start();
    assert!(why.contains("contract.update_missing: \"maybe\" is not one of create, not_found"), "{why}");
}

#[test]
fn a_crash_in_every_call_is_told_each_time_and_restarted() {
    let script = Script::new("hello; next; echo 'oh no' >&2; kill -SEGV $$");
    let mut target = script.start();
    for _ in 0..3 {
        let (how, detail) = broken(get(target.as_mut()));
        assert_eq!(how, "crashed");
        assert!(detail.contains("signal 11") && detail.contains("oh no"), "{detail}");
    }
    assert!(target.take_log().contains("oh no"));
}

#[test]
fn models_are_defined_again_after_a_crash() {
    let script = Script::new(
        "hello; while next; do echo $METHOD >>\"$HERE/calls\"; test $METHOD = put && exit 9; answer '{}'; done",
    );
    let mut target = script.start();
    target.call("define", &json!({ "model": { "name": "A" } })).expect("it answers");
    target.call("define", &json!({ "model": { "name": "B" } })).expect("it answers");
    target.call("define", &json!({ "model": { "name": "A" } })).expect("it answers");
    let (how, detail) = broken(target.call("put", &json!({})));
    assert_eq!(how, "crashed");
    assert!(detail.contains("exit status 9"), "{detail}");
    get(target.as_mut()).expect("it answers again");
    let calls = written(&script.path().join("calls"));
    assert_eq!(calls, ["define", "define", "define", "put", "define", "define", "get"]);
}

#[test]
fn a_hang_ends_with_its_time_limit_and_is_restarted() {
    let script = Script::new("hello; echo $$ >>\"$HERE/pid\"; next; sleep 1000").impatient();
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "hung");
    assert!(detail.contains("within 300ms"), "{detail}");
    assert_eq!(broken(get(target.as_mut())).0, "hung");
    drop(target);
    let pids = written(&script.path().join("pid"));
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| !runs(pid)));
}

#[test]
fn an_adapter_that_does_not_read_does_not_block_the_caller() {
    let script = Script::new("hello; exec sleep 1000").impatient();
    let mut target = script.start();
    let large = json!({ "text": "x".repeat(4_000_000) });
    assert_eq!(broken(target.call("put", &large)).0, "hung");
}

#[test]
fn a_target_that_no_longer_starts_is_not_started_forever() {
    let script = Script::new("test -e \"$HERE/once\" && exit 4; touch \"$HERE/once\"; hello; next; exit 5");
    let mut target = script.start();
    assert!(broken(get(target.as_mut())).1.contains("exit status 5"));
    for _ in 0..FAILED_STARTS {
        assert!(broken(get(target.as_mut())).1.contains("exit status 4"));
    }
    assert!(broken(get(target.as_mut())).1.contains("no further start"));
}

#[test]
fn an_end_after_an_answer_is_told_with_that_answer() {
    let script = Script::new("hello; next; answer '{}'; exit 0");
    let mut target = script.start();
    get(target.as_mut()).expect("it answers");
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "crashed");
    assert!(
        detail.contains("exit status 0") && detail.contains("request that it answered was 2"),
        "{detail}"
    );
}

#[test]
fn a_flood_of_100_mb_is_cut() {
    let script =
        Script::new("hello; next; yes 'all work and no play makes jack a dull boy' | head -c 100000000");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "flooded");
    assert!(detail.contains("for one request"), "{detail}");
}

#[test]
fn one_line_of_100_mb_is_cut() {
    let script = Script::new("hello; next; head -c 100000000 /dev/zero");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "flooded");
    assert!(detail.contains("a line of more than"), "{detail}");
    assert!(detail.len() < 3_000);
}

#[test]
fn a_flood_of_the_log_keeps_its_end_alone() {
    let script =
        Script::new("hello; next; yes 12345678 | head -c 3000000 >&2; echo last >&2; answer '{}'; next");
    let mut target = script.start();
    get(target.as_mut()).expect("it answers");
    let log = target.take_log();
    assert!(log.len() < 70_000 && log.ends_with("last\n"), "{} bytes", log.len());
    assert_eq!(target.take_log(), "");
}

#[test]
fn a_line_of_junk_is_told_and_the_run_goes_on() {
    let script =
        Script::new("hello; next; echo 'DEBUG: here'; answer '{}'; while next; do answer '{}'; done");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "junk");
    assert!(detail.contains("not JSON") && detail.contains("DEBUG: here"), "{detail}");
    assert_eq!(get(target.as_mut()), Ok(json!({})));
}

#[test]
fn junk_while_a_model_is_defined_is_told_with_the_next_call() {
    let script =
        Script::new("echo banner; hello; next; echo more; answer '{}'; while next; do answer '{}'; done");
    let mut target = script.start();
    assert_eq!(target.call("define", &json!({ "model": { "name": "A" } })), Ok(json!({})));
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "junk");
    assert!(detail.contains("banner") && detail.contains("1 more"), "{detail}");
}

#[test]
fn bytes_that_are_not_utf8_are_junk() {
    let script = Script::new("hello; next; printf '\\377\\376\\n'; answer '{}'; next");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "junk");
    assert!(detail.contains("not UTF-8"), "{detail}");
}

#[test]
fn a_second_answer_is_junk_of_the_same_request_once_it_is_known_to_come() {
    let script = Script::new("hello; while next; do answer 1; answer 2; done");
    let mut target = script.start();
    let first = get(target.as_mut());
    let second = get(target.as_mut());
    let (_, detail) = broken(if first.is_ok() { second } else { first });
    assert!(detail.contains("a second answer to request"), "{detail}");
    assert_eq!(broken(get(target.as_mut())).0, "junk");
}

#[test]
fn an_answer_with_a_wrong_id_is_no_answer() {
    let script = Script::new("hello; while next; do ID=77; answer '{}'; done");
    let mut target = script.start();
    for _ in 0..2 {
        let (how, detail) = broken(get(target.as_mut()));
        assert_eq!(how, "no_answer");
        assert!(detail.contains("the id 77"), "{detail}");
    }
}

#[test]
fn an_id_as_text_is_no_answer() {
    let script = Script::new("hello; while next; do ID=\"\\\"$ID\\\"\"; answer '{}'; done");
    let (how, detail) = broken(get(script.start().as_mut()));
    assert_eq!(how, "no_answer");
    assert!(detail.contains("the id \"2\""), "{detail}");
}

#[test]
fn an_error_of_the_protocol_is_reported() {
    let script = Script::new(
        r#"hello; next; printf '{"id":%s,"error":{"code":-32000,"message":"no","data":{"kind":"validation"}}}\n' $ID; next"#,
    );
    let mut target = script.start();
    assert_eq!(get(target.as_mut()).expect_err("an error").kind(), Some(ErrorKind::Validation));
    assert_eq!(target.notes(), ["answers should carry \"jsonrpc\":\"2.0\""]);
}

#[test]
fn a_fork_that_keeps_the_output_open_does_not_hide_the_end() {
    let script = Script::new("hello; next; sleep 1000 & echo $! >\"$HERE/pid\"; exit 6");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "crashed");
    assert!(detail.contains("exit status 6"), "{detail}");
    assert!(!runs(&written(&script.path().join("pid"))[0]));
}

#[test]
fn children_that_left_the_session_are_ended_too() {
    let script = Script::new(
        "hello; next; setsid sh -c 'echo $$ >\"$HERE/pid\"; sleep 1000 & echo $! >>\"$HERE/pid\"; \
         touch \"$HERE/ready\"; exec sleep 1000' >/dev/null 2>&1 </dev/null &
         while ! test -e \"$HERE/ready\"; do :; done; answer '{}'; next",
    );
    let mut target = script.start();
    get(target.as_mut()).expect("it answers");
    let pids = written(&script.path().join("pid"));
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| runs(pid)));
    drop(target);
    assert!(pids.iter().all(|pid| !runs(pid)), "{pids:?}");
}

#[test]
fn nothing_carries_the_mark_of_an_ended_target() {
    let script = Script::new("hello; next; (sleep 1000 &) ; (setsid sleep 1000 &); sleep 1000");
    let (mut session, ..) = script.launch.begin(&wire(), 1).unwrap_or_else(|error| panic!("{error}"));
    let mark = session.mark().to_owned();
    assert!(!descendants::carriers(&mark).is_empty());
    assert!(session.call("get", &json!({}), Duration::from_millis(300)).is_err());
    assert_eq!(descendants::carriers(&mark), Vec::<i32>::new());
}

#[test]
fn an_adapter_outlives_the_thread_that_launched_it() {
    let script = Script::new(HONEST);
    let mut target = std::thread::scope(|scope| scope.spawn(|| script.start()).join().expect("no panic"));
    assert_eq!(get(target.as_mut()), Ok(json!({ "record": null })));
}

#[test]
fn closing_the_output_is_a_crash() {
    let script = Script::new("hello; next; exec 1>&-; sleep 1000");
    let mut target = script.start();
    let (how, detail) = broken(get(target.as_mut()));
    assert_eq!(how, "crashed");
    assert!(detail.contains("closed its standard output"), "{detail}");
}

#[test]
fn a_target_is_waited_for_less_with_each_hang_yet_longer_than_any_answer_took() {
    let limits = Limits::default();
    let mut pace = Pace::default();
    assert_eq!(pace.limit("get", &limits), limits.call);
    pace.hangs.insert("get".to_owned(), 1);
    assert_eq!(pace.limit("put", &limits), limits.call_after_hang);
    pace.hangs.insert("get".to_owned(), HANGS);
    assert_eq!(pace.limit("get", &limits), limits.call_after_hangs);
    assert_eq!(pace.limit("put", &limits), limits.call_after_hang, "it has not hung so often");
    pace.hangs.insert("scan".to_owned(), HANGS);
    assert_eq!(pace.limit("put", &limits), limits.call_after_hangs);
    pace.slowest = limits.call_after_hangs;
    assert_eq!(pace.limit("get", &limits), SLACK * limits.call_after_hangs);
    pace.slowest = limits.call;
    assert_eq!(pace.limit("get", &limits), limits.call, "never longer than without a hang");
}

#[test]
fn after_a_flood_less_is_read_yet_well_more_than_any_answer_had() {
    let limits = Limits::default();
    let mut pace = Pace::default();
    let sizes = |pace: &Pace| (pace.sizes(&limits).flood, pace.sizes(&limits).line);
    assert_eq!(sizes(&pace), (limits.flood, limits.line));
    pace.flooded = true;
    assert_eq!(sizes(&pace), (3 * 1024 * 1024, 1024 * 1024));
    pace.largest = 1024 * 1024;
    assert_eq!(sizes(&pace), (8 * 1024 * 1024, 8 * 1024 * 1024));
    pace.largest = limits.flood;
    assert_eq!(sizes(&pace), (limits.flood, limits.line), "never more than without a flood");
}

#[test]
fn a_second_flood_is_cut_earlier() {
    let script = Script::new("hello; next; yes 'all work and no play' | head -c 100000000");
    let mut target = script.start();
    assert!(broken(get(target.as_mut())).1.contains("more than 50331648 bytes"));
    assert!(broken(get(target.as_mut())).1.contains("more than 3145728 bytes"));
}
