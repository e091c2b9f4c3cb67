//! Whole files, read back: what the validator of the specification misses, and the validator itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::Command;

use focus::{COLUMNS, Export, FocusError, Format, Kind, Summary};
use ledger::Charge;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use units::{Currency, Pico};

use sample::{charges, issuer};

fn export(charges: &[Charge], format: Format, out: &Path) -> Summary {
    let mut export = Export::begin(out, format, issuer()).unwrap();
    for charge in charges {
        export.take(charge.clone()).unwrap();
    }
    export.finish().unwrap()
}

type Row = BTreeMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let expected: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names, expected);
    let row = |record: Result<csv::StringRecord, _>| -> Row {
        let record = record.unwrap();
        names
            .iter()
            .cloned()
            .zip(record.iter().map(str::to_owned))
            .collect()
    };
    reader.records().map(row).collect()
}

/// A decimal text as an integer of 1e-18, read without the code that wrote it.
fn units(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(places.len() <= 18, "{text}");
    let whole: i128 = whole.parse().unwrap();
    let places: i128 = format!("{places:0<18}").parse().unwrap();
    sign * (whole * 10_i128.pow(18) + places)
}

#[test]
fn the_columns_are_those_of_the_specification_once_each() {
    let names: BTreeSet<&str> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), COLUMNS.len());
    let own = COLUMNS
        .iter()
        .position(|column| column.name.starts_with("x_"))
        .unwrap();
    let (standard, ours) = COLUMNS.split_at(own);
    assert!(ours.iter().all(|column| column.name.starts_with("x_")));
    assert!(
        standard.is_sorted_by_key(|column| column.name),
        "in the specification's order"
    );
    for name in [
        "x_ScenarioId",
        "x_ExpertId",
        "x_AttemptPurpose",
        "x_AllocatedMethodId",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn sums_equal_the_ledger_and_products_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("focus.csv");
    let charges = charges();
    let summary = export(&charges, Format::Csv, &out);
    let rows = rows(&out);
    assert_eq!(
        (summary.rows, rows.len()),
        (charges.len() as u64, charges.len())
    );
    let ledger: Pico = charges.iter().map(|charge| charge.amount).sum();
    let billed: i128 = rows.iter().map(|row| units(&row["BilledCost"])).sum();
    assert_eq!(billed, ledger.get() * 1_000_000);
    assert_eq!(summary.billed, BTreeMap::from([("USD".to_owned(), ledger)]));
    assert_eq!(summary.unknown, 2);
    let mut priced = 0;
    for row in &rows {
        assert_eq!(row["BilledCost"], row["EffectiveCost"]);
        let (price, quantity) = (&row["ListUnitPrice"], &row["PricingQuantity"]);
        if price.is_empty() || quantity.is_empty() {
            continue;
        }
        // Both have few places, so their product in 1e-36 ends in 18 zeros.
        let product = units(price).checked_mul(units(quantity)).unwrap();
        assert_eq!(product % 10_i128.pow(18), 0, "{row:?}");
        assert_eq!(
            units(&row["ListCost"]),
            product / 10_i128.pow(18),
            "{row:?}"
        );
        // The share of a bill that was rounded by largest remainder stays near the price list.
        let (list, billed) = (units(&row["ListCost"]), units(&row["BilledCost"]));
        assert!(
            (list - billed).abs() <= billed / 100_000 + 10_i128.pow(9),
            "{row:?}"
        );
        priced += 1;
    }
    assert!(priced >= 8, "{priced}");
}

