//! API keys are created once, listed by tenant, withdrawn once.

use ledger::IdlePolicy;
use ledger_store::*;
use units::KeyId;

use crate::sample::*;

on_each_store!(keys_live_their_life,);

fn key(id: &str, owner: u64, hash: u8) -> ApiKey {
    ApiKey {
        id: KeyId::new(id).unwrap(),
        tenant: tenant(owner),
        hash: [hash; 32],
        settings: "{\"roles\":[\"user\"]}".to_owned(),
        created: at(i64::from(hash)),
        expires: None,
        revoked: None,
    }
}

async fn keys_live_their_life(on: &On) {
    let (home, store) = on.store(IdlePolicy::Separate).await;
    for (id, owner, hash) in [("k1", 0, 1), ("k2", 0, 2), ("k3", 1, 3)] {
        store.create_key(key(id, owner, hash)).await.unwrap();
    }
    for taken in [key("k1", 2, 9), key("k9", 2, 1)] {
        assert!(matches!(
            store.create_key(taken).await,
            Err(StoreError::Exists("key"))
        ));
    }
    assert_eq!(
        store.list_keys(tenant(0)).await.unwrap(),
        [key("k1", 0, 1), key("k2", 0, 2)]
    );
    assert_eq!(store.load_keys().await.unwrap().len(), 3);

    let k1 = KeyId::new("k1").unwrap();
    let other = store.revoke_key(tenant(1), k1.clone(), at(50)).await;
    assert!(
        matches!(other, Err(StoreError::NotFound("key"))),
        "another tenant's key"
    );
    store
        .revoke_key(tenant(0), k1.clone(), at(50))
        .await
        .unwrap();
    store.revoke_key(tenant(0), k1, at(99)).await.unwrap();
    assert_eq!(
        store.list_keys(tenant(0)).await.unwrap()[0].revoked,
        Some(at(50))
    );

    store.close().await.unwrap();
    let again = home.open(IdlePolicy::Separate).await;
    assert_eq!(again.load_keys().await.unwrap().len(), 3);
}

#[test]
fn a_hash_stays_out_of_logs() {
    assert!(!format!("{:?}", key("k1", 0, 77)).contains("77, 77"));
}
