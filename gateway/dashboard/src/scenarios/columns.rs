//! The table of scenarios.

use maud::{Markup, html};

use super::{CostCell, ScenarioRow, ScenariosPage};
use crate::figures::{duration, grouped, money_each, percent, score};

pub(super) fn table(view: &ScenariosPage) -> Markup {
    html! {
        div .scroll role="region" aria-labelledby="table-caption" tabindex="0" {
            table {
                caption { span #table-caption { "Scenarios, " (view.basis.as_str()) " cost" } }
                thead {
                    tr {
                        th scope="col" { "Scenario" }
                        th scope="col" { "Tenant" }
                        th .figure scope="col" { "Requests" }
                        th scope="col" { "Experts" }
                        th .figure scope="col" { "Cost per request, " (view.currency) }
                        th .figure scope="col" { "p50" }
                        th .figure scope="col" { "p99" }
                        th .figure scope="col" { "Quality" }
                        th .figure scope="col" { "Cost known" }
                    }
                }
                tbody { @for row in &view.rows { (line(view, row)) } }
            }
        }
    }
}

fn line(view: &ScenariosPage, row: &ScenarioRow) -> Markup {
    let each = money_each(row.cost.on(view.basis), row.requests).filter(|_| row.cost.known > 0);
    html! {
        tr {
            th scope="row" { (row.scenario) }
            td { (row.tenant) }
            td .figure {
                (grouped(row.requests.into()))
                @if row.errors > 0 { span .aside .bad { (grouped(row.errors.into())) " failed" } }
            }
            td { (experts(row)) }
            td .figure { @match each { Some(each) => (each), None => (unknown()) } }
            td .figure { @match row.p50 { Some(time) => (duration(time)), None => (unknown()) } }
            td .figure { @match row.p99 { Some(time) => (duration(time)), None => (unknown()) } }
            td .figure { (quality(row)) }
            td .figure { (known(&row.cost)) }
        }
    }
}

fn experts(row: &ScenarioRow) -> Markup {
    html! {
        ul .experts {
            @for expert in &row.experts {
                li {
                    @match &expert.name { Some(name) => (name), None => { em { "nobody" } } }
                    " "
                    span .aside { (grouped(expert.requests.into())) }
                }
            }
        }
    }
}

fn quality(row: &ScenarioRow) -> Markup {
    html! {
        @if row.quality.is_empty() {
            span .aside { "not measured" }
        }
        @for quality in &row.quality {
            div {
                (score(quality.mean_ppm))
                span .aside { (quality.source) ", n\u{202f}=\u{202f}" (grouped(quality.count.into())) }
            }
        }
    }
}

pub(super) fn attempts(cost: &CostCell) -> u64 {
    cost.known
        .saturating_add(cost.unknown)
        .saturating_add(cost.pending)
}

fn known(cost: &CostCell) -> Markup {
    html! {
        @match percent(cost.known, attempts(cost)) {
            Some(share) => (share),
            None => (unknown()),
        }
        @if cost.unknown > 0 { span .aside .bad { (grouped(cost.unknown.into())) " unknown" } }
        @if cost.pending > 0 { span .aside { (grouped(cost.pending.into())) " pending" } }
    }
}

fn unknown() -> Markup {
    html! { span .aside { "unknown" } }
}
