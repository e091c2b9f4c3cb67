//! `moegate-train gate simulate` and `gate off-policy`: the loop replayed on sets whose every outcome is known.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use gate_learn::off_policy::coverage::{self, Coverage};
use gate_learn::off_policy::{Interval, Options};
use gate_learn::sets::{self, SetName};
use gate_learn::simulate::{Feedback, Lift, Outcome, Plan, Who, play};
use gate_learn::world::World;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::chart::{Axis, Chart, Series};

/// Arguments of `moegate-train gate simulate`.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct SimulateArgs {
    /// The set, such as `llmrouter-9open`.
    #[arg(long)]
    pub(super) set: SetName,
    /// The folder of its files.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// The folder to write `simulation.json` and the charts into.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Seed of the first order of the stream; later orders take the next ones.
    #[arg(long, default_value_t = 20_261_125)]
    pub(super) seed: u64,
    /// Orders of the stream.
    #[arg(long, default_value_t = 3)]
    pub(super) orders: u32,
    /// Worth that the mean answer of the dearest expert takes by its cost, as a share of a right answer's.
    #[arg(long, default_value_t = 0.0)]
    pub(super) cost_weight: f64,
    /// Median delay of a judgement, in requests.
    #[arg(long, default_value_t = Feedback::default().delay)]
    pub(super) delay: f64,
    /// Share of requests that nobody judges.
    #[arg(long, default_value_t = Feedback::default().missing)]
    pub(super) missing: f64,
    /// Share of judgements that are turned round.
    #[arg(long, default_value_t = Feedback::default().noise)]
    pub(super) noise: f64,
}

/// Arguments of `moegate-train gate off-policy`.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct OffPolicyArgs {
    /// The set, such as `llmrouter-9open`.
    #[arg(long)]
    pub(super) set: SetName,
    /// The folder of its files.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// Logs drawn.
    #[arg(long, default_value_t = 300)]
    pub(super) replications: usize,
    /// Requests of each log.
    #[arg(long, default_value_t = 2_000)]
    pub(super) rows: usize,
    /// Share of logged choices that are made evenly at random.
    #[arg(long, default_value_t = 0.2)]
    pub(super) exploration: f64,
    /// Share of judgements that are turned round.
    #[arg(long, default_value_t = 0.05)]
    pub(super) noise: f64,
    /// Seed of every draw.
    #[arg(long, default_value_t = 20_261_125)]
    pub(super) seed: u64,
}

