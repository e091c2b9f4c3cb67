//! A page of figures, tables, charts and forms under one heading: what every page but the first is made of.

use maud::{Markup, html};

use crate::address::Address;
use crate::charts::Chart;
use crate::frame::{Frame, page};
use crate::table::{Table, Tone};

/// Everything a page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Around the page.
    pub frame: Frame,
    /// Its heading.
    pub title: String,
    /// A sentence of what it shows.
    pub lead: String,
    /// Its address with all it is asked to show.
    pub address: Address,
    /// What may be chosen.
    pub choices: Vec<Choice>,
    /// What it shows, from the top.
    pub blocks: Vec<Block>,
}

/// One thing that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The parameter of the address.
    pub name: &'static str,
    /// What it is for people.
    pub label: &'static str,
    /// Values and what they are for people.
    pub options: Vec<(String, String)>,
    /// The value that is shown.
    pub current: String,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A few figures, large.
    Figures(Vec<Figure>),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Box<Chart>),
    /// A heading with sentences.
    Words(String, Vec<String>),
    /// Something to be done.
    Form(Form),
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The figure with its unit.
    pub value: String,
    /// What to know beside it.
    pub aside: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Figure {
    /// A figure without more words.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            aside: String::new(),
            tone: Tone::Plain,
        }
    }

    /// The same with words beside it.
    #[must_use]
    pub fn beside(mut self, aside: impl Into<String>) -> Self {
        self.aside = aside.into();
        self
    }

    /// The same, meant so.
    #[must_use]
    pub fn meant(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// Posts its fields to an address, with the session's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What it does.
    pub title: String,
    /// What to know before.
    pub hint: String,
    /// Where it posts to.
    pub action: Address,
    /// Its fields: name and label, and what stands in them.
    pub fields: Vec<(&'static str, &'static str, String)>,
    /// What the button says.
    pub button: &'static str,
}

/// The page as HTML.
pub fn render_sheet(sheet: &Sheet) -> String {
    let content = html! {
        h1 { (sheet.title) }
        p .lead { (sheet.lead) }
        @if !sheet.choices.is_empty() { (choices(sheet)) }
        @for block in &sheet.blocks { (render(sheet, block)) }
    };
    page(&sheet.title, &sheet.frame, &content)
}

impl Sheet {
    /// The table of that name, wherever on the page it is.
    pub fn table(&self, id: &str) -> Option<&Table> {
        self.blocks.iter().find_map(|block| match block {
            Block::Table(table) => Some(table).filter(|table| table.id == id),
            Block::Chart(chart) => Some(&chart.figures).filter(|table| table.id == id),
            Block::Figures(_) | Block::Words(..) | Block::Form(_) => None,
        })
    }
}

fn choices(sheet: &Sheet) -> Markup {
    let chosen: Vec<&str> = sheet.choices.iter().map(|choice| choice.name).collect();
    html! {
        form .choices method="get" action=(sheet.address.path()) {
            @for choice in &sheet.choices {
                label for=(choice.name) { (choice.label) }
                select id=(choice.name) name=(choice.name) {
                    @for (value, label) in &choice.options {
                        option value=(value) selected[*value == choice.current] { (label) }
                    }
                }
            }
            @for (name, value) in sheet.address.parameters() {
                @if !chosen.contains(name) { input type="hidden" name=(name) value=(value); }
            }
            button type="submit" { "Show" }
        }
    }
}

fn render(sheet: &Sheet, block: &Block) -> Markup {
    match block {
        Block::Figures(figures) => html! {
            dl .totals { @for figure in figures {
                div {
                    dt { (figure.name) }
                    dd class=(figure.tone.class()) {
                        (figure.value)
                        @if !figure.aside.is_empty() { span .aside { (figure.aside) } }
                    }
                }
            } }
        },
        Block::Table(table) => html! { section .block { (table.render(&sheet.address)) } },
        Block::Chart(chart) => chart.render(&sheet.address),
        Block::Words(title, lines) => html! {
            section .card .words {
                h2 { (title) }
                ul { @for line in lines { li { (line) } } }
            }
        },
        Block::Form(form) => html! {
            section .card .form {
                h2 { (form.title) }
                p .note { (form.hint) }
                form method="post" action=(form.action) {
                    @if let Some(visitor) = &sheet.frame.signed_in {
                        input type="hidden" name="csrf" value=(visitor.csrf);
                    }
                    @for (name, label, value) in &form.fields {
                        label for={ "field-" (name) } { (label) }
                        input id={ "field-" (name) } name=(name) value=(value) required maxlength="500" autocomplete="off";
                    }
                    button type="submit" { (form.button) }
                }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SignedIn;

    #[test]
    fn what_is_chosen_stays_and_a_form_carries_its_token() {
        let sheet = Sheet {
            frame: Frame {
                signed_in: Some(SignedIn {
                    name: "t".to_owned(),
                    csrf: "token".to_owned(),
                }),
                ..Frame::default()
            },
            title: "Costs".to_owned(),
            lead: "What <it> costs.".to_owned(),
            address: Address::new("/dashboard/costs").with("expert", "legal"),
            choices: vec![Choice {
                name: "basis",
                label: "Basis",
                options: vec![
                    ("loaded".into(), "loaded".into()),
                    ("marginal".into(), "marginal".into()),
                ],
                current: "marginal".into(),
            }],
            blocks: vec![Block::Form(Form {
                title: "Record".into(),
                hint: String::new(),
                action: Address::new("/dashboard/verdict"),
                fields: vec![("reason", "Reason", "\"x\"".into())],
                button: "Record",
            })],
        };
        let html = render_sheet(&sheet);
        assert!(html.contains("name=\"expert\" value=\"legal\""), "{html}");
        assert!(html.contains("<option value=\"marginal\" selected>"));
        assert!(html.contains("name=\"csrf\" value=\"token\"") && html.contains("&quot;x&quot;"));
        assert!(html.contains("What &lt;it&gt; costs.") && !html.contains("style="));
        assert!(sheet.table("none").is_none());
    }
}
