//! Every measurement of forwarding, as short as possible, with the built programs: acknowledged events must be delivered and
//! stored. No time is asserted, and no figure means anything here.

use std::path::Path;
use std::process::Command;

/// The shortest form of `bench run`, with a load that takes a moment.
const SMOKE: [&str; 7] =
    ["run", "--smoke", "--rate=100", "--backlog=200", "--backlog-rate=200", "--pairs=1", "--connections=16"];

/// Builds the programs that are missing: `cargo test` of the workspace builds them, `cargo test` of this package does not.
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
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{errors}\n{printed}");
    printed.into_owned()
}

/// A measurement on one engine must print the title of its result.
fn measured(engine: &str, part: &str, title: &str) {
    let printed = bench(&[&SMOKE[..], &[&format!("--engine={engine}"), &format!("--part={part}")]].concat());
    assert!(printed.contains(title), "{title}:\n{printed}");
}

/// One test per engine and measurement: each mostly waits, and they wait at the same time.
macro_rules! measurements {
    ($($engine:ident),+) => {$(
        mod $engine {
            #[test]
            fn every_acknowledged_event_is_delivered() {
                super::measured(stringify!($engine), "delivered", "time until delivered");
            }

            #[test]
            fn every_event_is_delivered_to_every_endpoint() {
                super::measured(stringify!($engine), "fan-out", "one event to 16 endpoints");
            }

            #[test]
            fn every_event_of_a_backlog_is_delivered() {
                super::measured(stringify!($engine), "backlog", "backlog of 200 events");
            }

            #[test]
            fn every_event_beside_failing_endpoints_is_delivered() {
                super::measured(stringify!($engine), "isolation", "beside three failing ones");
            }
        }
    )+};
}

measurements!(sqlite, postgres);

/// A long measurement must write a page and plots that its raw figures reproduce.
fn written(command: &str, title: &str, arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("measurements-{command}"));
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let out = folder.join(format!("{command}.md"));
    let options = ["--engine=sqlite", "--out", out.to_str().unwrap()];
    bench(&[&[command][..], arguments, &options].concat());
    let (page, plot) = (read(&format!("{command}.md")), read(&format!("plots/{command}-memory.svg")));
    assert!(page.starts_with(title) && page.len() < 30_000, "{page}");
    let links = [format!("plots/{command}-memory.svg"), format!("raw/{command}.json")];
    let parts = [", commit ", "`bench ", "load average", "acknowledged and delivered", " 0 missing"];
    for part in links.iter().map(String::as_str).chain(parts) {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    bench(&["render", "--folder", folder.to_str().unwrap(), command]);
    assert_eq!((read(&format!("{command}.md")), read(&format!("plots/{command}-memory.svg"))), (page, plot));
}

#[test]
fn a_soak_writes_a_page_with_plots_that_its_raw_figures_reproduce() {
    written("soak", "# Soak", &["--for=3s", "--rate=100"]);
}

#[test]
fn a_backlog_writes_a_page_with_plots_that_its_raw_figures_reproduce() {
    written("backlog", "# Backlog", &["--events=300", "--rate=150"]);
}