#[test]
fn a_row_says_when_for_whom_and_by_which_rule() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("focus.csv");
    export(&charges(), Format::Csv, &out);
    let rows = rows(&out);
    let mut keys = BTreeSet::new();
    for row in &rows {
        for name in [
            "ChargePeriodStart",
            "ChargePeriodEnd",
            "BillingPeriodStart",
            "BillingPeriodEnd",
        ] {
            let text = &row[name];
            let shape: String = text
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            assert_eq!(shape, "0000-00-00T00:00:00Z", "{name}");
        }
        assert!(row["BillingPeriodStart"] <= row["ChargePeriodStart"]);
        assert!(row["ChargePeriodStart"] < row["ChargePeriodEnd"]);
        assert!(row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]);
        let key: Vec<&String> = [
            "ChargePeriodStart",
            "SubAccountId",
            "x_ScenarioId",
            "x_ExpertId",
            "x_AttemptPurpose",
            "x_Meter",
            "x_AllocatedMethodId",
            "SkuPriceId",
        ]
        .map(|name| &row[name])
        .into_iter()
        .collect();
        assert!(keys.insert(format!("{key:?}")), "{key:?} twice");
        let idle = row["x_Meter"] == "device_idle" && row["SubAccountId"].is_empty();
        assert_eq!(
            row["x_AllocatedResourceId"].is_empty(),
            row["SubAccountId"].is_empty()
        );
        assert!(!idle || row["x_CostBasis"] == "loaded");
    }
    let busy = rows
        .iter()
        .find(|row| row["x_Meter"] == "device_busy")
        .unwrap();
    assert_eq!(
        (busy["ConsumedUnit"].as_str(), busy["PricingUnit"].as_str()),
        ("Tokens", "Seconds")
    );
    let correction = rows
        .iter()
        .find(|row| row["ChargeClass"] == "Correction")
        .unwrap();
    assert!(correction["BilledCost"].starts_with('-'));
    assert_eq!(correction["PricingQuantity"], "");
    let evil = rows
        .iter()
        .find(|row| row["x_RateSource"].contains("cmd"))
        .unwrap();
    assert!(evil["x_RateSource"].starts_with('\''), "{evil:?}");
}

#[test]
fn shares_of_one_bill_sum_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("focus.csv");
    export(&charges(), Format::Csv, &out);
    let mut bills: BTreeMap<String, i128> = BTreeMap::new();
    for row in rows(&out) {
        let details = &row["x_AllocatedMethodDetails"];
        if details.is_empty() {
            assert_ne!(row["x_AllocatedMethodId"], "idle-proportional/1");
            continue;
        }
        let json: serde_json::Value = serde_json::from_str(details).unwrap();
        assert!(json["Elements"][0]["AllocatedRatio"].is_number(), "{json}");
        let ratio = details
            .split("\"AllocatedRatio\":")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap();
        let host = row["ChargeDescription"]
            .split(" on ")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap();
        *bills
            .entry(format!("{} {host}", row["ChargePeriodStart"]))
            .or_default() += units(ratio);
    }
    assert_eq!(bills.len(), 2);
    assert!(
        bills.values().all(|sum| *sum == 10_i128.pow(18)),
        "{bills:?}"
    );
}

#[test]
fn parquet_holds_what_csv_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
    let charges: Vec<Charge> = charges().into_iter().cycle().take(20).collect();
    // The same charges again are another file's affair; here only order counts.
    let mut charges = charges;
    charges.sort_by_key(|charge| charge.from);
    export(&charges, Format::Csv, &csv);
    export(&charges, Format::Parquet, &parquet);
    let expected = rows(&csv);
    let reader = SerializedFileReader::new(File::open(&parquet).unwrap()).unwrap();
    let mut seen = 0;
    for (row, expected) in reader.get_row_iter(None).unwrap().zip(&expected) {
        for (name, field) in row.unwrap().get_column_iter() {
            let text = &expected[name];
            let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
            match (column.kind, field) {
                (_, Field::Null) => assert_eq!(text, "", "{name}"),
                (Kind::Text, Field::Str(said)) => assert_eq!(text.trim_start_matches('\''), said),
                (Kind::Time, Field::TimestampMicros(at)) => {
                    let at = jiff::Timestamp::from_microsecond(*at).unwrap();
                    assert_eq!(*text, at.to_string(), "{name}");
                }
                (Kind::Number, Field::Decimal(number)) => {
                    let bytes: [u8; 16] = number.data().try_into().unwrap();
                    assert_eq!(units(text), i128::from_be_bytes(bytes), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        seen += 1;
    }
    assert_eq!(seen, expected.len());
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    let out = folder.path().join("focus.csv");
    let charges = charges();
    let mut late = Export::begin(&out, Format::Csv, issuer()).unwrap();
    late.take(charges.last().unwrap().clone()).unwrap();
    let error = late.take(charges[0].clone()).unwrap_err();
    assert!(matches!(error, FocusError::Order(_)), "{error}");
    assert_eq!(names(), 1, "the draft");
    drop(late);
    assert_eq!(names(), 0);
    let mut absurd = charges[0].clone();
    absurd.amount = Pico::new(i128::MAX / 2);
    let mut export = Export::begin(&out, Format::Parquet, issuer()).unwrap();
    export.take(absurd).unwrap();
    let error = export.finish().unwrap_err();
    assert!(matches!(error, FocusError::Range(_)), "{error}");
    assert_eq!(names(), 0);
    let nowhere = folder.path().join("none/focus.csv");
    let error = Export::begin(&nowhere, Format::Csv, issuer()).unwrap_err();
    assert!(error.to_string().contains("none/focus.csv"), "{error}");
}

#[test]
fn an_empty_span_is_a_file_with_a_header() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.csv", Format::Csv), ("a.parquet", Format::Parquet)] {
        let out = folder.path().join(name);
        assert_eq!(export(&[], format, &out), Summary::default());
        assert!(out.metadata().unwrap().len() > 100);
    }
    assert_eq!(rows(&folder.path().join("a.csv")), Vec::<Row>::new());
    assert_eq!(issuer().currency, Currency::USD);
}

#[test]
fn charges_of_a_closed_month_are_on_its_invoice() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("closed.csv");
    let month = "2026-11".parse().unwrap();
    for (closed, invoice) in [(vec![], ""), (vec![month], "acme-2026-11")] {
        let issuer = focus::Issuer {
            closed: closed.into_iter().collect(),
            ..issuer()
        };
        let mut export = Export::begin(&out, Format::Csv, issuer).unwrap();
        for charge in charges() {
            export.take(charge).unwrap();
        }
        export.finish().unwrap();
        let rows = rows(&out);
        assert!(!rows.is_empty());
        for row in rows {
            assert_eq!(row["InvoiceId"], invoice);
        }
    }
}

