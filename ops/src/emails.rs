//! `fairgate emails`: emails that nobody tries to send any more, and another chance for them.

use anyhow::bail;
use clap::Args;
use notifications::contract::{GivenUpEmail, given_up, retry_given_up};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{print_result, print_status, settings::Stores};

#[derive(Args)]
pub struct EmailsArgs {
    /// Try the email with this id again, or all that were given up; for after the cause is mended.
    #[arg(long, value_name = "ID")]
    retry: Option<Option<Uuid>>,
    /// Show so many at most, the newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

/// Prints a line for each email that was given up (id, kind, what it is about, when it was made,
/// attempts, why), parted by tabs; or gives them another chance. Whom they are for is not told.
pub async fn run(args: EmailsArgs) -> anyhow::Result<()> {
    let pool = Stores::from_env()?.pool;
    match args.retry {
        Some(email) => print_status(&retry(&pool, email).await?),
        None => {
            let found = given_up(&pool, args.limit.into()).await?;
            found.iter().for_each(|email| print_result(&line(email)));
            print_status(&summary(found.len(), args.limit));
        }
    }
    Ok(())
}

async fn retry(pool: &PgPool, email: Option<Uuid>) -> anyhow::Result<String> {
    match (retry_given_up(pool, email).await?, email) {
        (0, Some(email)) => {
            bail!("no email {email} was given up; `fairgate emails` lists those that were")
        }
        (0, None) => Ok("no email was given up".to_owned()),
        (1, _) => Ok("1 email will be tried again".to_owned()),
        (count, _) => Ok(format!("{count} emails will be tried again")),
    }
}

fn line(email: &GivenUpEmail) -> String {
    let GivenUpEmail { id, kind, subject, reason, attempts, created_at } = email;
    let made = created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("{id}\t{kind}\t{subject}\t{made}\t{attempts}\t{reason}")
}

fn summary(found: usize, limit: u16) -> String {
    match found {
        0 => "no email was given up".to_owned(),
        _ if found == usize::from(limit) => {
            format!("the newest {found} that were given up; --limit shows more")
        }
        _ => format!(
            "{found} given up; `fairgate emails --retry` tries them again once the cause is mended"
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use testkit::TestEnv;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: EmailsArgs,
    }

    #[test]
    fn one_email_or_all_can_be_named() {
        let retry = |args: &[&str]| {
            Cli::try_parse_from([&["emails"], args].concat()).map(|cli| cli.args.retry).ok()
        };
        assert_eq!(retry(&[]), Some(None));
        assert_eq!(retry(&["--retry"]), Some(Some(None)));
        let one = Uuid::from_u128(7);
        assert_eq!(retry(&["--retry", &one.to_string()]), Some(Some(Some(one))));
        assert_eq!((retry(&["--retry", "all"]), retry(&["--limit", "0"])), (None, None));
    }

    #[test]
    fn what_was_given_up_is_a_line_with_its_parts_parted_by_tabs() {
        let gone = Uuid::from_u128(1);
        let email = GivenUpEmail {
            id: gone,
            kind: "ticket".to_owned(),
            subject: gone,
            reason: "the mail server answered 550".to_owned(),
            attempts: 3,
            created_at: chrono::DateTime::UNIX_EPOCH,
        };
        let line = line(&email);
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(
            (fields[0], fields[1], fields[5]),
            (&*gone.to_string(), "ticket", "the mail server answered 550")
        );
    }

    #[tokio::test]
    async fn what_was_not_given_up_is_not_tried_again() {
        let test_env = TestEnv::new().await;
        let pool = &test_env.pool;
        let refused = retry(pool, Some(Uuid::from_u128(2))).await.expect_err("nothing").to_string();
        assert!(refused.contains("`fairgate emails` lists"), "{refused}");
        assert_eq!(retry(pool, None).await.expect("nothing"), "no email was given up");
    }
}
