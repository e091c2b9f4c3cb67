//! One table, shown as HTML and given as CSV: the same rows in the same order, so that a file never says other than the page.

use maud::{Markup, html};

use crate::address::Address;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Its name in the address of its CSV; unique on its page.
    pub id: &'static str,
    /// What it shows, with unit and basis.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What to say where there are no rows.
    pub empty: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// Are there figures in it?
    pub figures: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// One cell for each column; the first names the row.
    pub cells: Vec<Cell>,
    /// Does it sum up the rows before?
    pub total: bool,
}

/// How a cell or figure is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// As wished.
    Good,
    /// To be looked at.
    Warn,
    /// Not as wished.
    Bad,
}

impl Tone {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// A second, quieter line.
    pub aside: String,
    /// The same for a machine: a plain number with all its digits. `None`: the text.
    pub exact: Option<String>,
    /// Where the rows behind it are.
    pub link: Option<Address>,
    /// How it is meant.
    pub tone: Tone,
    /// Its share of the largest, in ninths, where the table is a map of heat.
    pub heat: Option<u8>,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A figure: as people read it, and with all its digits.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "figures are small, and callers have them at hand"
    )]
    pub fn figure(text: impl Into<String>, exact: impl ToString) -> Self {
        Self {
            text: text.into(),
            exact: Some(exact.to_string()),
            ..Self::default()
        }
    }

    /// A figure that is not known: never nothing, and empty for a machine.
    pub fn unknown() -> Self {
        Self {
            text: "unknown".to_owned(),
            exact: Some(String::new()),
            ..Self::default()
        }
    }

    /// The same with a link.
    #[must_use]
    pub fn to(mut self, link: Address) -> Self {
        self.link = Some(link);
        self
    }

    /// The same, meant so.
    #[must_use]
    pub fn meant(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// The same with a second line.
    #[must_use]
    pub fn beside(mut self, aside: impl Into<String>) -> Self {
        self.aside = aside.into();
        self
    }
}

impl Column {
    /// A column of words.
    pub fn words(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            figures: false,
        }
    }

    /// A column of figures.
    pub fn figures(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            figures: true,
        }
    }
}

impl Row {
    /// A row of these cells.
    pub fn of(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self {
            cells: cells.into_iter().collect(),
            total: false,
        }
    }

    /// A row that sums up.
    pub fn total(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self {
            total: true,
            ..Self::of(cells)
        }
    }
}

impl Table {
    /// As HTML; `address` is the page's.
    pub(crate) fn render(&self, address: &Address) -> Markup {
        if self.rows.is_empty() {
            return html! {
                p .empty id=(self.id) { b { (self.caption) ". " } (self.empty) }
            };
        }
        html! {
            div .scroll id=(self.id) tabindex="0" role="region" aria-label=(self.caption) {
                table {
                    caption { span { (self.caption) } }
                    thead { tr { @for (at, column) in self.columns.iter().enumerate() {
                        th .figure[at > 0 && column.figures] scope="col" { (column.name) }
                    } } }
                    tbody { @for row in &self.rows { (self.row(row)) } }
                }
            }
            p .under { a href=(address.with("csv", self.id)) download { "CSV of this table" } }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        html! {
            tr .total[row.total] {
                @for (at, cell) in row.cells.iter().enumerate() {
                    @if at == 0 {
                        th scope="row" { (content(cell)) }
                    } @else {
                        td class=(self.class(at, cell)) { (content(cell)) }
                    }
                }
            }
        }
    }

    fn class(&self, at: usize, cell: &Cell) -> String {
        let figures = self.columns.get(at).is_some_and(|column| column.figures);
        let heat = cell.heat.map(|heat| format!("heat-{}", heat.min(9)));
        // A moment in time stays in one line.
        let moment = (10..=16).contains(&cell.text.len())
            && cell
                .text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b':' | b' '));
        let parts = [
            cell.tone.class(),
            if figures { "figure" } else { "" },
            if moment { "moment" } else { "" },
            heat.as_deref().unwrap_or_default(),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }

    /// As CSV (RFC 4180, UTF-8, CRLF), sums left out: a reader makes them. A text that a spreadsheet would take for a formula
    /// is led by an apostrophe.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            out.push_str(&cells.collect::<Vec<_>>().join(","));
            out.push_str("\r\n");
        };
        line(&mut self.columns.iter().map(|column| field(&column.name)));
        for row in self.rows.iter().filter(|row| !row.total) {
            line(&mut row.cells.iter().map(|cell| match &cell.exact {
                Some(exact) => exact.clone(),
                None => field(&cell.text),
            }));
        }
        out
    }
}

fn content(cell: &Cell) -> Markup {
    html! {
        @match &cell.link {
            Some(link) => a href=(link) { (cell.text) },
            None => (cell.text),
        }
        @if !cell.aside.is_empty() { span .aside { (cell.aside) } }
    }
}

/// A text as a field of CSV.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{text}", if formula { "'" } else { "" });
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            id: "costs",
            caption: "Cost".to_owned(),
            columns: vec![Column::words("Scenario"), Column::figures("USD")],
            rows: vec![
                Row::of([
                    Cell::words("a <b>, \"c\""),
                    Cell::figure("0.0412", "0.041234"),
                ]),
                Row::of([Cell::words("=SUM(A1)"), Cell::unknown()]),
                Row::of([Cell::words("-x"), Cell::figure("\u{2212}1.00", "-1")]),
                Row::total([Cell::words("All"), Cell::figure("1", "1")]),
            ],
            empty: String::new(),
        }
    }

    #[test]
    fn a_file_says_what_the_page_says_and_is_no_formula() {
        assert_eq!(
            table().csv(),
            "Scenario,USD\r\n\"a <b>, \"\"c\"\"\",0.041234\r\n'=SUM(A1),\r\n'-x,-1\r\n"
        );
        let html = table()
            .render(&Address::new("/dashboard/costs"))
            .into_string();
        assert!(
            html.contains("a &lt;b&gt;") && html.contains("href=\"/dashboard/costs?csv=costs\"")
        );
        assert!(html.contains("<tr class=\"total\">") && html.contains("unknown"));
    }

    #[test]
    fn no_row_is_said_in_words() {
        let none = Table {
            rows: Vec::new(),
            empty: "Nothing yet.".to_owned(),
            ..table()
        };
        let html = none.render(&Address::new("/")).into_string();
        assert!(html.contains("Nothing yet.") && !html.contains("<table"));
    }
}
