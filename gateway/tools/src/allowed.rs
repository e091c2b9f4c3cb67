//! Which tools one call is granted.

/// Patterns of names: a whole name, or `prefix.*`. Nothing is granted by none.
#[derive(Debug, Clone, Default)]
pub struct Allowed(Vec<String>);

impl Allowed {
    /// Takes patterns as a manifest has them; one with `*` elsewhere than behind the last dot grants nothing.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// Could a tool behind this first part of a name be granted?
    pub fn admits_some(&self, first: &str) -> bool {
        self.0.iter().any(|pattern| {
            let rest = pattern.strip_prefix(first);
            rest.is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// Is this tool granted?
    pub fn admits(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_suffix(".*") {
                Some(prefix) => {
                    let rest = name
                        .strip_prefix(prefix)
                        .and_then(|rest| rest.strip_prefix('.'));
                    !prefix.is_empty() && rest.is_some_and(|rest| !rest.is_empty())
                }
                None => pattern == name,
            })
    }
}
