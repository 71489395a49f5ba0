//! The program as a person runs it: the commands of the README's block "Run it", names, and PINs.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use graph_emulator::Popup;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::app::TestApp;

/// The commands of the README's section "Run it".
fn readme_block() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let section = text.split("## Run it").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(str::to_owned).collect()
}

/// A shell in a folder in which `linekeeper` is the program under test and no setting comes from outside.
fn shell(folder: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_linekeeper")).parent().unwrap().display().to_string();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{program}:/usr/bin:/bin"))
        // no call leaves this machine, and no port is taken
        .env("LINEKEEPER_META_BASE_URL", "http://127.0.0.1:9")
        .env("LINEKEEPER_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_readme_block_runs_as_printed_in_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = readme_block();
    assert_eq!(lines.pop().unwrap(), "linekeeper serve");
    // the result of a check is negative here: Meta does not answer
    let script = lines.iter().map(|line| {
        if line.starts_with("linekeeper check") {
            format!("{{ {line}\n}} || [ $? = 3 ]\n")
        } else {
            format!("{line}\n")
        }
    });
    let script: String = script.collect();
    let output = shell(folder.path(), &format!("set -e\n{script}")).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("Created the database."), "{out}");
    assert!(out.contains("Created account 1."), "{out}");
    assert!(out.contains("lk_"), "{out}");

    let exports: Vec<&str> = lines.iter().filter(|line| line.starts_with("export ")).map(String::as_str).collect();
    let mut serve = shell(folder.path(), &format!("{}\nexec linekeeper serve", exports.join("\n"))).spawn().unwrap();
    let mut log = BufReader::new(serve.stderr.take().unwrap()).lines();
    let is_running = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("Linekeeper is running") {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), is_running).await.unwrap());
    serve.kill().await.unwrap();
}

/// Without the settings of the Meta app, the error names the first missing one and how to set it. It does not ask
/// for a configuration file that exists.
#[tokio::test]
async fn a_missing_setting_is_named_with_its_fix() {
    let folder = tempfile::tempdir().unwrap();
    let script = "linekeeper config template > linekeeper.toml && linekeeper migrate";
    let output = shell(folder.path(), script).output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("meta.app_id is not set") && err.contains("LINEKEEPER_META_APP_ID"), "{err}");
    assert!(!err.contains("config template"), "{err}");
}

#[tokio::test]
async fn a_line_of_the_json_log_holds_each_span_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = "export LINEKEEPER_META_APP_ID=1 LINEKEEPER_META_APP_SECRET=s LINEKEEPER_LOG_FORMAT=json
        linekeeper key seal --new && linekeeper migrate && exec linekeeper serve";
    let mut serve = shell(folder.path(), script).spawn().unwrap();
    let mut log = BufReader::new(serve.stderr.take().unwrap()).lines();
    let mut line_with = async |message: &str| {
        let found = async {
            while let Some(line) = log.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if line["message"] == message {
                    return line;
                }
            }
            panic!("the log ended without \"{message}\"");
        };
        tokio::time::timeout(Duration::from_mins(1), found).await.unwrap()
    };
    let listening = line_with("listening").await;
    reqwest::get(format!("http://{}/healthz", listening["address"].as_str().unwrap())).await.unwrap();
    let answered = line_with("answered").await;
    assert!(answered.get("span").is_none(), "{answered}");
    let spans = answered["spans"].as_array().unwrap();
    assert_eq!((spans.len(), &spans[0]["name"], &spans[0]["route"]), (1, &"request".into(), &"/healthz".into()));
    serve.kill().await.unwrap();
}

/// A misspelt setting would be ignored, and its default used without a word.
#[tokio::test]
async fn settings_that_do_not_exist_are_named_with_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "databse = \"sqlite://other.db\"\n[metaa]\napp_id = \"1\"\n[delivery]\nallow_subnet = [\"10.0.0.0/8\"]\n";
    std::fs::write(folder.path().join("linekeeper.toml"), text).unwrap();
    let says = ["databse; the nearest one is database", "metaa.app_id", "delivery.allow_subnets"];
    for (command, status) in [("check --offline", 3), ("migrate", 1), ("serve", 1)] {
        let output = shell(folder.path(), &format!("linekeeper {command}")).output().await.unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        // a table breaks its lines
        let text = text.split(['│', '┆', '\n']).map(str::trim).collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(status), "{command}: {text}");
        for says in says {
            assert!(text.contains(says), "{command} does not say \"{says}\": {text}");
        }
    }
    let misspelt = "rm linekeeper.toml; LINEKEEPER_DATABSE=x linekeeper check --offline --json";
    let output = shell(folder.path(), misspelt).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("LINEKEEPER_DATABSE; the nearest one is LINEKEEPER_DATABASE"), "{text}");
}

#[tokio::test]
async fn a_value_out_of_its_bounds_is_refused_with_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let meta = "LINEKEEPER_META_APP_ID=1 LINEKEEPER_META_APP_SECRET=s";
    for (setting, says) in [
        ("LIMITS_GRAPH_DEADLINE_SECONDS=0", "write 1 to 60"),
        ("DELIVERY_DEADLINE_SECONDS=0", "write 1 to 25"),
        ("LIMITS_MAX_WEBHOOK_BODY_BYTES=0", "write 3145728 to 100000000"),
        ("LIMITS_MAX_CONNECTIONS=0", "write 16 to 100000"),
        ("META_PREVIOUS_APP_SECRET=", "the value is empty"),
        ("LOG_FILTER=loud=loud", "is not a filter"),
        ("TRUSTED_PROXIES=proxy", "write networks like"),
    ] {
        let script = format!("{meta} LINEKEEPER_{setting} linekeeper check --offline --json");
        let output = shell(folder.path(), &script).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(says), "{setting}: {text}");
    }
}

async fn run(app: &TestApp, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = app.command(folder.path());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), text)
}

/// The API refuses the same names.
#[tokio::test]
async fn an_account_name_has_one_rule() {
    let app = TestApp::new().await;
    for name in ["  ", "two\nlines", &"x".repeat(201)] {
        let (status, text) = run(&app, &["account", "create", "--name", name], "").await;
        assert_eq!(status, Some(2), "{name:?}: {text}");
    }
    let (status, text) = run(&app, &["account", "create", "--name", " Example Bakery ", "--json"], "").await;
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\"Example Bakery\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_has_not_six_digits_is_refused_before_any_call() {
    let app = TestApp::new().await;
    let (_, id) = app.signed_up(Popup::default()).await;
    let (status, text) = run(&app, &["inbox", "pin", &id.to_string()], "12345\n").await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("six digits"), "{text}");
    assert!(!text.contains("12345\n"), "{text}");
}
