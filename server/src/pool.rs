//! Pools of connections, to the store and to targets.

use sqlx::Database;
use sqlx::pool::PoolOptions;

/// Options of a pool whose connections stay for as long as it does.
///
/// Neither an idle timeout nor a lifetime: for either, sqlx 0.8 walks the idle connections in a
/// task of its own, as many as a counter says that for a moment can stand below zero, which is
/// close to 2^64. That task then never ends, and neither does the process.
pub fn options<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new().idle_timeout(None).max_lifetime(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_walks_the_idle_connections() {
        let options = options::<sqlx::Sqlite>();
        assert_eq!(options.get_idle_timeout(), None);
        assert_eq!(options.get_max_lifetime(), None);
        assert_eq!(options.get_min_connections(), 0);
    }
}