/// Rules of the validator that contradict each other: InvoiceId must be null and must not be null, whatever the row.
const CONTRADICTION: [&str; 2] = ["InvoiceId-C-004-C", "InvoiceId-C-005-C"];
/// What the gateway claims to support; the rest does not apply.
const SUPPORTED: &str = "ACCOUNT_NAMING_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,\
    USAGE_MEASUREMENT_SUPPORTED,UNIT_PRICING_SUPPORTED,SUB_ACCOUNT_SUPPORTED,\
    BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED,RESOURCE_TYPE_ASSIGNMENT_SUPPORTED,TAGGING_SUPPORTED";

#[test]
fn the_validator_of_the_specification_finds_nothing_but_its_contradiction() {
    let validator = std::env::var_os("MOEGATE_FOCUS_VALIDATOR").map(std::path::PathBuf::from);
    let Some(validator) = validator.filter(|path| path.is_file()) else {
        println!(
            "skipped: no focus-validator (deploy/setup.sh test installs it where there is Python 3.12)"
        );
        return;
    };
    // It opens a file of its own relative to where it runs.
    let lib = validator.parent().unwrap().parent().unwrap().join("lib");
    let python = std::fs::read_dir(&lib)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("focus.csv", Format::Csv),
        ("focus.parquet", Format::Parquet),
    ] {
        let out = folder.path().join(name);
        export(&charges(), format, &out);
        let run = Command::new(&validator)
            .current_dir(python.join("site-packages"))
            .arg("--data-file")
            .arg(&out)
            .args([
                "--validate-version",
                "1.2.0.1",
                "--block-download",
                "--show-violations",
            ])
            .args(["--applicability-criteria", SUPPORTED])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        let failed: BTreeSet<&str> = said
            .lines()
            .filter(|line| line.contains("FAIL") || line.contains('❌'))
            .filter_map(rule)
            .collect();
        let passed = said
            .lines()
            .filter(|line| line.contains("PASS") || line.contains('✅'));
        println!("{name}: {} passed, failed {failed:?}", passed.count());
        assert!(
            said.contains("Fail: "),
            "{said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(
            failed.iter().all(|rule| CONTRADICTION.contains(rule)),
            "{name}: {failed:?}\n{said}"
        );
        let count = said.split("Fail: ").nth(1).unwrap();
        let count: String = count.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(count, "1", "{said}");
    }
}

/// The name of a rule in a line of the validator's report.
fn rule(line: &str) -> Option<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    line.split(word).find(|word| word.contains("-C-"))
}
