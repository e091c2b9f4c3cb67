//! The columns, each with the formula of its value: FOCUS 1.2 by name, then 1.3's split-cost columns and our own as `x_`.

use serde_json::json;

use crate::{Cell, Decimal, Kind, Line};

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in the specification, or ours, which begins with `x_`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What stands there.
    pub value: fn(&Line<'_>) -> Cell,
}

const fn text(name: &'static str, value: fn(&Line<'_>) -> Cell) -> Column {
    Column {
        name,
        kind: Kind::Text,
        value,
    }
}

const fn number(name: &'static str, value: fn(&Line<'_>) -> Cell) -> Column {
    Column {
        name,
        kind: Kind::Number,
        value,
    }
}

const fn time(name: &'static str, value: fn(&Line<'_>) -> Cell) -> Column {
    Column {
        name,
        kind: Kind::Time,
        value,
    }
}

fn said(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// Every column, in the order of the file.
pub const COLUMNS: &[Column] = &[
    number("BilledCost", |line| Cell::Number(line.cost)),
    text("BillingAccountId", |line| said(&line.issuer.account)),
    text("BillingAccountName", |line| said(&line.issuer.name)),
    text("BillingAccountType", |_| said("Organization")),
    text("BillingCurrency", |line| said(line.currency())),
    time("BillingPeriodEnd", |line| {
        Cell::Time(line.month().next().start())
    }),
    time("BillingPeriodStart", |line| {
        Cell::Time(line.month().start())
    }),
    text("ChargeCategory", |_| said("Usage")),
    text("ChargeClass", |line| {
        Cell::text(line.is_late().then_some("Correction"))
    }),
    text("ChargeDescription", description),
    text("ChargeFrequency", |_| said("Usage-Based")),
    time("ChargePeriodEnd", |line| Cell::Time(line.charge.to.start())),
    time("ChargePeriodStart", |line| {
        Cell::Time(line.charge.from.start())
    }),
    text("CommitmentDiscountStatus", |_| Cell::Null),
    number("ConsumedQuantity", |line| {
        Cell::number(line.consumed().map(|c| c.0))
    }),
    text("ConsumedUnit", |line| {
        Cell::text(line.consumed().map(|c| c.1))
    }),
    number("ContractedCost", |line| Cell::Number(line.list_cost)),
    number("ContractedUnitPrice", |line| Cell::number(line.unit_price)),
    number("EffectiveCost", |line| Cell::Number(line.cost)),
    text("InvoiceId", |line| Cell::text(line.invoice())),
    text("InvoiceIssuerName", provider),
    number("ListCost", |line| Cell::Number(line.list_cost)),
    number("ListUnitPrice", |line| Cell::number(line.unit_price)),
    text("PricingCategory", |line| {
        Cell::text((!line.corrects()).then_some("Standard"))
    }),
    text("PricingCurrency", |line| said(line.currency())),
    number("PricingCurrencyContractedUnitPrice", |line| {
        Cell::number(line.unit_price)
    }),
    number("PricingCurrencyEffectiveCost", |line| {
        Cell::Number(line.cost)
    }),
    number("PricingCurrencyListUnitPrice", |line| {
        Cell::number(line.unit_price)
    }),
    number("PricingQuantity", |line| Cell::number(line.quantity)),
    text("PricingUnit", |line| {
        Cell::text(line.quantity.map(|_| line.unit()))
    }),
    text("ProviderName", provider),
    text("PublisherName", provider),
    text("RegionId", |_| Cell::Null),
    text("RegionName", |_| Cell::Null),
    text("ResourceId", |line| said(&resource(line).0)),
    text("ResourceName", |line| said(resource(line).1)),
    text("ResourceType", |line| said(resource(line).2)),
    text("ServiceCategory", |_| said("AI and Machine Learning")),
    text("ServiceName", |line| {
        said(if line.is_pool() {
            "Hosted experts"
        } else {
            "Remote experts"
        })
    }),
    text("ServiceSubcategory", |_| said("Generative AI")),
    text("SkuId", |line| Cell::text(line.sku())),
    text("SkuMeter", |line| {
        Cell::text(line.sku().map(|_| line.meter()))
    }),
    text("SkuPriceDetails", price_details),
    text("SkuPriceId", |line| Cell::text(line.sku_price())),
    text("SubAccountId", |line| {
        Cell::text(line.tenant().map(|t| t.as_str()))
    }),
    text("SubAccountName", |line| {
        Cell::text(line.tenant().map(|t| t.as_str()))
    }),
    text("SubAccountType", |line| {
        Cell::text(line.tenant().map(|_| "Tenant"))
    }),
    text("Tags", |line| said(&tags(line).to_string())),
    text("x_AllocatedMethodId", |line| {
        said(line.charge.method.as_str())
    }),
    text("x_AllocatedMethodDetails", split_details),
    text("x_AllocatedResourceId", |line| {
        Cell::text(line.tenant().and(line.scenario()))
    }),
    text("x_AllocatedResourceName", |line| {
        Cell::text(line.tenant().and(line.scenario()))
    }),
    text("x_AllocatedTags", |line| {
        Cell::text(line.tenant().map(|_| tags(line).to_string()))
    }),
    text("x_HostProviderName", provider),
    text("x_ServiceProviderName", |line| said(&line.issuer.name)),
    text("x_ScenarioId", |line| Cell::text(line.scenario())),
    text("x_ExpertId", |line| Cell::text(line.expert())),
    text("x_AttemptPurpose", |line| {
        Cell::text(line.charge.purpose.map(|p| p.as_str()))
    }),
    text("x_Meter", |line| said(line.charge.meter.as_str())),
    text("x_CostBasis", |line| said(line.basis())),
    text("x_RateSource", |line| {
        Cell::text(line.charge.rate.as_ref().map(|r| r.source.to_string()))
    }),
    number("x_Lines", |line| {
        Cell::number(Decimal::whole(line.charge.lines))
    }),
    number("x_UnknownLines", |line| {
        Cell::number(Decimal::whole(line.charge.unknown))
    }),
];

fn description(line: &Line<'_>) -> Cell {
    let mut text = format!("{} on {}", line.meter(), line.host());
    if let Some(expert) = line.expert() {
        text = format!("{text}, expert {expert}");
    }
    if let Some(scenario) = line.scenario() {
        text = format!("{text}, scenario {scenario}");
    }
    Cell::Text(text)
}

/// Our own organisation where the pool is ours.
fn provider(line: &Line<'_>) -> Cell {
    said(if line.is_pool() {
        &line.issuer.name
    } else {
        line.host()
    })
}

/// Id, name and type of what was used.
fn resource<'a>(line: &'a Line<'_>) -> (String, &'a str, &'static str) {
    let (name, kind, prefix) = match line.expert() {
        Some(expert) => (expert, "Expert", "expert"),
        None => (line.host(), "Pool", "pool"),
    };
    (format!("{prefix}/{name}"), name, kind)
}

