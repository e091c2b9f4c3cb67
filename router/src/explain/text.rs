//! An explanation as text for a terminal.

use std::fmt;

use super::Explanation;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        let how = if decision.scenario.declared {
            "declared"
        } else {
            "recognised"
        };
        writeln!(f, "gate      {}", decision.gate)?;
        writeln!(
            f,
            "scenario  {} ({how}, p {:.3})",
            decision.scenario.id, decision.scenario.probability
        )?;
        write!(f, "domain   ")?;
        for (name, share) in &self.domains {
            write!(f, " {name} {share:.3}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "outside   {:.3} (out of distribution)",
            decision.out_of_distribution
        )?;
        writeln!(
            f,
            "\nwhat moves the {} ({} tokens)",
            self.target, self.tokens
        )?;
        for feature in &self.features {
            let text: String = feature.text.chars().take(40).collect();
            writeln!(
                f,
                "  {:>+8.3}  {:<8} {text:?}",
                feature.weight, feature.kind
            )?;
        }
        writeln!(
            f,
            "\n{:<24} {:>8} {:>15} {:>7} {:>16} {:>10} {:>10}",
            "expert", "quality", "90 % interval", "tokens", "cost", "ms", "propensity"
        )?;
        for row in &decision.candidates {
            let chosen = if row.expert == decision.chosen {
                '*'
            } else {
                ' '
            };
            let latency = row.latency.map_or_else(
                || "unknown".to_owned(),
                |time| format!("{:.1}", time.to_duration().as_secs_f64() * 1_000.0),
            );
            writeln!(
                f,
                "{chosen}{:<23} {:>8.3} {:>7.3}-{:<7.3} {:>7} {:>16} {latency:>10} {:>10.3}",
                row.expert.as_str(),
                row.quality,
                row.low,
                row.high,
                row.output.get(),
                row.cost.to_string(),
                row.propensity,
            )?;
        }
        writeln!(
            f,
            "\nchosen    {} ({})",
            decision.chosen,
            decision.reason.as_str()
        )
    }
}
