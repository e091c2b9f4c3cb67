use super::*;

const GATE: &str = "[gate]\ndir = \"deploy/gate\"\n";

fn loaded(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("moegate.toml");
    std::fs::write(&file, text).unwrap();
    load(&file, &Overrides::default())
}

fn refusal(text: &str) -> String {
    loaded(text).unwrap_err().to_string()
}

#[test]
fn defaults_fill_what_the_file_leaves_out() {
    let config = loaded(GATE).unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.store.window_seconds, 900);
}

#[test]
fn flags_win_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("moegate.toml");
    std::fs::write(&file, format!("{GATE}[server]\nlisten = \"127.0.0.1:1\"\n")).unwrap();
    let flags = Overrides::default().with("server.listen", Some("127.0.0.1:2".to_owned()));
    assert_eq!(load(&file, &flags).unwrap().server.listen.port(), 2);
}

#[test]
fn unknown_keys_name_file_and_key() {
    for (text, key) in [
        (
            format!("{GATE}[sevrer]\nlisten = \"127.0.0.1:1\"\n"),
            "sevrer",
        ),
        (
            format!("{GATE}[server]\nlisetn = \"127.0.0.1:1\"\n"),
            "lisetn",
        ),
        (
            format!("{GATE}[[tenants]]\nid = \"a\"\nname = \"A\"\nplan = \"gold\"\n"),
            "plan",
        ),
    ] {
        let said = refusal(&text);
        assert!(
            said.contains("moegate.toml") && said.contains(key),
            "{said}"
        );
    }
}

#[test]
fn wrong_values_name_their_key() {
    for (text, key) in [
        (
            format!("{GATE}[server]\nmax_connections = 0\n"),
            "server.max_connections",
        ),
        (
            format!("{GATE}[server]\nlisten = \"nowhere\"\n"),
            "server.listen",
        ),
        (
            format!("{GATE}[store]\nwindow_seconds = 7\n"),
            "store.window_seconds",
        ),
        (
            format!("{GATE}[policy]\nexploration = 0.9\n"),
            "policy.exploration",
        ),
        (
            format!("{GATE}[policy]\nvalue_per_task = \"-1\"\n"),
            "policy.value_per_task",
        ),
        (
            format!("{GATE}[[pools]]\nid = \"p\"\nrates = []\n"),
            "pools[0]",
        ),
        (
            format!(
                "{GATE}[[tenants]]\nid = \"a\"\nname = \"A\"\n[[tenants]]\nid = \"a\"\nname = \"B\"\n"
            ),
            "tenants[1].id",
        ),
    ] {
        let said = refusal(&text);
        assert!(
            said.contains("moegate.toml") && said.contains(key),
            "{key}: {said}"
        );
    }
}

#[test]
fn broken_toml_names_the_file() {
    assert!(refusal("[gate\n").contains("moegate.toml"));
    let missing = load(Path::new("no/such/file.toml"), &Overrides::default()).unwrap_err();
    assert!(missing.to_string().contains("no/such/file.toml"));
}