/// Runs `gate off-policy`: prints the coverage as a table and one JSON line.
pub(super) fn off_policy(args: &OffPolicyArgs) -> Result<()> {
    let world = world(args.set, &args.data)?;
    let plan = coverage::Plan {
        replications: args.replications,
        rows: args.rows,
        exploration: args.exploration,
        noise: args.noise,
        seed: args.seed,
        options: Options::default(),
    };
    let found = coverage::check(&world, &plan).context("the set has no row with every outcome")?;
    let Coverage {
        truth,
        logging,
        ips,
        snips,
        dr,
        ..
    } = found;
    crate::say(&format!(
        "{}: {} logs of {} requests, seed {}; the target earns {truth:.4}, the logging policy {logging:.4}",
        args.set.as_str(),
        args.replications,
        args.rows,
        args.seed,
    ));
    crate::say("estimator         coverage of 95 %      bias     width");
    for (name, of) in [("IPS", ips), ("SNIPS", snips), ("doubly robust", dr)] {
        crate::say(&format!(
            "{name:<16} {:>17.3} {:>+10.4} {:>9.4}",
            of.coverage, of.bias, of.width
        ));
    }
    let line = json!({"set": args.set.as_str(), "seed": args.seed, "coverage": found});
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Runs `gate simulate`: plays the stream, and again with shuffled outcomes, and writes figures and charts.
pub(super) fn simulate(args: &SimulateArgs) -> Result<()> {
    let world = world(args.set, &args.data)?;
    let plan = Plan {
        feedback: Feedback {
            delay: args.delay,
            missing: args.missing,
            noise: args.noise,
            ..Feedback::default()
        },
        cost_weight: args.cost_weight,
        orders: args.orders,
        seed: args.seed,
        points: 100,
    };
    let name = args.set.as_str();
    crate::say(&format!(
        "{name}: {} requests, {} experts, {} slices, {} orders from seed {}",
        world.rows.len(),
        world.experts.len(),
        world.slices.len(),
        args.orders,
        args.seed
    ));
    let real = play(&world, &plan).context("the set has no row with every outcome")?;
    let shuffled = world.shuffled(&mut StdRng::seed_from_u64(args.seed));
    let control = play(&shuffled, &plan).context("the set has no row with every outcome")?;
    for line in table(&real, &control) {
        crate::say(&line);
    }
    let figures = json!({
        "set": name, "plan": plan, "real": real, "shuffled": control,
        "control_shows_lift": control.lifts.of_context.shows() || control.lifts.of_text.shows(),
    });
    let charts = [
        ("worth.svg", worth(name, &real)?),
        ("regret.svg", regret(name, &real)?),
        (
            "worth-shuffled.svg",
            worth(&format!("{name}, outcomes shuffled"), &control)?,
        ),
    ];
    write(&args.out, &figures, &charts)?;
    let line = json!({
        "set": name, "seed": args.seed, "orders": args.orders, "requests": real.requests,
        "late_accuracy": late(&real),
        "lifts": real.lifts,
        "shuffled": {"of_context": control.lifts.of_context, "of_text": control.lifts.of_text},
        "control_shows_lift": figures["control_shows_lift"],
        "off_policy": real.off_policy,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn world(set: SetName, data: &Path) -> Result<World> {
    Ok(World::of(&sets::read(set, data)?))
}

fn late(outcome: &Outcome) -> serde_json::Value {
    let pairs = outcome.curves.iter();
    pairs
        .map(|curve| (curve.who.name().to_owned(), json!(curve.late_accuracy)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn table(real: &Outcome, control: &Outcome) -> Vec<String> {
    let mut lines = vec![
        "who                 accuracy   late half      cost   regret to lookup, single, oracle"
            .to_owned(),
    ];
    for curve in &real.curves {
        let [lookup, single, oracle] = curve.regret.last().map_or([0.0; 3], |(_, of)| *of);
        lines.push(format!(
            "{:<18} {:>9.4} {:>11.4} {:>9.4}   {lookup:>9.1} {single:>9.1} {oracle:>9.1}",
            curve.who.name(),
            curve.accuracy,
            curve.late_accuracy,
            curve.cost,
        ));
    }
    let said = |name: &str, lift: &Lift| {
        let of = |i: &Interval| format!("{:+.4} ({:+.4} to {:+.4})", i.value, i.low, i.high);
        format!(
            "{name:<44} late half {}   whole {}",
            of(&lift.late),
            of(&lift.whole)
        )
    };
    lines.push(said(
        "lift of context: gate less means only",
        &real.lifts.of_context,
    ));
    lines.push(said(
        "lift of text: gate less slice only",
        &real.lifts.of_text,
    ));
    lines.push(said(
        "gate less lookup that is told all",
        &real.lifts.over_lookup,
    ));
    lines.push(said("gate less best single", &real.lifts.over_single));
    lines.push(said(
        "shuffled: gate less means only",
        &control.lifts.of_context,
    ));
    lines.push(said(
        "shuffled: gate less slice only",
        &control.lifts.of_text,
    ));
    let shows = control.lifts.of_context.shows() || control.lifts.of_text.shows();
    lines.push(if shows {
        "the control SHOWS A LIFT: something leaks".to_owned()
    } else {
        "the control shows no lift".to_owned()
    });
    if let Some(found) = &real.off_policy {
        let e = &found.estimates;
        let of = |i: &Interval| {
            let mark = if i.holds(found.truth) {
                "holds"
            } else {
                "misses"
            };
            format!("{:.4} ({:.4} to {:.4}, {mark})", i.value, i.low, i.high)
        };
        lines.push(format!(
            "a fixed lookup earns {:.4}; from the gate's log of {} judged requests: IPS {}, SNIPS {}, DR {}",
            found.truth,
            e.rows,
            of(&e.ips),
            of(&e.snips),
            of(&e.dr)
        ));
    }
    lines
}

#[expect(clippy::cast_precision_loss, reason = "places on a chart")]
fn float(n: usize) -> f64 {
    n as f64
}

fn worth(name: &str, outcome: &Outcome) -> Result<String> {
    // The first points of a running mean are noise.
    let settled = outcome.requests / 20;
    let series = outcome.curves.iter().map(|curve| {
        let points = curve.worth.iter().filter(|(n, _)| *n >= settled);
        Series::line(
            curve.who.name(),
            points.map(|(n, w)| (float(*n), *w)).collect(),
        )
    });
    Chart {
        title: format!("{name}: mean worth so far, tested before learned"),
        x: Axis::linear("requests"),
        y: Axis::linear("worth of an answer"),
        series: series.collect(),
    }
    .svg()
}

fn regret(name: &str, outcome: &Outcome) -> Result<String> {
    let learners = [Who::Gate, Who::SliceOnly, Who::MeansOnly];
    let own = outcome
        .curves
        .iter()
        .filter(|curve| learners.contains(&curve.who));
    let series = own.flat_map(|curve| {
        ["lookup", "best single"]
            .into_iter()
            .enumerate()
            .map(|(at, rival)| {
                let points = curve.regret.iter();
                let points = points.filter_map(|(n, of)| Some((float(*n), *of.get(at)?)));
                Series::line(
                    &format!("{} to {rival}", curve.who.name()),
                    points.collect(),
                )
            })
    });
    Chart {
        title: format!("{name}: regret so far"),
        x: Axis::linear("requests"),
        y: Axis::linear("worth behind"),
        series: series.collect(),
    }
    .svg()
}

/// Writes everything into a folder beside `out` and renames it.
fn write(out: &Path, figures: &serde_json::Value, charts: &[(&str, String)]) -> Result<()> {
    let name = out
        .file_name()
        .context("--out names no folder")?
        .to_string_lossy();
    let fresh = out.with_file_name(format!(".{name}.new"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    }
    std::fs::create_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    let path = fresh.join("simulation.json");
    let mut text = serde_json::to_string_pretty(figures)?;
    text.push('\n');
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    for (name, text) in charts {
        let path = fresh.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    if out.exists() {
        std::fs::remove_dir_all(out).with_context(|| out.display().to_string())?;
    }
    std::fs::rename(&fresh, out).with_context(|| out.display().to_string())
}
