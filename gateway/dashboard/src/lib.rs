//! Renders the pages of the dashboard from plain view models, as HTML that works without script under a
//! strict content policy. It must not know of sockets, of a runtime, of a clock, of the store or of who may see
//! what: the gateway asks those questions first.

mod address;
mod bars;
mod charts;
mod figures;
mod frame;
mod notice;
mod scenarios;
mod sheet;
mod sign_in;
mod table;

pub use address::Address;
pub use charts::{Chart, Drawing, Flow, Pile, Point, Swung};
pub use figures::{duration, money, money_each, percent, score};
pub use frame::{Frame, Link, SignedIn};
pub use notice::{ErrorPage, render_error};
pub use scenarios::{
    Basis, CostCell, ExpertCell, Period, QualityCell, ScenarioRow, ScenariosPage, render_scenarios,
};
pub use sheet::{Block, Choice, Figure, Form, Sheet, render_sheet};
pub use sign_in::{SignInPage, render_sign_in};
pub use table::{Cell, Column, Row, Table, Tone};

/// Where the scenarios page is served.
pub const SCENARIOS_PATH: &str = "/dashboard";
/// Where the sign-in page is served, and where its form posts `key` and `csrf`.
pub const SIGN_IN_PATH: &str = "/dashboard/sign-in";
/// Where the sign-out form posts `csrf`.
pub const SIGN_OUT_PATH: &str = "/dashboard/sign-out";
/// Where [`STYLE_CSS`] is served, as `text/css; charset=utf-8`.
pub const STYLE_PATH: &str = "/dashboard/style.css";
/// The stylesheet of every page.
pub const STYLE_CSS: &str = include_str!("style.css");
/// Where [`ICON_SVG`] is served, as `image/svg+xml`.
pub const ICON_PATH: &str = "/dashboard/icon.svg";
/// The icon of every page.
pub const ICON_SVG: &str = include_str!("icon.svg");
/// The `content-security-policy` every page works under: no script at all, nothing from elsewhere.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
