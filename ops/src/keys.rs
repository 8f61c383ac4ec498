//! Fresh keys for a new installation.

use crate::print_result;

/// One current and one next key of each kind, and the secrets shared with the sandbox payment
/// provider, by setting.
pub fn fresh() -> anyhow::Result<Vec<(&'static str, String)>> {
    let seal = || -> anyhow::Result<String> {
        Ok([kit::token::generate_seal_key()?, kit::token::generate_seal_key()?].join(","))
    };
    let sign =
        [admission::contract::generate_pass_key()?, admission::contract::generate_pass_key()?]
            .join(",");
    Ok(vec![
        ("FAIRGATE_PLACE_KEYS", seal()?),
        ("FAIRGATE_PASS_KEYS", sign),
        ("FAIRGATE_CHECKOUT_KEYS", seal()?),
        ("FAIRGATE_PAYMENT_WEBHOOK_SECRET", checkout::contract::generate_webhook_secret()),
        ("FAIRGATE_SANDBOX_API_KEY", uuid::Uuid::new_v4().simple().to_string()),
    ])
}

/// Prints [`fresh`] as NAME=value lines.
pub fn print() -> anyhow::Result<()> {
    for (name, value) in fresh()? {
        print_result(&format!("{name}={value}"));
    }
    Ok(())
}