fn tags(line: &Line<'_>) -> serde_json::Value {
    let mut tags = serde_json::Map::new();
    for (name, value) in [("expert", line.expert()), ("scenario", line.scenario())] {
        if let Some(value) = value {
            tags.insert(name.to_owned(), value.into());
        }
    }
    let own = line.charge.tags.iter().flat_map(ledger::Tags::pairs);
    for (name, value) in own {
        // A name that is ours stays ours.
        let name = match name {
            "expert" | "scenario" => format!("tag-{name}"),
            _ => name.to_owned(),
        };
        tags.insert(name, value.into());
    }
    tags.into()
}

/// Properties of a price that the specification has no name for begin with `x_`.
fn price_details(line: &Line<'_>) -> Cell {
    let rate = line.charge.rate.as_ref();
    Cell::text(rate.map(|rate| {
        let effective = crate::csv_file::instant(rate.effective);
        json!({ "x_EffectiveFrom": effective, "x_Subject": rate.subject.as_ref() }).to_string()
    }))
}

/// The share of the bill that the charge was split from, in the form of FOCUS 1.3. Shares of one bill sum to 1.
fn split_details(line: &Line<'_>) -> Cell {
    Cell::text(line.share.zip(line.quantity).map(|(share, quantity)| {
        let (share, quantity) = (share.to_string(), quantity.to_string());
        format!(
            r#"{{"Elements":[{{"AllocatedRatio":{share},"UsageUnit":"{}","UsageQuantity":{quantity}}}]}}"#,
            line.unit()
        )
    }))
}
