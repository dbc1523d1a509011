//! `store`: what a night leaves behind goes into a folder or a bucket and comes back; nothing is ever overwritten.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

fn proofhouse(folder: &Path, endpoint: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.current_dir(folder).args(arguments);
    if let Some(endpoint) = endpoint {
        let settings = [
            ("AWS_ENDPOINT", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("NO_PROXY", "127.0.0.1"),
        ];
        command.envs(settings).env_remove("AWS_SESSION_TOKEN");
    }
    command.output().expect("the command starts")
}

fn said(output: &Output, status: i32) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{text}");
    text
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

/// A night's folder: two saved cases, three inputs, a line of history.
fn night(folder: &Path, name: &str) {
    let report = folder.join(name);
    write(&report.join("failures/frame-1.case.json"), &format!("the case of {name}"));
    write(&report.join("failures/guard-2.case.json"), "the same case each night");
    for input in ["x", "y", name] {
        write(&report.join("corpus/frame").join(input), input);
    }
    write(&report.join("history.jsonl"), &format!("{{\"at\":{},\"night\":\"{name}\"}}\n", name.len()));
}

/// Two nights into a place, and out of it into a third folder.
fn there_and_back(folder: &Path, endpoint: Option<&str>, url: &str) {
    let run = |arguments: &[&str]| said(&proofhouse(folder, endpoint, arguments), 0);
    night(folder, "monday");
    night(folder, "tuesday");
    assert!(run(&["store", "push", "monday", url, "--allow-remote"]).contains("6 of 6 objects were new"));
    assert!(run(&["store", "push", "tuesday", url, "--allow-remote"]).contains("3 of 6 objects were new"));
    assert!(run(&["store", "push", "tuesday", url, "--allow-remote"]).contains("0 of 6 objects were new"));
    assert!(run(&["store", "pull", url, "all", "--allow-remote"]).contains("9 of 9 objects were new"));
    let files = |name: &str| {
        let mut texts: Vec<String> = std::fs::read_dir(folder.join("all").join(name))
            .expect("a folder")
            .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a text"))
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(files("corpus/frame"), ["monday", "tuesday", "x", "y"]);
    assert_eq!(files("failures"), ["the case of monday", "the case of tuesday", "the same case each night"]);
    let history = std::fs::read_to_string(folder.join("all/history.jsonl")).expect("a history");
    assert_eq!(history, "{\"at\":6,\"night\":\"monday\"}\n{\"at\":7,\"night\":\"tuesday\"}\n");
    assert!(run(&["store", "pull", url, "all", "--allow-remote"]).contains("0 of 0 objects were new"));
    // What was pulled is the same in the store.
    assert!(run(&["store", "push", "all", url, "--allow-remote"]).contains("0 of 9 objects were new"));
    assert!(run(&["store", "pull", url, "cases", "--only", "failures", "--allow-remote"]).contains("3 of 3"));
    assert!(!folder.join("cases/corpus").exists());
}

#[test]
fn two_nights_in_a_folder_come_back_as_one() {
    let place = tempfile::tempdir().expect("a folder");
    there_and_back(place.path(), None, "store");
}

#[test]
fn two_nights_in_a_bucket_come_back_as_one() {
    let place = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::open();
    there_and_back(place.path(), Some(&bucket.endpoint), "s3://nights/a/b");
    let objects = bucket.objects.lock().expect("the objects");
    assert!(objects.keys().all(|key| key.starts_with("a/b/")), "{:?}", objects.keys());
}

#[test]
fn an_object_that_was_changed_in_the_bucket_is_left_out_and_named() {
    let place = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::open();
    night(place.path(), "monday");
    let run = |arguments: &[&str]| said(&proofhouse(place.path(), Some(&bucket.endpoint), arguments), 0);
    run(&["store", "push", "monday", "s3://nights", "--allow-remote"]);
    {
        let mut objects = bucket.objects.lock().expect("the objects");
        let key = objects.keys().find(|key| key.starts_with("failures/frame")).expect("a case").clone();
        objects.insert(key, b"changed".to_vec());
        objects.insert("corpus/.ssh/authorized_keys".to_owned(), b"mine".to_vec());
    }
    let text = run(&["store", "pull", "s3://nights", "all", "--allow-remote"]);
    assert!(text.contains("its content is not what its name says"), "{text}");
    assert!(text.contains("authorized_keys: no name that `store push` gives"), "{text}");
    assert!(text.contains("5 of 7 objects were new"), "{text}");
    assert!(!place.path().join("all/corpus/.ssh").exists());
}

#[test]
fn a_store_elsewhere_has_to_be_meant_and_one_that_is_not_there_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    night(place.path(), "monday");
    let run = |arguments: &[&str], status| said(&proofhouse(place.path(), None, arguments), status);
    let text = run(&["store", "push", "monday", "s3://nights/x"], 2);
    assert!(
        text.contains("s3://nights/x is not on this machine") && text.contains("--allow-remote"),
        "{text}"
    );
    let text = run(&["store", "push", "monday", "ftp://nights"], 2);
    assert!(text.contains("gs://BUCKET/PREFIX"), "{text}");
    let text = run(&["store", "push", "sunday", "store"], 2);
    assert!(text.contains("sunday: no such folder"), "{text}");
    let text = run(&["store", "pull", "store", "all"], 2);
    assert!(text.contains("store: cannot be used: no such folder"), "{text}");
    assert!(!place.path().join("all").exists());
}

#[test]
fn a_bucket_that_refuses_is_named_with_its_answer() {
    let place = tempfile::tempdir().expect("a folder");
    night(place.path(), "monday");
    let bucket = Bucket::open();
    let push = ["store", "push", "monday", "s3://forbidden", "--allow-remote"];
    let text = said(&proofhouse(place.path(), Some(&bucket.endpoint), &push), 3);
    assert!(text.contains("s3://forbidden: cannot be listed") && text.contains("AccessDenied"), "{text}");
}

/// As much of S3 as the command asks for: PUT that creates, GET, and lists in pages of two, in path style.
struct Bucket {
    endpoint: String,
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Bucket {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let objects = Arc::new(Mutex::new(BTreeMap::new()));
        let held = objects.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let held = held.clone();
                std::thread::spawn(move || while serve(&stream, &held).is_some() {});
            }
        });
        Self { endpoint, objects }
    }
}

