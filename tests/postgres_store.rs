//! The PostgreSQL store keeps the contract of every store.

use std::sync::Arc;

use async_trait::async_trait;
use server::store::Store;
use server::store::contract::Ground;
use server::store_contract;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};
use tests::postgres::Database;
use tokio::sync::OnceCell;

#[derive(Default)]
struct OneDatabase(OnceCell<Database>);

#[async_trait]
impl Ground for OneDatabase {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.get_or_init(Database::new).await.open().await)
    }
}

store_contract!(OneDatabase::default());

#[tokio::test]
async fn the_data_of_checked_queries_is_what_the_database_says() {
    let database = Database::new().await;
    database.open().await;
    let mut connection = database.connect().await;
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/.sqlx");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("server/.sqlx is committed") {
        let text = std::fs::read_to_string(entry.expect("it can be listed").path()).expect("it can be read");
        let committed: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let query = committed["query"].as_str().expect("a query").to_owned();
        let described = connection.describe(AssertSqlSafe(query.clone()).into_sql_str()).await;
        let described = described.unwrap_or_else(|error| panic!("run `tests/postgres prepare`: {error}: {query}"));
        let described = serde_json::to_value(described).expect("plain data");
        assert_eq!(described, committed["describe"], "run `tests/postgres prepare`: {query}");
        count += 1;
    }
    assert!(count > 10, "{count} queries");
}
