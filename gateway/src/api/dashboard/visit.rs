//! One visit to a page: who looks, whose rows they see, and what they ask for.

use std::collections::HashMap;
use std::sync::Arc;

use dashboard::{Address, Choice, Frame, Link};
use jiff::tz::TimeZone;
use units::{Currency, Nanos, Pico, TenantId, Timestamp};

use super::time::Period;
use super::view;
use crate::app::App;
use crate::auth::{Principal, Role};
use crate::business::{self, BusinessError, Standing};
use crate::sessions::Session;

/// Pages in the list of pages: name, address, and whether only the operator has them.
const PAGES: [(&str, &str, bool); 10] = [
    ("Portfolio", "/dashboard/portfolio", false),
    ("Scenarios", dashboard::SCENARIOS_PATH, false),
    ("Costs", "/dashboard/costs", false),
    ("Budgets", "/dashboard/budgets", false),
    ("Requests", "/dashboard/requests", false),
    ("Readiness", "/dashboard/readiness", false),
    ("Reconciliation", "/dashboard/reconciliation", false),
    ("Rates", "/dashboard/rates", false),
    ("Audit", "/dashboard/audit", false),
    ("Operator", "/dashboard/operator", true),
];

/// The pages a tenant's people may open.
pub(super) fn links(app: &App, tenant: &TenantId, current: &str) -> Vec<Link> {
    let operator = app.tenants.get(tenant).is_some_and(|t| t.operator);
    let pages = PAGES.iter().filter(|(_, _, only)| operator || !only);
    pages
        .map(|(name, path, _)| Link {
            name,
            path,
            current: *path == current,
        })
        .collect()
}

/// A visit.
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    session: Session,
    principal: Principal,
    wishes: HashMap<String, String>,
    path: &'static str,
    /// When the page was asked for.
    pub(super) now: Timestamp,
    /// The tenant's zone.
    pub(super) zone: TimeZone,
}

/// Which cost is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    Loaded,
    Marginal,
}

impl Basis {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Marginal => "marginal",
        }
    }

    /// Does it count this meter? Work is in both; loading, idle time and the rest in the loaded one alone.
    pub(super) const fn counts(self, meter: ledger::Meter) -> bool {
        matches!(self, Self::Loaded) || meter.is_work()
    }
}

impl Visit {
    pub(super) fn new(
        app: &Arc<App>,
        session: Session,
        principal: Principal,
        wishes: HashMap<String, String>,
        path: &'static str,
    ) -> Self {
        let tenant = app.tenants.get(&session.tenant);
        Self {
            app: Arc::clone(app),
            zone: tenant.map_or(TimeZone::UTC, |tenant| tenant.time_zone.clone()),
            now: app.clock.now(),
            session,
            principal,
            wishes,
            path,
        }
    }

    /// Whose rows are shown.
    pub(super) fn tenant(&self) -> &TenantId {
        &self.session.tenant
    }

    /// Who looks, for the audit log.
    pub(super) fn actor(&self) -> String {
        self.principal.subject.to_string()
    }

    /// May they change what finance people change?
    pub(super) fn may_write(&self) -> bool {
        [Role::Finance, Role::Admin]
            .into_iter()
            .any(|role| self.principal.roles.contains(role))
    }

    /// Do they run the gateway?
    pub(super) fn is_operator(&self) -> bool {
        let tenant = self.app.tenants.get(&self.session.tenant);
        tenant.is_some_and(|tenant| tenant.operator) && self.principal.roles.contains(Role::Admin)
    }

    pub(super) fn currency(&self) -> Currency {
        self.app.recorder.rates().currency()
    }

    /// What stands around the page.
    pub(super) fn frame(&self) -> Frame {
        view::frame(&self.app, Some(&self.session), self.path)
    }

    /// A wish of the address; an empty one is none.
    pub(super) fn wish(&self, name: &str) -> Option<&str> {
        let found = self.wishes.get(name).map(String::as_str);
        found.filter(|value| !value.is_empty() && value.len() <= 200)
    }

    /// The page's address with these of its wishes.
    pub(super) fn address(&self, names: &[&'static str]) -> Address {
        names.iter().fold(Address::new(self.path), |address, name| {
            address.with(name, self.wish(name).unwrap_or_default())
        })
    }

    /// The tenant's scenarios as they stand.
    pub(super) async fn standings(&self) -> Result<Vec<Standing>, BusinessError> {
        let configured = business::configured(&self.app.config, self.tenant());
        let store = self.app.recorder.store().as_ref();
        business::standings(&self.app.judge, store, self.tenant(), &configured, self.now).await
    }

    pub(super) fn period(&self) -> Period {
        Period::of(self.wish("period"), self.now, &self.zone)
    }

    pub(super) fn basis(&self) -> Basis {
        match self.wish("basis") {
            Some("marginal") => Basis::Marginal,
            _ => Basis::Loaded,
        }
    }

    /// The choice of a period.
    pub(super) fn choose_period(&self) -> Choice {
        Choice {
            name: "period",
            label: "Time",
            options: Period::options(),
            current: self.period().name.to_owned(),
        }
    }

    /// The choice of a basis.
    pub(super) fn choose_basis(&self) -> Choice {
        let both = [Basis::Loaded, Basis::Marginal];
        let option = |basis: Basis| (basis.as_str().to_owned(), basis.as_str().to_owned());
        Choice {
            name: "basis",
            label: "Cost basis",
            options: both.map(option).to_vec(),
            current: self.basis().as_str().to_owned(),
        }
    }
}

/// An amount as a cell, with all its digits for a machine.
pub(super) fn money(amount: Pico) -> dashboard::Cell {
    dashboard::Cell::figure(dashboard::money(amount), amount)
}

/// A mean delay. The books keep it in ms.
pub(super) fn delay(delay: Nanos) -> dashboard::Cell {
    let text = match delay.get() {
        0 => "under 1\u{202f}ms".to_owned(),
        _ => dashboard::duration(delay),
    };
    dashboard::Cell::figure(text, delay.get())
}

/// An amount for the eye of a chart.
pub(super) fn drawn(amount: Pico) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "charts are for the eye")]
    let units = amount.get() as f64 / Pico::UNIT.get() as f64;
    units
}