fn serve(stream: &TcpStream, objects: &Mutex<BTreeMap<String, Vec<u8>>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let mut objects = objects.lock().expect("the objects");
    let (status, body) = match (bucket, method.as_str()) {
        ("forbidden", _) => (403, b"<Error><Code>AccessDenied</Code></Error>".to_vec()),
        (_, "GET") if key.is_empty() => (200, list(query, &objects).into_bytes()),
        (_, "GET") => objects.get(key).map_or((404, Vec::new()), |bytes| (200, bytes.clone())),
        (_, "PUT") if headers.get("if-none-match").is_some_and(|tag| tag == "*") => {
            let created = !objects.contains_key(key);
            objects.entry(key.to_owned()).or_insert(body);
            (if created { 200 } else { 412 }, Vec::new())
        }
        _ => (400, b"only what creates".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-length: {}\r\netag: \"1\"\r\nlast-modified: Mon, 30 Nov 2026 00:00:00 GMT\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    stream.write_all(&[head.into_bytes(), body].concat()).ok()
}

fn list(query: &str, objects: &BTreeMap<String, Vec<u8>>) -> String {
    let parameter = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('='));
        pair.filter(|(key, _)| *key == name).map(|(_, value)| value.replace("%2F", "/")).next()
    };
    let prefix = parameter("prefix").unwrap_or_default();
    assert_eq!(parameter("delimiter").as_deref(), Some("/"), "{query}");
    let mut entries: Vec<String> = Vec::new();
    for (key, bytes) in objects {
        let Some(rest) = key.strip_prefix(&prefix) else { continue };
        let entry = match rest.split_once('/') {
            Some((folder, _)) => {
                format!("<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>")
            }
            None => format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified><ETag>\"1\"</ETag>\
                 <Size>{}</Size></Contents>",
                bytes.len()
            ),
        };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let from: usize = parameter("continuation-token").and_then(|token| token.parse().ok()).unwrap_or(0);
    let page: String = entries.iter().skip(from).take(2).cloned().collect();
    let more = entries.len() > from + 2;
    let token = if more {
        format!("<NextContinuationToken>{}</NextContinuationToken>", from + 2)
    } else {
        String::new()
    };
    format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{token}{page}</ListBucketResult>")
}
