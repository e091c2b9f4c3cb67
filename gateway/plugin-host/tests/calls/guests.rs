//! The committed guests, compiled by the real compiler, loaded into a host.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use plugin_host::types::{Chat, Message, Role};
use plugin_host::{
    CodeCache, CompileLimits, Compiler, HostConfig, Metering, Plugin, PluginHost, PluginKind,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use units::TenantId;

/// A plugin with its host.
pub(crate) struct Guest {
    pub(crate) host: Arc<PluginHost>,
    pub(crate) plugin: Arc<Plugin>,
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// A chat of one user message.
pub(crate) fn ask(text: &str) -> Chat {
    Chat {
        messages: vec![Message {
            role: Role::User,
            content: text.to_owned(),
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: String::new(),
        }],
        tools: Vec::new(),
        max_tokens: None,
        temperature: None,
        extra: String::new(),
    }
}

/// The committed component of that name.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins/prebuilt")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The compiler: named by the environment, else beside the programs that cargo built.
pub(crate) fn compiler_path() -> PathBuf {
    if let Some(path) = std::env::var_os("MOEGATE_PLUGIN_COMPILER") {
        return path.into();
    }
    let own = std::env::current_exe().unwrap();
    let built = own
        .ancestors()
        .map(|dir| dir.join("moegate-plugin-compiler"))
        .find(|path| path.is_file());
    built.unwrap_or_else(|| {
        panic!("moegate-plugin-compiler is not built: run `make plugin-compiler`")
    })
}

pub(crate) fn compiler() -> Compiler {
    Compiler::new(&compiler_path(), CompileLimits::default())
}

/// One folder of compiled code for the whole process.
fn code_dir() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIR.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

pub(crate) async fn load(host: &Arc<PluginHost>, name: &str, kind: PluginKind) -> Arc<Plugin> {
    let bytes = component(name);
    let digest = Sha256::digest(&bytes).into();
    let cache = CodeCache::open(code_dir()).unwrap();
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let loaded = match cache.get(host, &digest).unwrap() {
        Some(loaded) => loaded,
        None => {
            let code = compiler().compile(&bytes, Metering::Time).await.unwrap();
            cache.put(&digest, Metering::Time, &code).unwrap();
            cache.get(host, &digest).unwrap().unwrap()
        }
    };
    Arc::new(Plugin::link(host, &loaded, kind).unwrap())
}

pub(crate) fn host() -> Arc<PluginHost> {
    Arc::new(PluginHost::start(HostConfig::default()).unwrap())
}

impl Guest {
    /// The guest that does what it is told.
    pub(crate) async fn driver() -> &'static Self {
        static DRIVER: OnceCell<Guest> = OnceCell::const_new();
        DRIVER
            .get_or_init(async || {
                let host = host();
                let plugin = load(&host, "hostile-driver.wasm", PluginKind::Expert).await;
                Self { host, plugin }
            })
            .await
    }
}

/// Memory of this process that is in use, KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Files that this process has open.
pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
