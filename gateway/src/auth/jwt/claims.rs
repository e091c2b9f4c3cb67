//! Reading claims of any shape without trusting it.

use serde_json::{Map, Value};

use crate::auth::error::{AuthError, Cause};

/// The claim of that name, or where there is none, the one at the dotted path (`realm_access.roles`).
pub(super) fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut parts = name.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

/// A claim that must be a text with something in it.
pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, AuthError> {
    find(claims, name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or(AuthError::Invalid(Cause::Claim))
}

/// Does the claim, one text or a list of them, hold exactly this one?
pub(super) fn names(claim: Option<&Value>, wanted: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(wanted)),
        _ => false,
    }
}

/// The words of a claim that is a list of texts or one text with blanks between.
pub(super) fn words(claim: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = claim
        .and_then(Value::as_str)
        .into_iter()
        .flat_map(str::split_ascii_whitespace);
    let many = claim
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    one.chain(many)
}

/// A NumericDate in whole seconds, a fraction cut off.
pub(super) fn seconds(value: &Value) -> Result<i64, AuthError> {
    let wrong = AuthError::Invalid(Cause::Claim);
    let Value::Number(number) = value else {
        return Err(wrong);
    };
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    if number.is_u64() {
        return Ok(i64::MAX);
    }
    let float = number
        .as_f64()
        .filter(|float| float.is_finite())
        .ok_or(wrong)?;
    format!("{:.0}", float.floor()).parse().map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_and_plain_names() {
        let claims = json!({"https://a.b/tenant": "x", "realm": {"roles": ["r"]}, "n": 1});
        let claims = claims.as_object().unwrap();
        assert_eq!(text(claims, "https://a.b/tenant"), Ok("x"));
        assert_eq!(
            words(find(claims, "realm.roles")).collect::<Vec<_>>(),
            ["r"]
        );
        assert_eq!(find(claims, "realm.missing"), None);
        assert_eq!(find(claims, ""), None);
        assert!(text(claims, "n").is_err());
    }

    #[test]
    fn dates() {
        assert_eq!(seconds(&json!(1_700_000_000)), Ok(1_700_000_000));
        assert_eq!(seconds(&json!(1_700_000_000.9)), Ok(1_700_000_000));
        assert_eq!(seconds(&json!(-1.5)), Ok(-2));
        assert_eq!(seconds(&json!(u64::MAX)), Ok(i64::MAX));
        assert!(seconds(&json!("1700000000")).is_err());
        assert!(seconds(&json!(1e300)).is_err());
        assert!(seconds(&json!(null)).is_err());
    }
}
