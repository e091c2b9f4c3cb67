//! What a component really is: read from its bytes, held against its manifest. Nothing is run.

use std::collections::BTreeSet;

use wasmparser::{CanonicalOption, Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::{Kind, Manifest};

/// Largest component, bytes.
const MOST_BYTES: usize = 32 << 20;
/// Core instances, tables and memories of one component.
const MOST_INSTANCES: u32 = 24;
const MOST_TABLES: u32 = 4;
const MOST_MEMORIES: u32 = 2;
/// Linear memory that may be asked for at the start, pages of 64 KiB.
const MOST_PAGES: u64 = 4096;
const MOST_ELEMENTS: u64 = 20_000;
/// The package of interfaces.
const PACKAGE: &str = "moegate:plugin/";

/// Why a component is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// Too large.
    #[error("the component has more than {MOST_BYTES} bytes")]
    Size,
    /// A core module, or no WebAssembly at all.
    #[error("this is no component: {0}")]
    Form(String),
    /// It is invalid, or uses a feature that plugins do not have.
    #[error("the component is invalid here: {0}")]
    Invalid(String),
    /// It asks for more than the pool gives.
    #[error("the component has {found} {what}; at most {most} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// Allowed.
        most: u64,
    },
    /// Strings in another encoding than UTF-8.
    #[error("the component passes strings as {0}; only UTF-8 is taken")]
    Strings(&'static str),
    /// It imports what its manifest does not ask for.
    #[error("the component imports {0}, and its manifest does not ask for that capability")]
    NotAsked(String),
    /// It imports what no plugin may have.
    #[error("the component imports {0}, which no plugin has")]
    Foreign(String),
    /// It does not export what its kind must.
    #[error("the manifest says {kind}, and the component does not export {export}")]
    Export {
        /// The kind.
        kind: &'static str,
        /// What is missing.
        export: String,
    },
}

/// Imports, exports and sizes of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub bytes: usize,
    /// Names of imported interfaces, with versions.
    pub imports: BTreeSet<String>,
    /// Names of exported interfaces, with versions.
    pub exports: BTreeSet<String>,
    /// Core instances.
    pub instances: u32,
    /// Tables.
    pub tables: u32,
    /// Memories.
    pub memories: u32,
}

/// What a guest may use. `extended-const` stays: Python's interpreter needs it.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::GC_TYPES
}

impl Facts {
    /// Validates a component and reads its facts.
    ///
    /// # Errors
    /// It is too large, invalid with the features plugins have, or asks for more than the pool gives.
    pub fn of(component: &[u8]) -> Result<Self, FactsError> {
        if component.len() > MOST_BYTES {
            return Err(FactsError::Size);
        }
        if !Parser::is_component(component) {
            return Err(FactsError::Form(
                "expected the binary form of a component".to_owned(),
            ));
        }
        let invalid = |why: wasmparser::BinaryReaderError| FactsError::Invalid(why.to_string());
        Validator::new_with_features(features())
            .validate_all(component)
            .map_err(invalid)?;
        let mut facts = Self {
            bytes: component.len(),
            ..Self::default()
        };
        // Only the outermost component's imports and exports are the plugin's own.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(invalid)? {
                Payload::Version {
                    encoding: Encoding::Component | Encoding::Module,
                    ..
                } => depth = depth.saturating_add(1),
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        facts
                            .imports
                            .insert(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        facts
                            .exports
                            .insert(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        // One made of exports is a list of names: nothing is instantiated.
                        let made = instance.map_err(invalid)?;
                        let real = matches!(made, wasmparser::Instance::Instantiate { .. });
                        facts.instances = facts.instances.saturating_add(u32::from(real));
                    }
                }
                Payload::TableSection(section) => {
                    facts.tables = facts.tables.saturating_add(section.count());
                    for table in section {
                        at_most(
                            "table elements",
                            table.map_err(invalid)?.ty.initial,
                            MOST_ELEMENTS,
                        )?;
                    }
                }
                Payload::MemorySection(section) => {
                    facts.memories = facts.memories.saturating_add(section.count());
                    for memory in section {
                        at_most(
                            "pages of memory",
                            memory.map_err(invalid)?.initial,
                            MOST_PAGES,
                        )?;
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    for function in section {
                        strings(&function.map_err(invalid)?)?;
                    }
                }
                _ => {}
            }
        }
        at_most(
            "core instances",
            facts.instances.into(),
            MOST_INSTANCES.into(),
        )?;
        at_most("tables", facts.tables.into(), MOST_TABLES.into())?;
        at_most("memories", facts.memories.into(), MOST_MEMORIES.into())?;
        Ok(facts)
    }

    /// Holds the facts against a manifest: nothing imported that is not asked for, and the exports of its kind.
    ///
    /// # Errors
    /// Names the interface.
    pub fn check(&self, manifest: &Manifest) -> Result<(), FactsError> {
        let asked = &manifest.capabilities;
        for import in &self.imports {
            let Some(interface) = own_interface(import) else {
                match (is_wasi(import), asked.wasi) {
                    (true, true) => continue,
                    (true, false) => return Err(FactsError::NotAsked(import.clone())),
                    (false, _) => return Err(FactsError::Foreign(import.clone())),
                }
            };
            let granted = match interface {
                "types" | "trace" | "context" => true,
                "infer" => asked.infer.is_some(),
                "output" => asked.output,
                "retrieve" => asked.retrieve.is_some(),
                "kv" => asked.kv.is_some(),
                "http" => asked.http.is_some(),
                "secrets" => !asked.secrets.is_empty(),
                "tools" => !asked.tools.is_empty(),
                "steps" => asked.steps,
                _ => return Err(FactsError::Foreign(import.clone())),
            };
            if !granted {
                return Err(FactsError::NotAsked(import.clone()));
            }
        }
        let (kind, wanted) = match manifest.kind {
            Kind::Expert => ("expert", "expert-api"),
            Kind::Workflow => ("workflow", "workflow-api"),
        };
        let has = self
            .exports
            .iter()
            .any(|export| own_interface(export) == Some(wanted));
        if has {
            return Ok(());
        }
        Err(FactsError::Export {
            kind,
            export: format!("{PACKAGE}{wanted}@0.1"),
        })
    }
}

/// The interface of our package, in a version this host speaks.
fn own_interface(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    version.starts_with("0.1.").then_some(interface)
}

/// An interface of WASI 0.2 that the host gives, empty.
fn is_wasi(name: &str) -> bool {
    let Some((interface, version)) = name
        .strip_prefix("wasi:")
        .and_then(|name| name.split_once('@'))
    else {
        return false;
    };
    let package = interface.split_once('/').map_or("", |(package, _)| package);
    let given = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
    version.starts_with("0.2.") && given.contains(&package)
}

fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), FactsError> {
    if found > most {
        return Err(FactsError::TooMany { what, found, most });
    }
    Ok(())
}

fn strings(function: &wasmparser::CanonicalFunction) -> Result<(), FactsError> {
    use wasmparser::CanonicalFunction::{Lift, Lower};
    let options = match function {
        Lift { options, .. } | Lower { options, .. } => options,
        _ => return Ok(()),
    };
    for option in options {
        match option {
            CanonicalOption::UTF16 => return Err(FactsError::Strings("UTF-16")),
            CanonicalOption::CompactUTF16 => return Err(FactsError::Strings("Latin-1 or UTF-16")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
