use egress::{Origin, Scope};

use super::{Function, FunctionForm};
use crate::{Allowed, ToolError};

const FORM: &str = r#"
name = "crm.customer"
description = "Finds a customer"
method = "GET"
url = "https://api.acme.test/v1/{id}?q={q}"
[schema]
type = "object"
required = ["id", "q"]
[schema.properties.id]
type = "string"
"#;

fn form() -> FunctionForm {
    toml::from_str(FORM).unwrap()
}

fn url(arguments: &str) -> Result<String, ToolError> {
    let origin = Origin::new("https://api.acme.test").unwrap();
    let scope = Scope::new("acme".parse().unwrap(), vec![origin], vec![]).unwrap();
    let request = Function::new(form()).unwrap().request(&scope, arguments)?;
    Ok(request.url)
}

#[test]
fn arguments_are_encoded_and_cannot_leave_their_place() {
    let found = url(r#"{"id": "a/../b?x=1#y", "q": "ä &{id}"}"#).unwrap();
    assert_eq!(
        found,
        "https://api.acme.test/v1/a%2F..%2Fb%3Fx%3D1%23y?q=%C3%A4%20%26%7Bid%7D"
    );
    for arguments in [
        r#"{"id": "..", "q": 1}"#,
        r#"{"id": ".", "q": 1}"#,
        r#"{"id": 5, "q": 1}"#,
        r#"{"id": "a"}"#,
        r#"{"id": "a", "q": [1]}"#,
        r#"{"id": "a", "q": 1, "more": 2}"#,
        "[]",
        "null",
        "{",
        "",
    ] {
        let failed = url(arguments).unwrap_err();
        assert_eq!(failed.code(), "invalid", "{arguments}");
    }
}

#[test]
fn forms_that_could_reach_elsewhere_are_refused() {
    for url in [
        "https://{host}/x",
        "https://api.acme.test{id}/",
        "http://api.acme.test/",
        "https://u@api.acme.test/",
        "{id}",
        "https://api.acme.test:{port}/",
    ] {
        let form = FunctionForm {
            url: url.to_owned(),
            ..form()
        };
        assert!(Function::new(form).is_err(), "{url}");
    }
    for schema in [
        r#"{"$ref": "https://evil.test/s.json"}"#,
        r#"{"$ref": "file:///etc/passwd"}"#,
        r#"{"type": 5}"#,
    ] {
        let form = FunctionForm {
            schema: serde_json::from_str(schema).unwrap(),
            ..form()
        };
        assert!(Function::new(form).is_err(), "{schema}");
    }
    assert!(toml::from_str::<FunctionForm>(&format!("more = 1\n{FORM}")).is_err());
}

#[test]
fn patterns_grant_what_they_say() {
    let allowed = Allowed::new([
        "crm.*".to_owned(),
        "mail".to_owned(),
        ".*".to_owned(),
        "*".to_owned(),
    ]);
    assert!(allowed.admits("crm.customer") && allowed.admits("mail"));
    for name in ["crm", "crm.", "crmx.a", "mail.send", "erp.a", ""] {
        assert!(!allowed.admits(name), "{name:?}");
    }
}
