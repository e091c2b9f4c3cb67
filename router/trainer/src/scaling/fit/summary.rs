//! What `fit` prints: a table for people, a line for programs.

use std::fmt::Write;

use economics::Span;
use serde_json::{Value, json};

use crate::scaling::hold_out::Check;
use crate::scaling::law_file::{GroupLaw, LawFile};

/// The table.
pub(super) fn table(file: &LawFile) -> String {
    let mut text = String::new();
    // Writing to a text never fails.
    let _never = write_table(&mut text, file);
    text
}

fn write_table(out: &mut String, file: &LawFile) -> std::fmt::Result {
    let origin = &file.origin;
    writeln!(
        out,
        "loss = E + A / params^alpha + B / tokens^beta, by Huber loss of log residuals"
    )?;
    writeln!(
        out,
        "{}: {} rows of {}, seed {}",
        file.set, origin.rows, origin.file, file.seed
    )?;
    for (why, rows) in &origin.left_out {
        writeln!(out, "  {rows} rows left out: {why}")?;
    }
    for law in &file.laws {
        write_law(out, law)?;
    }
    for (what, mean) in [
        ("held out", held_out_error(file)),
        ("test", test_error(file)),
    ] {
        if let (Some(mean), 2..) = (mean, file.laws.len()) {
            writeln!(
                out,
                "\nall {what} runs: relative error mean {:.3} %",
                mean * 100.0
            )?;
        }
    }
    Ok(())
}

fn write_law(out: &mut String, law: &GroupLaw) -> std::fmt::Result {
    let fitted = &law.fit.law;
    let intervals = &law.intervals;
    writeln!(
        out,
        "\n{} ({} runs, objective {:.8})",
        law.group, law.runs, law.fit.objective
    )?;
    for (name, value, interval) in [
        ("E", fitted.e, intervals.e),
        ("A", fitted.a, intervals.a),
        ("B", fitted.b, intervals.b),
        ("alpha", fitted.alpha, intervals.alpha),
        ("beta", fitted.beta, intervals.beta),
        (
            "best size over work",
            fitted.size_exponent(),
            intervals.size_exponent,
        ),
    ] {
        writeln!(
            out,
            "  {name:<20} {:>12}   95 % {}",
            digits(value),
            between(interval)
        )?;
    }
    let failed = law.bootstrap.failed;
    if failed > 0 {
        let all = failed + law.bootstrap.laws.len();
        writeln!(out, "  {failed} of {all} resamplings could not be fitted")?;
    }
    let reach = &law.fit.reach;
    for (name, span) in [
        ("params", reach.params),
        ("tokens", reach.tokens),
        ("flops", reach.flops),
    ] {
        writeln!(out, "  {name:<20} {:.3e} to {:.3e}", span.low, span.high)?;
    }
    for (what, check) in [
        ("larger runs held out", &law.check),
        ("test runs", &law.test),
    ] {
        if let Some(check) = check {
            write_check(out, what, check)?;
        }
    }
    Ok(())
}

fn write_check(out: &mut String, what: &str, check: &Check) -> std::fmt::Result {
    let runs = check.runs.len();
    writeln!(
        out,
        "  {runs} {what}, foretold from {}: relative error mean {:.3} %, worst {:.3} %",
        check.fitted_on,
        check.mean * 100.0,
        check.worst * 100.0
    )?;
    writeln!(
        out,
        "    {:>10} {:>10} {:>9} {:>9} {:>9}",
        "params", "tokens", "loss", "foretold", "error"
    )?;
    for run in &check.runs {
        let beyond = if run.within_reach {
            ""
        } else {
            "   beyond ten times the fit"
        };
        writeln!(
            out,
            "    {:>10.3e} {:>10.3e} {:>9.4} {:>9.4} {:>8.3}%{beyond}",
            run.params,
            run.tokens,
            run.loss,
            run.foretold,
            run.relative_error * 100.0
        )?;
    }
    Ok(())
}

fn digits(value: f64) -> String {
    if value >= 1e5 {
        format!("{value:.4e}")
    } else if value >= 100.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.5}")
    }
}

fn between(interval: Option<Span>) -> String {
    interval.map_or_else(
        || "unknown: too few resamplings".to_owned(),
        |span| format!("{} to {}", digits(span.low), digits(span.high)),
    )
}

/// Mean size of the relative errors of all runs held out, over all laws.
pub(super) fn held_out_error(file: &LawFile) -> Option<f64> {
    mean_error(file.laws.iter().filter_map(|law| law.check.as_ref()))
}

/// The same of the runs of the test.
fn test_error(file: &LawFile) -> Option<f64> {
    mean_error(file.laws.iter().filter_map(|law| law.test.as_ref()))
}

fn mean_error<'a>(checks: impl Iterator<Item = &'a Check>) -> Option<f64> {
    let errors: Vec<f64> = checks
        .flat_map(|check| check.runs.iter().map(|run| run.relative_error.abs()))
        .collect();
    (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
}

/// The line: everything but the resampled laws and the single runs.
pub(super) fn json(file: &LawFile) -> Value {
    let check = |check: &Option<Check>| {
        check.as_ref().map(|check| {
            json!({
                "fitted_on": check.fitted_on,
                "runs": check.runs.len(),
                "mean_relative_error": check.mean,
                "worst_relative_error": check.worst,
            })
        })
    };
    let laws: Vec<Value> = file
        .laws
        .iter()
        .map(|law| {
            json!({
                "group": law.group,
                "runs": law.runs,
                "law": law.fit.law,
                "objective": law.fit.objective,
                "intervals": law.intervals,
                "size_exponent": law.fit.law.size_exponent(),
                "check": check(&law.check),
                "test": check(&law.test),
            })
        })
        .collect();
    json!({
        "set": file.set,
        "seed": file.seed,
        "held_out_mean_relative_error": held_out_error(file),
        "test_mean_relative_error": test_error(file),
        "laws": laws,
    })
}
