//! What the stories stand on: throw-away databases, receivers of posts, chance from a seed. No story is told here.

pub(crate) mod chance;
pub(crate) mod postgres;
pub(crate) mod receiver;
pub(crate) mod stores;

/// Makes a test of each story on each engine.
macro_rules! on_each_engine {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $story() { super::$story(server::store::Engine::Sqlite).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $story() { super::$story(server::store::Engine::Postgres).await; })+
        }
    };
}
pub(crate) use on_each_engine;
