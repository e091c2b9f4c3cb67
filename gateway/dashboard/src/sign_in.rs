//! The sign-in page: an API key opens the pages of its tenant.

use maud::html;

use crate::SIGN_IN_PATH;
use crate::frame::{Frame, page};

/// The sign-in form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInPage {
    /// Around the page.
    pub frame: Frame,
    /// The token that the form sends back.
    pub csrf: String,
    /// Why the last try failed.
    pub problem: Option<String>,
}

/// The page as HTML.
pub fn render_sign_in(view: &SignInPage) -> String {
    let content = html! {
        section .card .narrow {
            h1 { "Sign in" }
            p { "Use an API key of your tenant to see what its scenarios cost, how fast and how good they are." }
            @if let Some(problem) = &view.problem {
                p #problem .problem role="alert" { (problem) }
            }
            form method="post" action=(SIGN_IN_PATH) {
                input type="hidden" name="csrf" value=(view.csrf);
                label for="key" { "API key" }
                input #key type="password" name="key" required maxlength="256" autocomplete="current-password"
                    spellcheck="false" placeholder="mg_…"
                    aria-invalid=[view.problem.as_ref().map(|_| "true")]
                    aria-describedby=[view.problem.as_ref().map(|_| "problem")];
                button type="submit" { "Sign in" }
            }
        }
    };
    page("Sign in", &view.frame, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_names_its_problem_and_sends_its_token() {
        let mut view = SignInPage {
            frame: Frame {
                links: Vec::new(),
                signed_in: None,
                made_at: String::new(),
            },
            csrf: "t0ken\"".to_owned(),
            problem: None,
        };
        let html = render_sign_in(&view);
        assert!(html.contains("name=\"csrf\" value=\"t0ken&quot;\""));
        assert!(!html.contains("role=\"alert\"") && !html.contains("aria-invalid"));
        view.problem = Some("This key is not known".to_owned());
        let html = render_sign_in(&view);
        assert!(html.contains("role=\"alert\"") && html.contains("aria-describedby=\"problem\""));
    }
}
