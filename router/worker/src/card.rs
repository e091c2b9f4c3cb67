//! `moegate-worker card`: a card for a folder as Hugging Face has it.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use decoder::{FolderFacts, Text};
use expert_card::{
    Architecture, CARD_FILE, ExpertCard, ExpertKind, Limits, Provenance, SCHEMA, StoredType, Writer,
};
use units::ExpertId;

/// Options of `card`.
#[derive(Debug, Args)]
pub struct CardArgs {
    /// Folder with `config.json`, `tokenizer.json` and `model.safetensors` or its shards.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The name that requests use as `model`.
    #[arg(long)]
    pub id: ExpertId,
    /// The field it knows, such as `finance`.
    #[arg(long)]
    pub domain: String,
    /// The name people read; by default the id.
    #[arg(long)]
    pub name: Option<String>,
    /// What it is good for.
    #[arg(long, default_value = "Writes answers.")]
    pub summary: String,
    /// What it was made from, such as `Qwen2.5-0.5B-Instruct`.
    #[arg(long)]
    pub base: String,
    /// Licence of that, as an SPDX expression.
    #[arg(long)]
    pub base_licence: String,
    /// Licence of the expert; by default that of its base.
    #[arg(long)]
    pub licence: Option<String>,
    /// Tokens that it writes for one request at most.
    #[arg(long, default_value = "512")]
    pub output_tokens: usize,
    /// Longest sequence in tokens; by default what the network has.
    #[arg(long)]
    pub context_tokens: Option<usize>,
    /// Keep matrices as 8-bit integers in memory.
    #[arg(long)]
    pub int8: bool,
    /// Write over a card that is there.
    #[arg(long)]
    pub force: bool,
}

impl CardArgs {
    /// Reads the folder and writes `expert.toml` into it.
    ///
    /// # Errors
    /// The folder holds no network that can be hosted, or has a card.
    pub fn run(self) -> anyhow::Result<ExpertCard> {
        let there = self.folder.join(CARD_FILE).exists();
        anyhow::ensure!(
            self.force || !there,
            "{} has a card; --force writes over it",
            self.folder.display()
        );
        let facts = FolderFacts::read(&self.folder)?;
        let text = Text::read(&self.folder, &facts.config)?;
        anyhow::ensure!(
            text.template().is_some(),
            "{} has no chat template",
            self.folder.display()
        );
        let context = self.context_tokens.unwrap_or(facts.config.context);
        anyhow::ensure!(
            context <= facts.config.context,
            "the network reads {} tokens at most",
            facts.config.context
        );
        let card = ExpertCard {
            schema: SCHEMA,
            version: "0.1.0".to_owned(),
            name: self.name.unwrap_or_else(|| self.id.to_string()),
            id: self.id,
            domain: self.domain,
            kind: ExpertKind::Model,
            summary: self.summary,
            licence: self.licence.unwrap_or_else(|| self.base_licence.clone()),
            limits: Limits {
                context_tokens: context,
            },
            architecture: Some(Architecture {
                layers: facts.config.layers,
                hidden: facts.config.hidden,
                vocab: facts.config.vocab,
                params: facts.parameters,
                bytes: facts.bytes,
                dtype: match facts.kind {
                    "F16" => StoredType::F16,
                    "BF16" => StoredType::Bf16,
                    _ => StoredType::F32,
                },
            }),
            provenance: Some(Provenance {
                base: self.base,
                base_licence: self.base_licence,
                recipe: "brought as it is".to_owned(),
                seed: 0,
                data: Vec::new(),
                teachers: Vec::new(),
            }),
            writer: Some(Writer {
                output_tokens: self.output_tokens,
                int8: self.int8,
            }),
            tasks: Vec::new(),
        };
        card.write(&self.folder)
            .with_context(|| format!("{}", self.folder.display()))?;
        Ok(card)
    }
}
