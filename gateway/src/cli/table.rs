//! Plain tables for terminals.

use std::fmt;

/// A table with a head. Columns whose head starts with `>` are set to the right.
#[derive(Debug, Clone, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these heads.
    pub fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|&h| h.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .head
            .iter()
            .map(|h| h.trim_start_matches('>'))
            .collect();
        let cell = |row: &Vec<String>, at: usize| row.get(at).cloned().unwrap_or_default();
        let widths: Vec<usize> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let widest = self
                    .rows
                    .iter()
                    .map(|row| width(&cell(row, at)))
                    .max()
                    .unwrap_or(0);
                widest.max(width(name))
            })
            .collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: Vec<String>| {
            for (at, (text, wide)) in cells.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(wide.saturating_sub(width(text)));
                let right = self.head.get(at).is_some_and(|h| h.starts_with('>'));
                let gap = if at == 0 { "" } else { "  " };
                if right {
                    write!(f, "{gap}{pad}{text}")?;
                } else if at.saturating_add(1) == cells.len() {
                    write!(f, "{gap}{text}")?;
                } else {
                    write!(f, "{gap}{text}{pad}")?;
                }
            }
            writeln!(f)
        };
        line(f, names.iter().map(|&n| n.to_owned()).collect())?;
        line(f, widths.iter().map(|w| "─".repeat(*w)).collect())?;
        for row in &self.rows {
            line(f, (0..names.len()).map(|at| cell(row, at)).collect())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["name", ">n"]);
        table.row(vec!["ä".to_owned(), "10".to_owned()]);
        table.row(vec!["long".to_owned(), "1".to_owned()]);
        assert_eq!(
            table.to_string(),
            "name   n\n────  ──\nä     10\nlong   1\n"
        );
    }
}
