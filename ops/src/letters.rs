//! `fairgate letters`: letters that nobody tries to send any more, and another chance for them.

use anyhow::bail;
use clap::Args;
use notifications::contract::{GivenUp, given_up, retry_given_up};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{print_result, print_status, settings::Stores};

#[derive(Args)]
pub struct LettersArgs {
    /// Try the letter with this id again, or all that were given up; for after the cause is mended.
    #[arg(long, value_name = "ID")]
    retry: Option<Option<Uuid>>,
    /// Show so many at most, the newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

/// Prints a line for each letter that was given up (id, kind, what it is about, when it was made,
/// attempts, why), parted by tabs; or gives them another chance. Whom they are for is not told.
pub async fn run(args: LettersArgs) -> anyhow::Result<()> {
    let pool = Stores::from_env()?.pool;
    match args.retry {
        Some(letter) => print_status(&retry(&pool, letter).await?),
        None => {
            let found = given_up(&pool, args.limit.into()).await?;
            found.iter().for_each(|letter| print_result(&line(letter)));
            print_status(&summary(found.len(), args.limit));
        }
    }
    Ok(())
}

async fn retry(pool: &PgPool, letter: Option<Uuid>) -> anyhow::Result<String> {
    match (retry_given_up(pool, letter).await?, letter) {
        (0, Some(letter)) => {
            bail!("no letter {letter} was given up; `fairgate letters` lists those that were")
        }
        (0, None) => Ok("no letter was given up".to_owned()),
        (1, _) => Ok("1 letter will be tried again".to_owned()),
        (count, _) => Ok(format!("{count} letters will be tried again")),
    }
}

fn line(letter: &GivenUp) -> String {
    let GivenUp { letter: id, kind, subject, reason, attempts, created_at } = letter;
    let made = created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("{id}\t{kind}\t{subject}\t{made}\t{attempts}\t{reason}")
}

fn summary(found: usize, limit: u16) -> String {
    match found {
        0 => "no letter was given up".to_owned(),
        _ if found == usize::from(limit) => {
            format!("the newest {found} that were given up; --limit shows more")
        }
        _ => format!(
            "{found} given up; `fairgate letters --retry` tries them again once the cause is mended"
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
        args: LettersArgs,
    }

    #[test]
    fn one_letter_or_all_can_be_named() {
        let retry = |args: &[&str]| {
            Cli::try_parse_from([&["letters"], args].concat()).map(|cli| cli.args.retry).ok()
        };
        assert_eq!(retry(&[]), Some(None));
        assert_eq!(retry(&["--retry"]), Some(Some(None)));
        let one = Uuid::from_u128(7);
        assert_eq!(retry(&["--retry", &one.to_string()]), Some(Some(Some(one))));
        assert_eq!((retry(&["--retry", "all"]), retry(&["--limit", "0"])), (None, None));
    }

    #[tokio::test]
    async fn what_was_given_up_is_listed_and_tried_again() {
        let test_env = TestEnv::new().await;
        let pool = &test_env.pool;
        let (gone, sent) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (letter, reason) in [(gone, Some("the mail server answered 550")), (sent, None)] {
            let sql =
                "INSERT INTO notifications.letters (letter, kind, subject, request_id, attempts, \
                    given_up, sent_at)
                       VALUES ($1, 'ticket', $1, 'r', 3, $2, CASE WHEN $2 IS NULL THEN now() END)";
            sqlx::query(sql).bind(letter).bind(reason).execute(pool).await.expect("a letter");
        }
        let found = given_up(pool, 10).await.expect("letters");
        let lines: Vec<String> = found.iter().map(line).collect();
        assert_eq!(lines.len(), 1);
        let fields: Vec<&str> = lines[0].split('\t').collect();
        assert_eq!(
            (fields[0], fields[1], fields[5]),
            (&*gone.to_string(), "ticket", "the mail server answered 550")
        );

        let refused = retry(pool, Some(sent)).await.expect_err("it was sent").to_string();
        assert!(refused.contains("`fairgate letters` lists"), "{refused}");
        assert_eq!(
            retry(pool, Some(gone)).await.expect("tried again"),
            "1 letter will be tried again"
        );
        assert_eq!(retry(pool, None).await.expect("nothing"), "no letter was given up");
        assert!(given_up(pool, 10).await.expect("letters").is_empty());
    }
}
