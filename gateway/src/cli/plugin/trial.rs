//! A plugin in the real sandbox with stubs for services: what `run` and `test` use.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use plugin_host::types::{Chat, Role};
use plugin_host::{
    CallError, CompileLimits, Compiler, Component, HostConfig, Limits, Metering, Plugin,
    PluginHost, PluginKind, Report,
};
use plugin_package::{Kind, Package, digest};
use units::TenantId;

use super::stubs::{Stubs, message};
use crate::cli::say;

/// A plugin that was compiled for its author, with fuel metered: the same call uses the same fuel each time.
pub(super) struct Trial {
    pub(super) package: Package,
    plugin: Arc<Plugin>,
    /// Time its compilation took.
    pub(super) compiled_in: std::time::Duration,
    /// What its manifest asks for, as a host grants it where the tenant says nothing.
    pub(super) limits: Limits,
    _code: tempfile::TempDir,
}

/// What a call ended with.
pub(super) struct Tried {
    pub(super) result: Result<String, CallError>,
    pub(super) report: Report,
    pub(super) emitted: Vec<String>,
}

impl Trial {
    pub(super) async fn open(dir: &Path) -> anyhow::Result<Self> {
        let package = Package::read(dir)?;
        let host = Arc::new(PluginHost::start(HostConfig {
            metering: Metering::Fuel,
            ..HostConfig::default()
        })?);
        let code = tempfile::tempdir()?;
        let cache = plugin_host::CodeCache::open(code.path())?;
        let program = std::env::current_exe()?.with_file_name("moegate-plugin-compiler");
        let began = std::time::Instant::now();
        let compiled = Compiler::new(&program, CompileLimits::default())
            .compile(package.component(), Metering::Fuel)
            .await?;
        let compiled_in = began.elapsed();
        let of = digest(package.component());
        cache.put(&of, Metering::Fuel, &compiled)?;
        let component: Option<Component> = cache.get(&host, &of)?;
        let component = component.ok_or_else(|| {
            anyhow::anyhow!("the compiler is of another version than this program")
        })?;
        let kind = match package.manifest().kind {
            Kind::Expert => PluginKind::Expert,
            Kind::Workflow => PluginKind::Workflow,
        };
        let plugin = Arc::new(Plugin::link(&host, &component, kind)?);
        Ok(Self {
            limits: crate::plugins::limits(&package.manifest().limits, None, kind),
            package,
            plugin,
            compiled_in,
            _code: code,
        })
    }

    /// One call with these stubs.
    pub(super) async fn call(&self, input: &str, stubs: Stubs) -> anyhow::Result<Tried> {
        let (tenant, limits) = (TenantId::new("author")?, self.limits);
        let stubs = Arc::new(stubs);
        let services = stubs.services();
        Ok(match self.plugin.kind() {
            PluginKind::Expert => {
                let ask = Chat {
                    messages: vec![message(Role::User, input)],
                    tools: Vec::new(),
                    max_tokens: None,
                    temperature: None,
                    extra: String::new(),
                };
                let mut running = self.plugin.answer(&tenant, ask, limits, services);
                let result = (&mut running).await.map(|reply| reply.message.content);
                Tried {
                    result,
                    report: running.report(),
                    emitted: stubs.emitted.lock().clone(),
                }
            }
            PluginKind::Workflow => {
                let mut running = self.plugin.run(&tenant, input.to_owned(), limits, services);
                let result = (&mut running).await;
                Tried {
                    result,
                    report: running.report(),
                    emitted: stubs.emitted.lock().clone(),
                }
            }
        })
    }
}

pub(super) async fn run(dir: &Path, text: &str) -> anyhow::Result<ExitCode> {
    let trial = Trial::open(dir).await?;
    let tried = trial.call(text, Stubs::default()).await?;
    for piece in &tried.emitted {
        say(format_args!("emitted {piece:?}"));
    }
    for line in &tried.report.log {
        say(format_args!("log {:?} {}", line.level, line.message));
    }
    let (report, most) = (&tried.report, trial.limits);
    say(format_args!(
        "used {} of {} us of CPU, {} of {} bytes, {} of {} calls of the host",
        report.cpu_ns / 1_000,
        most.cpu.as_micros(),
        report.memory_peak,
        most.memory_bytes,
        report.host_calls,
        most.host_calls
    ));
    let code = match &tried.result {
        Ok(text) => {
            say(text);
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(format_args!("{}: {why}", why.code()));
            ExitCode::FAILURE
        }
    };
    let report = &tried.report;
    say(format_args!(
        "cpu {} us, fuel {}, host calls {}, memory {} KiB",
        report.cpu_ns.div_euclid(1_000),
        report.fuel.unwrap_or(0),
        report.host_calls,
        report.memory_peak.div_euclid(1_024),
    ));
    Ok(code)
}
