//! What all pages share: head, banner, footer.

use maud::{DOCTYPE, Markup, html};

use crate::STYLE_PATH;

/// Who is signed in, for the banner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Banner<'a> {
    /// The tenant's name.
    pub(crate) tenant: &'a str,
    /// Sent with the form that signs out.
    pub(crate) csrf: &'a str,
}

/// A whole page.
pub(crate) fn page(title: &str, banner: Option<Banner<'_>>, main: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Moegate" }
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body {
                a .skip href="#main" { "Skip to the figures" }
                header .banner {
                    span .brand { "Moegate" }
                    @if let Some(banner) = banner {
                        span .tenant { (banner.tenant) }
                        form method="post" action="/dashboard/sign-out" {
                            input type="hidden" name="csrf" value=(banner.csrf);
                            button type="submit" { "Sign out" }
                        }
                    }
                }
                main #main { (main) }
            }
        }
    }
    .into_string()
}
