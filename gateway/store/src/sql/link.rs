//! One way to talk to both databases: the same statements, with `$1` for a value, and rows of numbers, texts and bytes.

use std::ops::ControlFlow;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::query::{Query as Statement, QueryAs};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Arguments, Database, FromRow, IntoArguments, Postgres, Sqlite};

use crate::StoreError;

/// A connection, or the transaction that is open on it.
#[derive(Debug)]
pub(crate) enum Link<'c> {
    /// To a file.
    Sqlite(&'c mut SqliteConnection),
    /// To a server.
    Postgres(&'c mut PgConnection),
}

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'q> {
    /// A number.
    Number(Option<i64>),
    /// A text.
    Text(Option<&'q str>),
    /// Bytes.
    Bytes(Option<&'q [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Number(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Number(value)
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(value: &'q str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(value: Option<&'q str>) -> Self {
        Self::Text(value)
    }
}

impl<'q> From<&'q [u8]> for Value<'q> {
    fn from(value: &'q [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'q> From<Option<&'q [u8]>> for Value<'q> {
    fn from(value: Option<&'q [u8]>) -> Self {
        Self::Bytes(value)
    }
}

/// What a row of either database is read into.
pub(crate) trait Fetched:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Fetched for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A statement and its values, in their order.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    sql: &'q str,
    values: Vec<Value<'q>>,
}

/// A statement without values so far.
pub(crate) fn query(sql: &str) -> Query<'_> {
    Query {
        sql,
        values: Vec::new(),
    }
}

impl<'q> Query<'q> {
    /// Adds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; how many rows it has changed.
    pub(crate) async fn execute(self, link: &mut Link<'_>) -> Result<u64, sqlx::Error> {
        Ok(match link {
            Link::Sqlite(link) => self.plain()?.execute(&mut **link).await?.rows_affected(),
            Link::Postgres(link) => self.plain()?.execute(&mut **link).await?.rows_affected(),
        })
    }

    /// The only row.
    pub(crate) async fn fetch_one<T: Fetched>(self, link: &mut Link<'_>) -> Result<T, sqlx::Error> {
        match link {
            Link::Sqlite(link) => self.reading()?.fetch_one(&mut **link).await,
            Link::Postgres(link) => self.reading()?.fetch_one(&mut **link).await,
        }
    }

    /// The row, where there is one.
    pub(crate) async fn fetch_optional<T: Fetched>(
        self,
        link: &mut Link<'_>,
    ) -> Result<Option<T>, sqlx::Error> {
        match link {
            Link::Sqlite(link) => self.reading()?.fetch_optional(&mut **link).await,
            Link::Postgres(link) => self.reading()?.fetch_optional(&mut **link).await,
        }
    }

    /// Every row.
    pub(crate) async fn fetch_all<T: Fetched>(
        self,
        link: &mut Link<'_>,
    ) -> Result<Vec<T>, sqlx::Error> {
        match link {
            Link::Sqlite(link) => self.reading()?.fetch_all(&mut **link).await,
            Link::Postgres(link) => self.reading()?.fetch_all(&mut **link).await,
        }
    }

    /// One row after the other, until `take` breaks off.
    pub(crate) async fn fetch_each<T: Fetched>(
        self,
        link: &mut Link<'_>,
        take: &mut (dyn FnMut(T) -> Result<ControlFlow<()>, StoreError> + Send),
    ) -> Result<(), StoreError> {
        let mut rows = match link {
            Link::Sqlite(link) => self.reading::<Sqlite, T>()?.fetch(&mut **link),
            Link::Postgres(link) => self.reading::<Postgres, T>()?.fetch(&mut **link),
        };
        while let Some(row) = rows.try_next().await? {
            if take(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn plain<D: Takes<'q>>(self) -> Result<Statement<'q, D, D::Arguments<'q>>, sqlx::Error> {
        let sql = self.sql;
        Ok(sqlx::query_with(sql, self.arguments::<D>()?))
    }

    fn reading<D, T>(self) -> Result<QueryAs<'q, D, T, D::Arguments<'q>>, sqlx::Error>
    where
        D: Takes<'q>,
        T: for<'r> FromRow<'r, D::Row>,
    {
        let sql = self.sql;
        Ok(sqlx::query_as_with(sql, self.arguments::<D>()?))
    }

    fn arguments<D: Takes<'q>>(self) -> Result<D::Arguments<'q>, sqlx::Error> {
        let mut arguments = D::Arguments::default();
        for value in self.values {
            D::add(&mut arguments, value).map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

/// A database that takes our values.
trait Takes<'q>: Database<Arguments<'q>: IntoArguments<'q, Self>> {
    fn add(to: &mut Self::Arguments<'q>, value: Value<'q>) -> Result<(), sqlx::error::BoxDynError>;
}

impl<'q> Takes<'q> for Sqlite {
    fn add(to: &mut Self::Arguments<'q>, value: Value<'q>) -> Result<(), sqlx::error::BoxDynError> {
        match value {
            Value::Number(value) => to.add(value),
            Value::Text(value) => to.add(value),
            Value::Bytes(value) => to.add(value),
        }
    }
}

impl<'q> Takes<'q> for Postgres {
    fn add(to: &mut Self::Arguments<'q>, value: Value<'q>) -> Result<(), sqlx::error::BoxDynError> {
        match value {
            Value::Number(value) => to.add(value),
            Value::Text(value) => to.add(value),
            Value::Bytes(value) => to.add(value),
        }
    }
}
