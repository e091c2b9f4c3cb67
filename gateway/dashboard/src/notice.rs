//! The page for everything that went wrong.

use maud::html;

use crate::frame::{Frame, page};

/// What went wrong, in words for the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// Around the page.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// What happened, such as `This page does not exist`.
    pub title: String,
    /// What to do about it.
    pub advice: String,
    /// The id to quote when asking for help.
    pub request_id: Option<String>,
}

/// The page as HTML.
pub fn render_error(view: &ErrorPage) -> String {
    let content = html! {
        section .card .narrow {
            p .status { "Error " (view.status) }
            h1 { (view.title) }
            p { (view.advice) }
            @if let Some(id) = &view.request_id {
                p .note { "Request " code { (id) } }
            }
            p { a href=(crate::SCENARIOS_PATH) { "Go to the scenarios" } }
        }
    };
    page(&view.title, &view.frame, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_escaped() {
        let html = render_error(&ErrorPage {
            frame: Frame {
                links: Vec::new(),
                signed_in: None,
                made_at: String::new(),
            },
            status: 404,
            title: "No <b>such</b> page".to_owned(),
            advice: "Look & see".to_owned(),
            request_id: Some("\"><script>".to_owned()),
        });
        assert!(html.contains("No &lt;b&gt;such") && html.contains("Look &amp; see"));
        assert!(!html.contains("<script") && !html.contains("<b>"));
    }
}
