//! A real server with TLS on the loopback that plays a script, and a resolver that says what it is told.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egress::{Egress, Limits, LoopbackToo, Origin, PublicOnly, Resolve, Resolving, Roots};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does once it has the head of a request.
#[derive(Clone)]
pub(crate) enum Play {
    /// Writes these bytes, `{echo}` replaced by the request, and closes.
    Say(String),
    /// Writes a head, then one byte each 50 ms.
    Drip,
    /// Writes a head without length, then bytes without end.
    Flood,
    /// Nothing.
    Silence,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    root: Vec<u8>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(play: Play) -> Self {
        let names = ["api.acme.test".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let root = made.cert.der().to_vec();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, log, play) = (acceptor.clone(), Arc::clone(&log), play.clone());
                all.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &log, play).await;
                    }
                });
            }
        });
        Self {
            port,
            seen,
            connections,
            root,
            task,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::new(&self.url("")).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://api.acme.test:{}{path}", self.port)
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::These(vec![self.root.clone()])
    }

    pub(crate) fn egress(&self, limits: Limits) -> Egress {
        let resolver = Arc::new(Answers::always(&["127.0.0.1"]));
        Egress::new::<LoopbackToo>(self.roots(), resolver, limits).unwrap()
    }

    pub(crate) fn public(&self, resolver: Answers) -> Egress {
        Egress::new::<PublicOnly>(self.roots(), Arc::new(resolver), Limits::default()).unwrap()
    }
}

async fn serve<S>(mut stream: S, log: &Mutex<Vec<String>>, play: Play)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    log.lock().unwrap().push(request.clone());
    match play {
        Play::Say(text) => {
            let text = text.replace("{echo}", &request);
            drop(stream.write_all(text.as_bytes()).await);
            drop(stream.shutdown().await);
        }
        Play::Drip => {
            drop(
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                    .await,
            );
            let mut beat = tokio::time::interval(Duration::from_millis(50));
            while stream.write_all(b"x").await.is_ok() {
                drop(stream.flush().await);
                beat.tick().await;
            }
        }
        Play::Flood => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Play::Silence => std::future::pending().await,
    }
}

/// Answers in turn; the last one stays.
#[derive(Debug)]
pub(crate) struct Answers {
    answers: Vec<Vec<IpAddr>>,
    pub(crate) asked: AtomicUsize,
}

impl Answers {
    pub(crate) fn always(addresses: &[&str]) -> Self {
        Self::turns(&[addresses])
    }

    pub(crate) fn turns(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
        }
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(turn).or(self.answers.last()).cloned();
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}
