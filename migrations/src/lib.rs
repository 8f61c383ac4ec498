//! The SQL of every owner: one folder and one Postgres schema each.
//!
//! Versions are unique across owners (catalog 1xxx, admission 2xxx, waitroom 3xxx, checkout 4xxx,
//! sandbox 5xxx, reseller 6xxx, admin 7xxx, notifications 8xxx), so the owners can share one ledger
//! table now and move to databases of their own later.

use sqlx::{PgPool, migrate::Migrator};

static OWNERS: [(&str, Migrator); 8] = [
    ("catalog", sqlx::migrate!("./catalog")),
    ("admission", sqlx::migrate!("./admission")),
    ("waitroom", sqlx::migrate!("./waitroom")),
    ("checkout", sqlx::migrate!("./checkout")),
    ("sandbox", sqlx::migrate!("./sandbox")),
    ("reseller", sqlx::migrate!("./reseller")),
    ("admin", sqlx::migrate!("./admin")),
    ("notifications", sqlx::migrate!("./notifications")),
];

/// Brings every schema up to date; running it again does nothing. Safe to run from several
/// processes at once.
///
/// # Errors
/// The owner whose migration failed and why.
pub async fn run(pool: &PgPool) -> anyhow::Result<()> {
    for (owner, migrator) in &OWNERS {
        let mut migrator =
            Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
        migrator.set_ignore_missing(true);
        migrator.run(pool).await.map_err(|error| anyhow::anyhow!("migrating {owner}: {error}"))?;
    }
    Ok(())
}

/// Changes whenever any migration changes; names the template database of the tests.
pub fn fingerprint() -> String {
    let mut sum = 0u64;
    for byte in OWNERS
        .iter()
        .flat_map(|(_, migrator)| migrator.iter())
        .flat_map(|migration| migration.checksum.iter())
    {
        sum = sum.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(*byte));
    }
    format!("{sum:016x}")
}
