//! A private PostgreSQL from the system's package: in a folder of its own, on a socket in it, gone with its owner.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// Who runs it where we are root, whom it refuses: nobody.
const NOBODY: u32 = 65_534;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    programs: PathBuf,
    dir: TempDir,
    child: Child,
    log: Option<JoinHandle<String>>,
    made: AtomicU32,
}

impl Server {
    /// Starts one; `None`, and a line that says so, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL is not installed");
            return None;
        };
        // A socket's path may have 107 bytes only.
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .expect("a temporary folder");
        if root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("a folder of nobody");
        }
        let data = dir.path().join("data");
        let made = of(&programs, "initdb")
            .args([
                "--username=moegate",
                "--auth=trust",
                "--locale=C",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .arg("--pgdata")
            .arg(&data)
            .current_dir(dir.path())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{made:?}");
        let mut child = of(&programs, "postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs");
        let mut said = BufReader::new(child.stderr.take().expect("its log"));
        let mut log = String::new();
        while !log.contains("ready to accept connections") {
            let read = said.read_line(&mut log).expect("its log can be read");
            assert!(read > 0, "it does not start: {log}");
        }
        let rest = std::thread::spawn(move || {
            // Somebody must read, or it would wait for us.
            for line in said.lines().map_while(Result::ok) {
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Some(Self {
            programs,
            dir,
            child,
            log: Some(rest),
            made: AtomicU32::new(0),
        })
    }

    /// The address of a new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("books{}", self.made.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.programs.join("createdb"))
            .args(["--username=moegate", "--host"])
            .arg(self.dir.path())
            .arg(&name)
            .output()
            .expect("createdb runs");
        assert!(made.status.success(), "{made:?}");
        let socket = self.dir.path().display();
        format!("postgres://moegate@localhost/{name}?host={socket}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = of(&self.programs, "pg_ctl")
            .args(["stop", "--silent", "--mode=immediate", "-D"])
            .arg(self.dir.path().join("data"))
            .current_dir(self.dir.path())
            .status();
        let ended = match stopped {
            Ok(status) if status.success() => self.child.wait(),
            _ => self.child.kill().and_then(|()| self.child.wait()),
        };
        let log = self.log.take().and_then(|log| log.join().ok());
        if std::thread::panicking() || ended.is_err() {
            eprintln!("log of PostgreSQL: {ended:?}\n{}", log.unwrap_or_default());
        }
    }
}

/// The folder of Debian's newest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let paths = versions.filter_map(|entry| Some(entry.ok()?.path()));
    let newest = paths
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path))?;
    Some(newest.join("bin"))
}

/// A program of the server, which dies with us whatever ends us.
fn of(programs: &Path, name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if root() {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command.arg(programs.join(name));
    command
}

fn root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
