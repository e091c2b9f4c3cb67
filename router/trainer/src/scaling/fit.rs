//! `moegate-train scaling fit`: runs in, laws out.

mod picture;
mod summary;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use economics::scaling::{Form, Law, Run};

use super::hold_out::{Check, HoldOut};
use super::law_file::{GroupLaw, Intervals, LAW_FILE, LawFile, SCHEMA};
use super::sets::{Layout, Runs, Set};
use crate::export::Draft;

/// Arguments of `moegate-train scaling fit`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The published table that the data has the form of.
    #[arg(long, required_unless_present = "columns")]
    pub set: Option<Set>,
    /// Your own table: its columns of parameters, tokens and loss, such as `n_params,n_tokens,loss`.
    #[arg(long, value_delimiter = ',', conflicts_with = "set")]
    pub columns: Option<Vec<String>>,
    /// The loss column of `gadre`.
    #[arg(long, requires = "set")]
    pub loss_column: Option<String>,
    /// A CSV file of finished runs, or a folder with one that has the columns.
    #[arg(long)]
    pub data: PathBuf,
    /// Larger runs, in the same form, that the fitted law is to foretell: a file or a folder.
    #[arg(long)]
    pub test: Option<PathBuf>,
    /// Which runs of the data to check a law of the smaller ones on; each set has its own way.
    #[arg(long)]
    pub hold_out: Option<HoldOut>,
    /// `free` for two exponents or `tied` for one; each set has its own way.
    #[arg(long, value_parser = form)]
    pub form: Option<Form>,
    /// The folder to write `law.json`, `report.txt` and the pictures into.
    #[arg(long)]
    pub out: PathBuf,
    /// Seed of the resampling.
    #[arg(long, default_value_t = 20_261_125)]
    pub seed: u64,
    /// Resamplings behind the intervals.
    #[arg(long, default_value_t = 400)]
    pub bootstrap: usize,
}

/// Runs `moegate-train scaling fit`.
pub(super) fn run(args: &Args) -> Result<()> {
    let layout = args.layout()?;
    let data = layout.read(&args.data)?;
    let test = args
        .test
        .as_deref()
        .map(|place| layout.read(place))
        .transpose()?;
    let file = fit(&layout, &data, test.as_ref(), args)?;
    let report = summary::table(&file);
    let draft = Draft::new(&args.out)?;
    let write = |name: &str, text: &str| {
        let path = draft.folder().join(name);
        std::fs::write(&path, text).with_context(|| format!("{}", path.display()))
    };
    write(LAW_FILE, &(serde_json::to_string(&file)? + "\n"))?;
    write("report.txt", &report)?;
    for (name, svg) in picture::all(&file, &data)? {
        write(&name, &svg)?;
    }
    draft.finish()?;
    crate::say(report.trim_end());
    writeln!(std::io::stdout(), "{}", summary::json(&file))?;
    Ok(())
}

impl Args {
    fn layout(&self) -> Result<Layout> {
        ensure!(
            self.loss_column.is_none() || self.set == Some(Set::Gadre),
            "--loss-column: only gadre has several"
        );
        match (self.set, self.columns.as_deref()) {
            (Some(set), _) => Ok(Layout::Published {
                set,
                loss: self.loss_column.clone(),
            }),
            (None, Some([params, tokens, loss])) => {
                Ok(Layout::Own([params, tokens, loss].map(Clone::clone)))
            }
            _ => anyhow::bail!("--columns: expected three names: parameters, tokens, loss"),
        }
    }
}

fn form(text: &str) -> Result<Form, String> {
    match text {
        "free" => Ok(Form::Free),
        "tied" => Ok(Form::Tied),
        _ => Err(format!("expected free or tied, found {text:?}")),
    }
}

/// Fits a law to each group of runs, checks it on the larger ones, and tests it on those of `test`. Groups that only the
/// test has are laws of their own, checked on their own larger runs: other data has another law.
fn fit(layout: &Layout, data: &Runs, test: Option<&Runs>, args: &Args) -> Result<LawFile> {
    let none = BTreeMap::new();
    let tests = test.map_or(&none, |test| &test.groups);
    let hold_out = args.hold_out.unwrap_or(layout.hold_out());
    let form = args.form.unwrap_or(layout.form());
    let mut draws = super::draws(args.seed);
    let mut laws = Vec::new();
    let own = data
        .groups
        .iter()
        .map(|(group, runs)| (group, runs, tests.get(group), &data.origin));
    let others = test.into_iter().flat_map(|test| {
        let unknown = test
            .groups
            .iter()
            .filter(|(group, _)| !data.groups.contains_key(*group));
        unknown.map(|(group, runs)| (group, runs, None, &test.origin))
    });
    for (group, runs, test, origin) in own.chain(others) {
        let about = || format!("{}: {group}", origin.file);
        let fit = Law::fit(runs, form).with_context(about)?;
        let check = hold_out
            .check(runs, form)
            .with_context(|| format!("{}, the smaller runs", about()))?;
        let bootstrap = fit.bootstrap(runs, args.bootstrap, &mut draws);
        laws.push(GroupLaw {
            group: group.clone(),
            runs: runs.len(),
            intervals: Intervals::of(&bootstrap),
            check,
            test: test.map(|test: &Vec<Run>| Check::of(&fit, runs.len(), test)),
            fit,
            bootstrap,
        });
    }
    Ok(LawFile {
        schema: SCHEMA,
        set: layout.name().to_owned(),
        origin: data.origin.clone(),
        test_origin: test.map(|test| test.origin.clone()),
        seed: args.seed,
        laws,
    })
}

#[cfg(test)]
mod tests;
