//! Pages for people who read what scenarios cost: plain view models in, HTML and SVG out. It must not
//! know of sockets, stores, sessions or the clock.

mod amount;
mod chart;
mod layout;
mod scenarios;
mod sign_in;

pub use amount::amount;
pub use scenarios::{ExpertShare, Quality, ScenarioRow, ScenariosPage, SeriesRow};
pub use sign_in::{Failure, SignInPage};

/// The style sheet, served at [`STYLE_PATH`]; pages hold no style or script of their own.
pub const STYLE: &str = include_str!("style.css");

/// Where pages expect the style sheet.
pub const STYLE_PATH: &str = "/dashboard/style.css";

/// The content security policy of every page: nothing from elsewhere, no script at all.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
