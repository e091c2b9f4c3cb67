//! `moegate-train scaling predict`: a fitted law asked backwards, within ten times of what it was fitted on.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args as ClapArgs};
use economics::scaling::{Allocation, Law, Size, flops};
use economics::{REACH, Span};
use serde_json::{Value, json};

use super::above_zero;
use super::law_file::{GroupLaw, LawFile, SHARE};

/// Arguments of `moegate-train scaling predict`: a loss, with or without the data there is; or a model's parameters and
/// tokens; or work.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(ArgGroup::new("question").required(true).args(["loss", "params", "flops"])))]
pub struct Args {
    /// The `law.json` of `scaling fit`.
    #[arg(long)]
    pub law: PathBuf,
    /// Which of its laws, where it has several.
    #[arg(long)]
    pub group: Option<String>,
    /// The loss to reach: how big a model does?
    #[arg(long, value_parser = above_zero)]
    pub loss: Option<f64>,
    /// The size of a model: which loss does it reach?
    #[arg(long, value_parser = above_zero, requires = "tokens")]
    pub params: Option<f64>,
    /// The work that may be spent: which model is best?
    #[arg(long, value_parser = above_zero, conflicts_with = "tokens")]
    pub flops: Option<f64>,
    /// The data there is.
    #[arg(long, value_parser = above_zero)]
    pub tokens: Option<f64>,
}

/// Runs `moegate-train scaling predict`: one JSON line on stdout, the answer in words on stderr. An answer that would
/// lie beyond the law's reach is an error that names the limit.
pub(super) fn run(args: &Args) -> Result<()> {
    let file = LawFile::read(&args.law)?;
    let answer = answer(file.law(args.group.as_deref())?, args)?;
    crate::say(&answer.words);
    writeln!(std::io::stdout(), "{}", answer.json)?;
    Ok(())
}

struct Answer {
    words: String,
    json: Value,
}

fn answer(law: &GroupLaw, args: &Args) -> Result<Answer> {
    match *args {
        Args {
            loss: Some(loss),
            tokens: Some(tokens),
            ..
        } => size_for(law, loss, tokens),
        Args {
            loss: Some(loss), ..
        } => least_work_for(law, loss),
        Args {
            params: Some(params),
            tokens: Some(tokens),
            ..
        } => loss_of(law, Allocation { params, tokens }),
        Args {
            flops: Some(work), ..
        } => best_for(law, work),
        _ => bail!("expected --loss, --params with --tokens, or --flops"),
    }
}

fn size_for(law: &GroupLaw, loss: f64, tokens: f64) -> Result<Answer> {
    let Law { e, .. } = law.fit.law;
    law.fit.reach.tokens.admit("tokens", tokens)?;
    match law.fit.law.size_for(loss, tokens) {
        Size::Params(params) => {
            law.fit.reach.admit(params, tokens)?;
            let interval = law
                .bootstrap
                .interval(SHARE, |law| match law.size_for(loss, tokens) {
                    Size::Params(params) => Some(params),
                    // A law by which no size is enough counts as one that asks for an endless one.
                    Size::NeedsTokens(_) | Size::BelowFloor(_) => Some(f64::INFINITY),
                });
            Ok(Answer {
                words: format!(
                    "loss {loss} on {tokens:.4e} tokens: a model of {params:.4e} params{}",
                    between(interval)
                ),
                json: json!({
                    "reachable": true, "loss": loss, "tokens": tokens, "params": params,
                    "params_95": finite(interval), "flops": flops(params, tokens),
                }),
            })
        }
        Size::NeedsTokens(any_size) => {
            let largest = law.fit.reach.params.high * REACH;
            let needed = law.fit.law.tokens_for(loss, largest);
            let limit = law.fit.reach.tokens.high * REACH;
            let words = match needed {
                Some(needed) if needed <= limit => format!(
                    "loss {loss} is not reachable with this data: you need {needed:.4e} tokens (with the largest model \
                     that this law speaks of, {largest:.4e} params); below {any_size:.4e} tokens no model of any size does"
                ),
                _ => format!(
                    "loss {loss} is not reachable with this data: you need more than {any_size:.4e} tokens, and more than \
                     this law speaks of ({limit:.4e} tokens, {largest:.4e} params)"
                ),
            };
            let within = needed.filter(|needed| *needed <= limit);
            Ok(Answer {
                words,
                json: json!({
                    "reachable": false, "loss": loss, "tokens": tokens, "needs_tokens": within.unwrap_or(any_size),
                    "needs_tokens_at_params": within.map(|_| largest), "needs_tokens_any_size": any_size,
                }),
            })
        }
        Size::BelowFloor(_) => Ok(below_floor(loss, e)),
    }
}

