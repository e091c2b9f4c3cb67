//! Plugins' values and steps: whose they are, how many, for how long.

use ledger_store::{
    PluginQuota, PluginScope, PluginStore, PluginWrite, SqlitePlugins, StepRecord, Written,
};
use units::{RequestId, TenantId, Timestamp};
use uuid::Uuid;

const QUOTA: PluginQuota = PluginQuota {
    keys: 3,
    bytes: 100,
};

fn scope(tenant: &str, plugin: &str) -> PluginScope {
    PluginScope {
        tenant: TenantId::new(tenant).unwrap(),
        plugin: plugin.to_owned(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000 + seconds)
}

fn set(key: &str, value: &str) -> PluginWrite {
    PluginWrite {
        key: key.to_owned(),
        value: Some(value.as_bytes().to_vec()),
        expires: None,
        only_if: None,
    }
}

async fn store() -> (SqlitePlugins, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlitePlugins::open(&dir.path().join("plugins.sqlite"))
        .await
        .unwrap();
    (store, dir)
}

async fn text(
    store: &SqlitePlugins,
    scope: PluginScope,
    key: &str,
    now: Timestamp,
) -> Option<String> {
    let value = store.value(scope, key.to_owned(), now).await.unwrap()?;
    Some(String::from_utf8(value).unwrap())
}

#[tokio::test]
async fn values_belong_to_one_plugin_of_one_tenant() {
    let (store, _dir) = store().await;
    let own = scope("a", "acme/one");
    assert_eq!(
        store
            .write(own.clone(), set("k", "v"), QUOTA, at(0))
            .await
            .unwrap(),
        Written::Done
    );
    assert_eq!(
        text(&store, own.clone(), "k", at(0)).await.as_deref(),
        Some("v")
    );
    for other in [
        scope("b", "acme/one"),
        scope("a", "acme/two"),
        scope("a", "acme/one%"),
    ] {
        assert_eq!(
            text(&store, other.clone(), "k", at(0)).await,
            None,
            "{other:?}"
        );
        assert!(
            store
                .keys(other, String::new(), 10, at(0))
                .await
                .unwrap()
                .is_empty()
        );
    }
    let gone = PluginWrite {
        value: None,
        ..set("k", "")
    };
    assert_eq!(
        store.write(own.clone(), gone, QUOTA, at(0)).await.unwrap(),
        Written::Done
    );
    assert_eq!(text(&store, own, "k", at(0)).await, None);
}

#[tokio::test]
async fn a_quota_holds_and_what_expires_makes_room() {
    let (store, _dir) = store().await;
    let own = scope("a", "acme/one");
    for key in ["1", "2", "3"] {
        let short = PluginWrite {
            expires: Some(at(10)),
            ..set(key, "v")
        };
        assert_eq!(
            store.write(own.clone(), short, QUOTA, at(0)).await.unwrap(),
            Written::Done
        );
    }
    assert_eq!(
        store
            .write(own.clone(), set("4", "v"), QUOTA, at(1))
            .await
            .unwrap(),
        Written::Full
    );
    assert_eq!(
        text(&store, own.clone(), "4", at(1)).await,
        None,
        "what does not fit is not there"
    );
    assert_eq!(
        store
            .write(own.clone(), set("4", "v"), QUOTA, at(10))
            .await
            .unwrap(),
        Written::Done
    );
    assert_eq!(
        store
            .keys(own.clone(), String::new(), 10, at(10))
            .await
            .unwrap(),
        ["4"]
    );
    let large = "x".repeat(101);
    assert_eq!(
        store
            .write(own.clone(), set("4", &large), QUOTA, at(10))
            .await
            .unwrap(),
        Written::Full
    );
    assert_eq!(text(&store, own, "4", at(10)).await.as_deref(), Some("v"));
}

#[tokio::test]
async fn of_two_that_compare_and_set_one_wins() {
    let (store, _dir) = store().await;
    let own = scope("a", "acme/one");
    let first = PluginWrite {
        only_if: Some(None),
        ..set("k", "1")
    };
    assert_eq!(
        store
            .write(own.clone(), first.clone(), QUOTA, at(0))
            .await
            .unwrap(),
        Written::Done
    );
    assert_eq!(
        store.write(own.clone(), first, QUOTA, at(0)).await.unwrap(),
        Written::Other
    );
    let next = PluginWrite {
        only_if: Some(Some(b"1".to_vec())),
        ..set("k", "2")
    };
    assert_eq!(
        store
            .write(own.clone(), next.clone(), QUOTA, at(0))
            .await
            .unwrap(),
        Written::Done
    );
    assert_eq!(
        store.write(own.clone(), next, QUOTA, at(0)).await.unwrap(),
        Written::Other
    );
    assert_eq!(text(&store, own, "k", at(0)).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn keys_come_by_their_beginning_whatever_it_is() {
    let (store, _dir) = store().await;
    let (own, room) = (
        scope("a", "acme/one"),
        PluginQuota {
            keys: 100,
            bytes: 10_000,
        },
    );
    for key in ["a%b", "a_b", "ab", "b", "ä1"] {
        store
            .write(own.clone(), set(key, "v"), room, at(0))
            .await
            .unwrap();
    }
    let keys = async |prefix: &str| {
        store
            .keys(own.clone(), prefix.to_owned(), 10, at(0))
            .await
            .unwrap()
    };
    assert_eq!(keys("a%").await, ["a%b"]);
    assert_eq!(keys("a").await, ["a%b", "a_b", "ab"]);
    assert_eq!(keys("ä").await, ["ä1"]);
    assert_eq!(
        store
            .keys(own.clone(), String::new(), 2, at(0))
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_step_is_recorded_once_and_recalled_by_its_run() {
    let (store, _dir) = store().await;
    let step = |run: &str, key: &str, value: &str| StepRecord {
        scope: scope("a", "acme/flow"),
        run: run.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        at: at(1),
        request: RequestId::from_uuid(Uuid::from_u128(7)),
    };
    store.record_step(step("r1", "split", "[1]")).await.unwrap();
    store.record_step(step("r1", "ask", "[2]")).await.unwrap();
    store.record_step(step("r1", "split", "[9]")).await.unwrap();
    let own = scope("a", "acme/flow");
    let recalled = async |scope: PluginScope, run: &str| {
        store
            .step(scope, run.to_owned(), "split".to_owned())
            .await
            .unwrap()
    };
    assert_eq!(
        recalled(own.clone(), "r1").await.as_deref(),
        Some("[1]"),
        "the first counts"
    );
    assert_eq!(recalled(own, "r2").await, None);
    assert_eq!(recalled(scope("b", "acme/flow"), "r1").await, None);
    let all = store
        .steps(TenantId::new("a").unwrap(), at(0))
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|step| step.key.as_str()).collect::<Vec<_>>(),
        ["split", "ask"]
    );
    assert!(
        store
            .steps(TenantId::new("b").unwrap(), at(0))
            .await
            .unwrap()
            .is_empty()
    );
}
