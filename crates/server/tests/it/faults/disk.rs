//! The disk under a SQLite file: full, failing, gone, read-only; and a second service on the same file.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::service::{Place, Service, sqlite_in};

/// A file system of a few megabytes, in memory.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(folder.path());
        let is_mounted = mount.output().is_ok_and(|done| done.status.success());
        is_mounted.then_some(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.path().display());
    }
}

/// Nothing is stored; what is asked is answered 503; the log names the cause once.
async fn refuses_while_it_lasts(place: &Place, service: &Service, cause: &str) {
    let mut posts = 0;
    service.until("a post is refused", async || service.post("refused").await == 503).await;
    service.until("readiness says so", async || service.ready().await.0 == 503).await;
    for _ in 0..20 {
        posts += 1;
        assert_eq!(service.post(&format!("refused {posts}")).await, 503);
    }
    assert_eq!(place.write_by_api(service).await, 503);
    let (status, text) = service.ready().await;
    assert_eq!(status, 503, "{text}");
    assert_eq!(text["detail"], "The database cannot be written; the log names the cause.");
    let log = service.log();
    assert_eq!(service.logged(cause), 1, "{}", log.join("\n"));
    let told = log.iter().filter(|line| !line.contains("request: ")).count();
    assert!(told < 20, "{told} lines: {}", log.join("\n"));
}

/// Everything works again in the same process: posts, the API, jobs.
async fn works_again(place: &Place, service: &Service) {
    service.until("it is ready again", async || service.ready().await.0 == 200).await;
    assert_eq!(service.post("afterwards").await, 200);
    assert_eq!(place.write_by_api(service).await, 202);
    service.until("the jobs run", async || place.waiting().await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_needs_no_restart_once_it_has_space_again() {
    let Some(disk) = SmallDisk::mount() else {
        println!("this user may not mount; the test below covers a limit of the file's size");
        return;
    };
    let place = Place::at(sqlite_in(disk.path())).await;
    let service = place.serve().await;
    assert_eq!(service.post("before").await, 200);
    disk.fill();
    refuses_while_it_lasts(&place, &service, "database or disk is full").await;
    disk.free();
    works_again(&place, &service).await;
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_writes_needs_no_restart_once_it_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(sqlite_in(folder.path())).await;
    let service = place.serve().await;
    assert_eq!(service.post("before").await, 200);
    let limit = |bytes: &str| {
        let mut limit = Command::new("prlimit");
        limit.arg(format!("--pid={}", service.pid())).arg(format!("--fsize={bytes}:unlimited"));
        assert!(limit.status().unwrap().success());
    };
    limit("1");
    refuses_while_it_lasts(&place, &service, "disk I/O error").await;
    limit("unlimited");
    works_again(&place, &service).await;
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_is_noticed_before_anything_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(sqlite_in(folder.path())).await;
    let service = place.serve().await;
    assert_eq!(service.post("before").await, 200);
    fs::remove_file(folder.path().join("linekeeper.db")).unwrap();
    assert_eq!(service.post("afterwards").await, 503);
    assert_eq!(place.write_by_api(&service).await, 503);
    service.until("readiness says so", async || service.ready().await.0 == 503).await;
    assert_eq!(service.logged("was removed or replaced"), 1, "{}", service.log().join("\n"));
    // a connection that is opened again makes no new file
    assert!(!folder.path().join("linekeeper.db").exists());
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(sqlite_in(folder.path())).await;
    let file = folder.path().join("linekeeper.db");
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(folder.path(), 0o777);
    set_mode(place.key_file.parent().unwrap(), 0o777);
    set_mode(&place.key_file, 0o644);
    set_mode(&file, 0o444);
    let (status, text) = place.run_as_postgres(&["serve"]).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("is read-only; let this user write to it"), "{text}");
    assert!(text.contains(&file.display().to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_on_one_file_says_why_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(sqlite_in(folder.path())).await;
    let service = place.serve().await;
    let (status, text) = place.run(&["serve"]).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("another Linekeeper service runs on"), "{text}");
    // other commands work beside it
    let (status, text) = place.run(&["account", "create", "--name", "Beside"]).await;
    assert_eq!(status, Some(0), "{text}");
    // the lock ends with the process, however it ends
    service.kill().await;
    place.serve().await.kill().await;
}
