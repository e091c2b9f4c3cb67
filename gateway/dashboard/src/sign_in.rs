//! The page where people sign in, and the page that says what went wrong.

use maud::html;

use crate::layout::page;

/// The sign-in form.
#[derive(Debug, Clone, Copy)]
pub struct SignInPage<'a> {
    /// Sent with the form; the same value stands in a cookie.
    pub csrf: &'a str,
    /// What went wrong last time.
    pub problem: Option<&'a str>,
}

impl SignInPage<'_> {
    /// The page.
    pub fn render(&self) -> String {
        let main = html! {
            h1 { "Sign in" }
            @if let Some(problem) = self.problem {
                p .problem role="alert" { (problem) }
            }
            form .sign-in method="post" action="/dashboard/sign-in" {
                input type="hidden" name="csrf" value=(self.csrf);
                label for="credential" { "API key or token with the role finance or admin" }
                input #credential name="credential" type="password" required autocomplete="current-password" autofocus;
                button type="submit" { "Sign in" }
            }
            p .note { "The key is checked and forgotten; a cookie of this browser stands for it until you sign out." }
        };
        page("Sign in", None, &main)
    }
}

/// A page for what cannot be shown.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// What cannot be done, in a few words.
    pub title: &'a str,
    /// What the reader can do about it.
    pub advice: &'a str,
}

impl Failure<'_> {
    /// The page.
    pub fn render(&self) -> String {
        let main = html! {
            h1 { (self.title) }
            p { (self.advice) }
            p { a href="/dashboard" { "Back to the scenarios" } }
        };
        page(self.title, None, &main)
    }
}
