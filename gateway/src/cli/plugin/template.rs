//! The files of a new plugin, and the SDK that goes with it: all inside this program, so that an author needs nothing
//! else.

use std::path::Path;

use anyhow::Context;
use plugin_package::{Manifest, PluginName};

use super::{Export, Language};

macro_rules! sdk {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!("../../../../experts-sdk/", $path)),
        )
    };
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../../experts-sdk/templates/", $path))
    };
}

const SDK: &[(&str, &str)] = &[
    sdk!("Cargo.toml"),
    sdk!("src/lib.rs"),
    sdk!("src/chat.rs"),
    sdk!("src/calls.rs"),
    sdk!("src/testing.rs"),
    sdk!("src/testing/outside.rs"),
    sdk!("wit/plugin.wit"),
    sdk!("macros/Cargo.toml"),
    sdk!("macros/src/lib.rs"),
];

type Files = &'static [(&'static str, &'static str)];

const RUST: Files = &[
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("README.md", template!("rust/README.md.in")),
    (".gitignore", "target\ncomponent.wasm\n*.key\n"),
];
const RUST_EXPERT: Files = &[
    ("src/lib.rs", template!("rust/expert.rs.in")),
    ("plugin.toml", template!("rust/expert.toml.in")),
    ("cases/first.json", template!("rust/expert.case.in")),
];
const RUST_WORKFLOW: Files = &[
    ("src/lib.rs", template!("rust/workflow.rs.in")),
    ("plugin.toml", template!("rust/workflow.toml.in")),
    ("cases/first.json", template!("rust/workflow.case.in")),
];
const PYTHON: Files = &[
    (".gitignore", template!("python/any/.gitignore.in")),
    ("README.md", template!("python/any/README.md.in")),
    (
        "requirements.txt",
        template!("python/any/requirements.txt.in"),
    ),
    ("test_words.py", template!("python/any/test_words.py.in")),
    ("words.py", template!("python/any/words.py.in")),
];
const PYTHON_EXPERT: Files = &[
    ("app.py", template!("python/expert/app.py.in")),
    (
        "cases/words.json",
        template!("python/expert/cases/words.json.in"),
    ),
    ("plugin.toml", template!("python/expert/plugin.toml.in")),
];
const PYTHON_WORKFLOW: Files = &[
    ("app.py", template!("python/workflow/app.py.in")),
    (
        "cases/words.json",
        template!("python/workflow/cases/words.json.in"),
    ),
    ("plugin.toml", template!("python/workflow/plugin.toml.in")),
];
const JS: Files = &[
    (".gitignore", template!("js/any/.gitignore.in")),
    ("README.md", template!("js/any/README.md.in")),
    ("package.json", template!("js/any/package.json.in")),
    ("words.js", template!("js/any/words.js.in")),
    ("words.test.js", template!("js/any/words.test.js.in")),
];
const JS_EXPERT: Files = &[
    ("app.js", template!("js/expert/app.js.in")),
    (
        "cases/words.json",
        template!("js/expert/cases/words.json.in"),
    ),
    ("plugin.toml", template!("js/expert/plugin.toml.in")),
];
const JS_WORKFLOW: Files = &[
    ("app.js", template!("js/workflow/app.js.in")),
    (
        "cases/words.json",
        template!("js/workflow/cases/words.json.in"),
    ),
    ("plugin.toml", template!("js/workflow/plugin.toml.in")),
];
const C: Files = &[
    (".gitignore", template!("c/any/.gitignore.in")),
    ("Makefile", template!("c/any/Makefile.in")),
    ("README.md", template!("c/any/README.md.in")),
    ("test_words.c", template!("c/any/test_words.c.in")),
    ("words.c", template!("c/any/words.c.in")),
    ("words.h", template!("c/any/words.h.in")),
];
const C_EXPERT: Files = &[
    ("app.c", template!("c/expert/app.c.in")),
    (
        "cases/words.json",
        template!("c/expert/cases/words.json.in"),
    ),
    ("plugin.toml", template!("c/expert/plugin.toml.in")),
];
const C_WORKFLOW: Files = &[
    ("app.c", template!("c/workflow/app.c.in")),
    (
        "cases/words.json",
        template!("c/workflow/cases/words.json.in"),
    ),
    ("plugin.toml", template!("c/workflow/plugin.toml.in")),
];

/// Writes a plugin into a folder that is empty or not there.
pub(super) fn write_all(
    name: &PluginName,
    lang: Language,
    kind: Export,
    dir: &Path,
) -> anyhow::Result<()> {
    let taken = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    anyhow::ensure!(!taken, "{} is not empty", dir.display());
    let word = match kind {
        Export::Expert => "expert",
        Export::Workflow => "workflow",
    };
    let filled = |text: &str| {
        let text = text
            .replace("{{namespace}}", name.namespace())
            .replace("{{name}}", name.name());
        text.replace("{{kind}}", word)
    };
    let any: &[_] = match lang {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Js => JS,
        Language::C => C,
    };
    let own: &[_] = match (lang, kind) {
        (Language::Rust, Export::Expert) => RUST_EXPERT,
        (Language::Rust, Export::Workflow) => RUST_WORKFLOW,
        (Language::Python, Export::Expert) => PYTHON_EXPERT,
        (Language::Python, Export::Workflow) => PYTHON_WORKFLOW,
        (Language::Js, Export::Expert) => JS_EXPERT,
        (Language::Js, Export::Workflow) => JS_WORKFLOW,
        (Language::C, Export::Expert) => C_EXPERT,
        (Language::C, Export::Workflow) => C_WORKFLOW,
    };
    for (path, text) in any.iter().chain(own) {
        write(&dir.join(path), &filled(text))?;
    }
    if lang == Language::Rust {
        for (path, text) in SDK {
            // Outside its own workspace the SDK stands alone.
            let text = text.replace("[lints]\nworkspace = true\n", "");
            write(&dir.join(".moegate/experts-sdk").join(path), &text)?;
        }
        return Ok(());
    }
    let manifest = std::fs::read_to_string(dir.join("plugin.toml"))?;
    super::build::write_world(dir, &Manifest::parse(&manifest)?)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
