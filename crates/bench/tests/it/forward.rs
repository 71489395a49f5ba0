//! Every measurement of forwarding, as small as it goes, with the built programs: what was acknowledged must be
//! delivered and in the database. No time is asserted, and no figure means anything here.

use std::path::Path;
use std::process::Command;

/// Of a load as small as here, all of it is soon over.
const SMOKE: [&str; 11] = [
    "run",
    "--smoke",
    "--part=delivered",
    "--part=fan-out",
    "--part=backlog",
    "--part=isolation",
    "--rate=100",
    "--backlog=200",
    "--backlog-rate=200",
    "--pairs=1",
    "--connections=16",
];

/// `cargo test` of the workspace builds the programs beforehand, of this package alone it does not.
fn build(programs: &Path) {
    for (package, program) in [("server", "linekeeper"), ("graph-emulator", "graph-emulator")] {
        if !programs.join(program).is_file() {
            let built = Command::new(env!("CARGO")).args(["build", "--package", package, "--bin", program]).status();
            assert!(built.unwrap().success(), "{program}");
        }
    }
}

fn bench(arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_bench"));
    build(program.parent().unwrap());
    let output = Command::new(program).args(arguments).output().unwrap();
    let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{told}\n{printed}");
    printed.into_owned()
}

#[test]
fn what_is_acknowledged_is_delivered_in_every_measurement_on_sqlite() {
    let printed = bench(&[&SMOKE[..], &["--engine=sqlite"]].concat());
    for part in ["due until delivered", "one event to 16 endpoints", "200 events before", "beside a dead, a slow"] {
        assert!(printed.contains(part), "{part}:\n{printed}");
    }
}

#[test]
fn what_is_acknowledged_is_delivered_in_every_measurement_on_postgres() {
    bench(&[&SMOKE[..], &["--engine=postgres"]].concat());
}

#[test]
fn the_long_ones_work_briefly_and_say_what_they_saw() {
    for (command, title, arguments) in
        [("soak", "# Soak", ["--for=3s", "--rate=100"]), ("backlog", "# Backlog", ["--events=300", "--rate=150"])]
    {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{command}.md"));
        let place = ["--engine=sqlite", "--out", out.to_str().unwrap()];
        bench(&[&[command][..], &arguments, &place].concat());
        let document = std::fs::read_to_string(&out).unwrap();
        assert!(document.starts_with(title), "{document}");
        for part in
            [", commit ", "`bench ", "load average", "acknowledged and delivered", " 0 missing", "## Raw figures"]
        {
            assert!(document.contains(part), "{part}:\n{document}");
        }
    }
}
