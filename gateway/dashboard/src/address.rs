//! The address of a page with what it is asked to show, so that a link is a view.

use std::fmt::Write;

/// A path with parameters, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    path: String,
    parameters: Vec<(&'static str, String)>,
}

impl Address {
    /// A path without parameters.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            parameters: Vec::new(),
        }
    }

    /// The same address with one parameter set; an empty value takes it out.
    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        let mut next = self.clone();
        next.parameters.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            next.parameters.push((name, value));
        }
        next
    }

    /// Without its parameters.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The parameters that are set.
    pub fn parameters(&self) -> &[(&'static str, String)] {
        &self.parameters
    }
}

/// As it stands in a link.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            f.write_char(if at == 0 { '?' } else { '&' })?;
            write!(f, "{name}=")?;
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        f.write_char(char::from(byte))?;
                    }
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_once_and_is_written_safely() {
        let all = Address::new("/dashboard/costs").with("by", "scenario");
        let one = all.with("scenario", "a&b c/\u{e9}").with("by", "expert");
        assert_eq!(
            one.to_string(),
            "/dashboard/costs?scenario=a%26b%20c%2F%C3%A9&by=expert"
        );
        assert_eq!(
            one.with("scenario", "").with("by", "").to_string(),
            "/dashboard/costs"
        );
        assert_eq!(all.to_string(), "/dashboard/costs?by=scenario");
    }
}
