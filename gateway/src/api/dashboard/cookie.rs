//! The dashboard's two cookies: one for the session, one for the sign-in form. Scripts cannot read them,
//! and no other site can send them along.

use http::HeaderMap;
use http::header::COOKIE;

const SESSION: &str = "moegate_session";
const FORM: &str = "moegate_form";

/// The cookies of a request.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    session: Option<String>,
    form: Option<String>,
}

impl Cookies {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut cookies = Self::default();
        let lines = headers
            .get_all(COOKIE)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        for (name, value) in lines
            .flat_map(|line| line.split(';'))
            .filter_map(|c| c.split_once('='))
        {
            let value = Some(value.trim().to_owned());
            match name.trim() {
                SESSION => cookies.session = value,
                FORM => cookies.form = value,
                _ => {}
            }
        }
        cookies
    }

    pub(super) fn session_token(self) -> Option<String> {
        self.session
    }

    pub(super) fn form_token(self) -> Option<String> {
        self.form
    }

    pub(super) fn session(token: &str, secure: bool) -> String {
        cookie(SESSION, token, secure, "")
    }

    pub(super) fn form(token: &str, secure: bool) -> String {
        cookie(FORM, token, secure, "; Max-Age=3600")
    }

    pub(super) fn gone(secure: bool) -> String {
        cookie(SESSION, "", secure, "; Max-Age=0")
    }
}

fn cookie(name: &str, token: &str, secure: bool, more: &str) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={token}; Path=/dashboard; HttpOnly; SameSite=Strict{secure}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::header;

    #[test]
    fn cookies_are_found_among_others() {
        let headers: HeaderMap = [(COOKIE, header("a=b; moegate_session=s1; moegate_form=f1"))]
            .into_iter()
            .collect();
        assert_eq!(Cookies::of(&headers).session_token().as_deref(), Some("s1"));
        assert_eq!(Cookies::of(&headers).form_token().as_deref(), Some("f1"));
        assert!(Cookies::session("x", true).contains("; Secure"));
        assert!(!Cookies::session("x", false).contains("; Secure"));
    }
}
