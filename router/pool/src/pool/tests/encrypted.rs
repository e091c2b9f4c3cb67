use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::mock::{Mock, answer};
use super::*;

const HOST: &str = "remote.internal";

/// Encrypts before a mock; gives its address, its certificate as PEM and its tasks.
async fn encrypted(mock: &Mock) -> (SocketAddr, String, JoinSet<()>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), mock.address);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                if let Ok(mut outside) = acceptor.accept(stream).await {
                    let mut inside = TcpStream::connect(behind).await.unwrap();
                    let _ended = copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    (address, cert.pem(), tasks)
}

async fn asked(mock: &Mock, address: SocketAddr, roots: Option<&std::path::Path>) -> CallOutcome {
    let mut config = config();
    config.connections.extra_roots = roots.map(Into::into);
    let mut source = remote("legal", mock);
    source.target = format!("https://{HOST}:{}/v1", address.port())
        .parse()
        .unwrap();
    config.remotes = vec![source];
    let (names, receiver) = mpsc::channel(1);
    names.send(BTreeSet::from([address])).await.unwrap();
    let clock = Arc::new(HandClock::default());
    let ids = Arc::new(CountedIds::default());
    let resolver = Arc::new(SentNames(Mutex::new(receiver)));
    let pool = Pool::start_with(config, clock, ids, resolver).unwrap();
    until(&pool, |p| p.load(&id("legal")).available == 1).await;
    let mut plan = plan(&["legal"], Form::Whole);
    plan.limits.total = 1;
    pool.call(plan).await
}

#[tokio::test]
async fn a_remote_is_believed_by_its_certificate_only() {
    let mock = Mock::start().await;
    mock.always(answer());
    let (address, certificate, _tasks) = encrypted(&mock).await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certificate).unwrap();
    let outcome = asked(&mock, address, Some(&roots)).await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert_eq!(
        mock.seen()[0].header("host"),
        Some(&*format!("{HOST}:{}", address.port()))
    );
    let outcome = asked(&mock, address, None).await;
    let unknown = AttemptError::Connect(std::io::ErrorKind::InvalidData);
    assert_eq!(outcome.attempts[0].error, Some(unknown));
    assert_eq!(mock.counts().requests, 1, "nothing is sent to a stranger");
}

#[tokio::test]
async fn bad_roots_end_the_start() {
    let mut config = config();
    let mock = Mock::start().await;
    let mut source = remote("legal", &mock);
    source.target = format!("https://{HOST}").parse().unwrap();
    config.remotes = vec![source];
    config.connections.extra_roots = Some("no/such/file.pem".into());
    let started = Pool::start(
        config,
        Arc::new(HandClock::default()),
        Arc::new(CountedIds::default()),
    );
    assert!(matches!(started, Err(PoolError::Roots { .. })));
}
