//! The environment of a target's process: the user's own, without anything that could lead its AWS client
//! away from the wire.

use super::descendants::MARK;
use crate::target::Endpoint;
use std::collections::BTreeMap;
use std::process::Command;

/// Variables that name a proxy, in both cases.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
];

/// Sets the environment: first what keeps the target at the wire, then what the target's manifest adds.
pub(super) fn apply(
    command: &mut Command,
    endpoint: &Endpoint,
    mark: &str,
    extra: &BTreeMap<String, String>,
) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AWS_") || text.starts_with("BOTO") || PROXIES.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    let local = "127.0.0.1,localhost,::1";
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.url.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url.as_str()),
        ("AWS_REGION", endpoint.region.as_str()),
        ("AWS_DEFAULT_REGION", endpoint.region.as_str()),
        ("AWS_ACCESS_KEY_ID", endpoint.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", endpoint.secret_access_key.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("NO_PROXY", local),
        ("no_proxy", local),
        (MARK, mark),
    ];
    command.envs(variables);
    command.envs(extra);
}
