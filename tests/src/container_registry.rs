//! A real registry of containers: Debian's docker-registry on a free port of this machine.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::system::said;

/// A running registry. Dropping it kills it.
#[derive(Debug)]
pub struct ContainerRegistry {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl ContainerRegistry {
    /// Starts it; `users` holds lines of an htpasswd file (bcrypt), none lets everybody in. `None` where the program is
    /// not installed, which is told.
    ///
    /// # Panics
    /// It does not begin to listen.
    pub fn start(users: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| dir.path().join(name);
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            at("data").display()
        );
        if !users.is_empty() {
            std::fs::write(at("users"), users).expect("the users");
            let users = at("users");
            config.push_str(&format!(
                "auth:\n  htpasswd:\n    realm: tests\n    path: {}\n",
                users.display()
            ));
        }
        std::fs::write(at("config.yml"), config).expect("the configuration");
        let log = std::fs::File::create(at("log")).expect("the log");
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(at("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: docker-registry is not installed (deploy/setup.sh test)");
                return None;
            }
            Err(why) => panic!("docker-registry: {why}"),
        };
        let address = said(&at("log"), "listening on ");
        Some(Self {
            child,
            address,
            _dir: dir,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ContainerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
