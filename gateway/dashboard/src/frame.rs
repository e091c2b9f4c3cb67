//! What stands around every page: head, header, main, footer.

use maud::{DOCTYPE, Markup, html};

use crate::{ICON_PATH, SCENARIOS_PATH, SIGN_OUT_PATH, STYLE_PATH};

/// What the frame shows of the visitor and of the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Who looks; `None` before signing in.
    pub signed_in: Option<SignedIn>,
    /// When the page was made, such as `2026-11-23 12:00:05 UTC`; empty leaves the line out.
    pub made_at: String,
    /// The pages the visitor may open.
    pub links: Vec<Link>,
}

/// A page in the list of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub path: &'static str,
    /// Is it the one that is shown?
    pub current: bool,
}

/// A visitor who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What to call them: a tenant, or `all tenants`.
    pub name: String,
    /// The token that the sign-out form sends back.
    pub csrf: String,
}

pub(crate) fn page(title: &str, frame: &Frame, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Moegate" }
                link rel="stylesheet" href=(STYLE_PATH);
                link rel="icon" href=(ICON_PATH) type="image/svg+xml";
            }
            body {
                a .skip href="#main" { "Skip to content" }
                header .top {
                    a .brand href=(SCENARIOS_PATH) { "Moegate" }
                    @if let Some(visitor) = &frame.signed_in {
                        form .sign-out method="post" action=(SIGN_OUT_PATH) {
                            span .visitor { (visitor.name) }
                            input type="hidden" name="csrf" value=(visitor.csrf);
                            button .quiet type="submit" { "Sign out" }
                        }
                    }
                }
                @if !frame.links.is_empty() {
                    nav .pages aria-label="Pages" { ul { @for link in &frame.links {
                        li { a href=(link.path) aria-current=[link.current.then_some("page")] { (link.name) } }
                    } } }
                }
                main #main tabindex="-1" { (content) }
                @if !frame.made_at.is_empty() {
                    footer { "Made " (frame.made_at) " from the ledger's 15-minute rollups." }
                }
            }
        }
    }
    .into_string()
}
