//! An object store that answers as S3 does: moto's server, in a process of its own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::system::said;

/// A running store. Dropping it kills it.
#[derive(Debug)]
pub struct S3 {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl S3 {
    /// Starts it with one empty bucket. `None` where it is not installed, which is told.
    ///
    /// # Panics
    /// It does not begin to listen, or makes no bucket.
    pub fn start(bucket: &str) -> Option<Self> {
        let python = crate::sdk::python().expect("a Python");
        let has = Command::new(&python)
            .args(["-c", "import moto.server"])
            .stderr(Stdio::null())
            .status()
            .expect("Python runs");
        if !has.success() {
            eprintln!("skipped: moto is not installed (deploy/setup.sh test, Python 3.10)");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let log = dir.path().join("log");
        let child = Command::new(&python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("the log"))
            .spawn()
            .expect("Python runs");
        let address = said(&log, "Running on http://");
        let made = crate::http::send(
            address,
            &crate::http::request("PUT", &format!("/{bucket}"), &[], b""),
        );
        assert_eq!(made.status, 200, "{}", made.text());
        Some(Self {
            child,
            address,
            _dir: dir,
        })
    }

    /// The variables that point a client of S3 to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
