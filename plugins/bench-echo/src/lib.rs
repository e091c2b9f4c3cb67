//! The yardstick: reads the last message as JSON, asks the host twice, answers JSON.

use experts_sdk::{
    Chat, Error, Reply, context, error, last_user_text, output, reply, reply_json, trace,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    id: u64,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    cents: u64,
    count: u64,
}

#[derive(Serialize)]
struct Total<'a> {
    id: u64,
    cents: u64,
    names: Vec<&'a str>,
    at_ms: u64,
}

/// Sums an order. `{"wait":true}` holds an instance in a host call instead.
#[experts_sdk::expert]
pub fn answer(ask: Chat) -> Result<Reply, Error> {
    if last_user_text(&ask).starts_with("{\"wait\"") {
        output::emit("waiting")?;
        return Ok(reply("waited"));
    }
    let order: Order = serde_json::from_str(last_user_text(&ask))
        .map_err(|why| error("invalid", &why.to_string()))?;
    let at_ms = context::now_ms();
    trace::log(trace::Level::Debug, "summed");
    reply_json(&Total {
        id: order.id,
        cents: order.lines.iter().map(|line| line.cents * line.count).sum(),
        names: order.lines.iter().map(|line| line.name.as_str()).collect(),
        at_ms,
    })
}