fn least_work_for(law: &GroupLaw, loss: f64) -> Result<Answer> {
    let Some(at) = law.fit.law.best_for_loss(loss) else {
        return Ok(below_floor(loss, law.fit.law.e));
    };
    law.fit.reach.admit(at.params, at.tokens)?;
    let of = |number: fn(Allocation) -> f64| {
        law.bootstrap.interval(SHARE, |law| {
            Some(law.best_for_loss(loss).map_or(f64::INFINITY, number))
        })
    };
    let (params, tokens) = (of(|at| at.params), of(|at| at.tokens));
    Ok(Answer {
        words: format!(
            "loss {loss} with the least work ({:.4e} flops): {:.4e} params{} on {:.4e} tokens{}",
            flops(at.params, at.tokens),
            at.params,
            between(params),
            at.tokens,
            between(tokens)
        ),
        json: json!({
            "reachable": true, "loss": loss, "params": at.params, "tokens": at.tokens,
            "params_95": finite(params), "tokens_95": finite(tokens), "flops": flops(at.params, at.tokens),
        }),
    })
}

fn loss_of(law: &GroupLaw, at: Allocation) -> Result<Answer> {
    let loss = law.fit.law.loss_within(&law.fit.reach, at)?;
    let interval = law
        .bootstrap
        .interval(SHARE, |law| Some(law.loss(at.params, at.tokens)));
    Ok(Answer {
        words: format!(
            "{:.4e} params on {:.4e} tokens: loss {loss:.4}{}",
            at.params,
            at.tokens,
            between(interval)
        ),
        json: json!({
            "params": at.params, "tokens": at.tokens, "flops": flops(at.params, at.tokens),
            "loss": loss, "loss_95": finite(interval),
        }),
    })
}

fn best_for(law: &GroupLaw, work: f64) -> Result<Answer> {
    law.fit.reach.flops.admit("flops", work)?;
    let at = law.fit.law.best_for_work(work);
    let loss = law.fit.law.loss_within(&law.fit.reach, at)?;
    let of = |number: fn(Allocation) -> f64| {
        law.bootstrap
            .interval(SHARE, |law| Some(number(law.best_for_work(work))))
    };
    let params = of(|at| at.params);
    let losses = law.bootstrap.interval(SHARE, |law| {
        let at = law.best_for_work(work);
        Some(law.loss(at.params, at.tokens))
    });
    Ok(Answer {
        words: format!(
            "{work:.4e} flops: best spent on {:.4e} params{} and {:.4e} tokens, for a loss of {loss:.4}{}",
            at.params,
            between(params),
            at.tokens,
            between(losses)
        ),
        json: json!({
            "flops": work, "params": at.params, "params_95": finite(params), "tokens": at.tokens,
            "loss": loss, "loss_95": finite(losses),
        }),
    })
}

fn below_floor(loss: f64, floor: f64) -> Answer {
    Answer {
        words: format!("loss {loss} is not reachable by any size on any data: {floor:.4} remains"),
        json: json!({ "reachable": false, "loss": loss, "floor": floor }),
    }
}

fn between(interval: Option<Span>) -> String {
    match interval {
        Some(Span { low, high }) if high.is_finite() => format!(" (95 %: {low:.4e} to {high:.4e})"),
        Some(Span { low, .. }) if low.is_finite() => {
            format!(" (95 %: {low:.4e} or more; some resampled laws never reach it)")
        }
        _ => String::new(),
    }
}

/// The interval as JSON, which has no infinity: an endless end is `null`.
fn finite(interval: Option<Span>) -> Option<[Option<f64>; 2]> {
    interval
        .map(|Span { low, high }| [low, high].map(|end| Some(end).filter(|end| end.is_finite())))
}

#[cfg(test)]
mod tests;
