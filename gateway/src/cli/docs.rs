//! `moegate docs add|list|remove`: documents of a tenant, for plugins that may search them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use documents::{Collection, Document, DocumentId, Documents, Limits, TenantDocuments};
use serde_json::{Map, Value};
use units::{Clock, TenantId};

use super::{ConfigArgs, Table, say};
use crate::clock::SystemClock;
use crate::plugins::Paths;

#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: DocsCommand,
}

#[derive(Debug, Args)]
struct Place {
    /// Whose.
    #[arg(long)]
    tenant: TenantId,
    /// In which collection.
    #[arg(long)]
    collection: String,
}

#[derive(Debug, Subcommand)]
enum DocsCommand {
    /// Add text files; a file of the same name is replaced.
    Add {
        #[command(flatten)]
        place: Place,
        /// UTF-8 text, paragraphs parted by empty lines.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// `key=value`, shown with every passage and good for filters; may be given several times.
        #[arg(long = "metadata")]
        metadata: Vec<String>,
    },
    /// List a collection.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove documents.
    Remove {
        #[command(flatten)]
        place: Place,
        /// Their ids, as `list` shows them.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

pub(super) fn run(args: &DocsArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let open = |place: &Place| -> anyhow::Result<(TenantDocuments, Collection)> {
        let known = config.tenants.iter().any(|own| own.id == place.tenant);
        anyhow::ensure!(known, "the configuration has no tenant {}", place.tenant);
        let documents = Documents::new(
            Paths::new(&config.plugins_dir()).documents(),
            Limits::default(),
        );
        Ok((
            documents.tenant(&place.tenant),
            Collection::new(&place.collection)?,
        ))
    };
    match &args.command {
        DocsCommand::Add {
            place,
            files,
            metadata,
        } => {
            let (documents, collection) = open(place)?;
            let pairs = metadata.iter().map(|pair| {
                let (key, value) = pair
                    .split_once('=')
                    .with_context(|| format!("{pair:?} is not key=value"))?;
                Ok((key.to_owned(), Value::from(value)))
            });
            let metadata: Map<String, Value> = pairs.collect::<anyhow::Result<_>>()?;
            let added = u64::try_from(SystemClock::new().now().unix_seconds()).unwrap_or(0);
            for file in files {
                let text =
                    std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                let name = file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let document = Document {
                    id: DocumentId::new(&name)?,
                    title: file
                        .file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    text,
                    metadata: metadata.clone(),
                    added,
                };
                let chunks = documents.add(&collection, &document)?;
                say(format_args!("{name}: {chunks} passages"));
            }
        }
        DocsCommand::List { place } => {
            let (documents, collection) = open(place)?;
            let mut table = Table::new(&["document", "title", "passages", "bytes"]);
            for listed in documents.list(&collection)? {
                table.row(vec![
                    listed.id,
                    listed.title,
                    listed.chunks.to_string(),
                    listed.bytes.to_string(),
                ]);
            }
            say(table);
        }
        DocsCommand::Remove { place, ids } => {
            let (documents, collection) = open(place)?;
            for id in ids {
                let gone = documents.remove(&collection, &DocumentId::new(id)?)?;
                anyhow::ensure!(gone, "there is no document {id:?}");
                say(format_args!("{id} is removed"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
