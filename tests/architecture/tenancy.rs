//! A7: the type of every key of a shared map or cache in the gateway holds a tenant id.

use super::{assert_none, tree};

/// Keys that name no tenant, and why that is right.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "KeyHash",
        "the digest of a whole credential, which belongs to one tenant",
    ),
    (
        "CookieHash",
        "the digest of a random cookie, which belongs to one principal of one tenant",
    ),
];

#[test]
fn keys_of_shared_maps_and_caches_hold_a_tenant() {
    let mut breaks = Vec::new();
    for source in tree::shipped(&["gateway/src/"]) {
        for (at, line) in source.lexed.shipped.lines().enumerate() {
            let keys = ["DashMap<", "Cache<", "DashSet<"].into_iter();
            for key in keys.filter_map(|map| first_argument(line, map)) {
                if !holds_tenant(key) && !EXCEPTIONS.iter().any(|(name, _)| *name == key) {
                    breaks.push(format!("{}:{}: key {key}", source.path, at + 1));
                }
            }
        }
    }
    assert_none("shared state whose key names no tenant", &breaks);
}

#[test]
fn exceptions_are_used() {
    let code: String = tree::shipped(&["gateway/src/"])
        .map(|s| s.lexed.shipped.as_str())
        .collect();
    let idle = EXCEPTIONS
        .iter()
        .filter(|(key, _)| !code.contains(&format!("<{key},")));
    let idle: Vec<String> = idle.map(|(key, why)| format!("{key}: {why}")).collect();
    assert_none("exceptions nobody needs", &idle);
}

/// The first type argument after `map` on this line, cut at its own comma.
fn first_argument<'a>(line: &'a str, map: &str) -> Option<&'a str> {
    let arguments = &line[line.find(map)? + map.len()..];
    let mut depth = 0_i32;
    let end = arguments.find(|c| {
        depth += match c {
            '(' | '<' | '[' => 1,
            ')' | '>' | ']' => -1,
            _ => 0,
        };
        (c == ',' && depth == 0) || depth < 0
    })?;
    Some(arguments[..end].trim()).filter(|key| !matches!(*key, "K" | "_" | "Q"))
}

/// A key holds a tenant when it is one, names one, or is a struct of the gateway with such a field.
fn holds_tenant(key: &str) -> bool {
    if key.contains("TenantId") {
        return true;
    }
    let name = key.trim_start_matches("Arc<").trim_end_matches('>');
    tree::shipped(&["gateway/src/"]).any(|source| {
        let code = &source.lexed.shipped;
        let head = code
            .find(&format!("struct {name} "))
            .or(code.find(&format!("struct {name}(")));
        head.is_some_and(|from| {
            let body = &code[from..];
            let end = body.find(['}', ';']).unwrap_or(body.len());
            body[..end].contains("TenantId")
        })
    })
}

#[test]
fn the_key_is_found_in_a_declaration() {
    let tuple = "    budgets: DashMap<(TenantId, Period), Arc<Budget>>,";
    assert_eq!(
        first_argument(tuple, "DashMap<"),
        Some("(TenantId, Period)")
    );
    assert_eq!(
        first_argument("let c: Cache<Digest, X> = y;", "Cache<"),
        Some("Digest")
    );
    assert_eq!(first_argument("nothing", "Cache<"), None);
}
