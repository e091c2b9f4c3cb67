//! A gateway process under test, with its configuration and store in a folder of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::binaries::program;
use crate::http;
use crate::process::listening;

/// A running `moegate serve`. Dropping it kills it.
#[derive(Debug)]
pub struct System {
    dir: tempfile::TempDir,
    child: Option<Child>,
    address: SocketAddr,
    operations: Option<SocketAddr>,
    environment: Vec<(String, String)>,
}

/// How to start one.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// TOML after `[server]`, `[store]` and `[gate]`, which the harness writes itself.
    pub config: String,
    /// More lines of `[server]`.
    pub server: String,
    /// More variables.
    pub environment: Vec<(String, String)>,
}

impl System {
    /// Writes the configuration and starts the gateway on a free port.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let gate = crate::root().join("deploy/gate");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{}\n[store]\ndir = {:?}\n[gate]\ndir = {:?}\n[log]\nlevel = \"warn\"\n{}",
            setup.server,
            dir.path().join("var"),
            gate,
            setup.config,
        );
        std::fs::write(dir.path().join("moegate.toml"), text).expect("the configuration");
        let mut system = Self {
            dir,
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            operations: None,
            environment: setup.environment.clone(),
        };
        system.launch();
        system
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("moegate.toml")
    }

    /// The folder of everything it writes.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where it listens; another port after each start.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators ask, if it has a listener of their own.
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// Its process id.
    ///
    /// # Panics
    /// It does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Starts it, or starts it again.
    ///
    /// # Panics
    /// It does not say where it listens.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .expect("a log");
        let mut command = Command::new(program("moegate"));
        command
            .args(["serve", "--config"])
            .arg(self.config())
            .current_dir(crate::root())
            .envs(self.environment.iter().cloned())
            .stderr(log);
        let (child, bound) = listening(&mut command, || self.log());
        self.address = bound.listening;
        self.operations = bound.operations;
        self.child = Some(child);
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Asks it to end and waits; its exit status.
    ///
    /// # Panics
    /// It does not end within a minute.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("it runs");
        signal(child.id(), Signal::SIGTERM);
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end\n{}", self.log());
            std::thread::yield_now();
        }
    }

    /// Runs another command of `moegate` on the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(program("moegate"))
            .args(arguments)
            .env("MOEGATE_CONFIG", self.config())
            .envs(self.environment.iter().cloned())
            .current_dir(crate::root())
            .output()
            .expect("moegate runs")
    }

    /// What a command prints.
    ///
    /// # Panics
    /// It fails.
    pub fn told(&self, arguments: &[&str]) -> String {
        let out = self.command(arguments);
        let said = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        assert!(
            out.status.success(),
            "moegate {arguments:?}: {said}\n{}",
            String::from_utf8_lossy(&out.stderr)
        );
        said
    }

    /// What a command prints that reads this on its standard input.
    ///
    /// # Panics
    /// It fails.
    pub fn told_with(&self, arguments: &[&str], input: &str) -> String {
        let out = self.fed(arguments, input);
        let why = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "moegate {arguments:?}: {why}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// What a command says that must refuse this on its standard input.
    ///
    /// # Panics
    /// It works.
    pub fn refused_with(&self, arguments: &[&str], input: &str) -> String {
        let out = self.fed(arguments, input);
        assert!(!out.status.success(), "moegate {arguments:?} works");
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    fn fed(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(program("moegate"))
            .args(arguments)
            .env("MOEGATE_CONFIG", self.config())
            .envs(self.environment.iter().cloned())
            .current_dir(crate::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moegate runs");
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(input.as_bytes()).expect("it is read");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// What a command that must fail says.
    ///
    /// # Panics
    /// It works, or does not end within half a minute.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut child = Command::new(program("moegate"))
            .args(arguments)
            .env("MOEGATE_CONFIG", self.config())
            .envs(self.environment.iter().cloned())
            .current_dir(crate::root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moegate runs");
        let until = Instant::now() + Duration::from_secs(30);
        while child.try_wait().expect("it can be asked").is_none() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        // One that still runs is ended; its status is no success then either, but it said nothing.
        let still_runs = child.try_wait().expect("it can be asked").is_none();
        child.kill().expect("it can be ended");
        let out = child.wait_with_output().expect("it ends");
        assert!(
            !still_runs && !out.status.success(),
            "moegate {arguments:?} works"
        );
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    /// A new key of a tenant; more flags as `moegate key create` takes them. The gateway knows it when
    /// this returns.
    pub fn key(&self, tenant: &str, flags: &[&str]) -> String {
        let mut arguments = vec!["key", "create", "--tenant", tenant];
        arguments.extend(flags);
        let key = self.told(&arguments);
        self.wait("the new key is known", || {
            http::get(self.address, "/v1/models", Some(&key)).status != 401
        });
        key
    }

    /// Signs in at the dashboard as a person with a browser would; the answer sets the session's cookie.
    pub fn sign_in(&self, key: &str) -> http::Reply {
        let path = "/dashboard/sign-in";
        let form = http::get(self.address, path, None);
        let cookie = http::cookie(&form, "moegate_form");
        let token = cookie.split_once('=').map_or("", |(_, token)| token);
        let body = format!("csrf={token}&key={key}");
        let headers = [
            ("cookie", cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let bytes = http::request("POST", path, &headers, body.as_bytes());
        http::send(self.address, &bytes)
    }

    /// The public name of a tenant's key.
    ///
    /// # Panics
    /// The tenant has no key that is named so.
    pub fn key_id(&self, tenant: &str, name: &str) -> String {
        let list = self.told(&["key", "list", "--tenant", tenant]);
        let line = list.lines().find(|line| line.contains(name));
        let id = line.and_then(|line| line.split(' ').next());
        id.unwrap_or_else(|| panic!("no key {name} in {list}"))
            .to_owned()
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// It does not within a minute.
    pub fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < until, "never: {what}\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until experts answer.
    pub fn wait_ready(&self) {
        self.wait("ready", || {
            http::get(self.address, "/ready", None).status == 200
        });
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the gateway:\n{}", self.log());
        }
        if let Some(mut child) = self.child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(why) = ended {
                eprintln!("gateway does not end: {why}");
            }
        }
    }
}

/// Sends a signal to a process this test started.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
    kill(pid, signal).expect("the process is there");
}

/// The address that a program of others logs after these words.
///
/// # Panics
/// It does not within 20 seconds.
pub(crate) fn said(log: &Path, words: &str) -> SocketAddr {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(log).expect("the log");
        let rest = text.split(words).nth(1);
        let address = rest.and_then(|rest| rest.split(['"', ' ', '\n']).next()?.parse().ok());
        if let Some(address) = address {
            return address;
        }
        assert!(Instant::now() < until, "it does not listen:\n{text}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
