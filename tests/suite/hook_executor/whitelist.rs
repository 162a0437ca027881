//! The whitelist is what its file says now, or said when it last made sense.
use super::{Executor, TOKEN, command};
use anyhow::{Context, Result};
use hooks::Error;
use std::{fs, time::Duration};
use tokio::time::{sleep, timeout};

impl Executor {
    /// Waits until a command is admitted, or no longer is.
    async fn until_admitted(&self, program: &str, admitted: bool) -> Result<()> {
        let change = async {
            while matches!(self.stream(&command(program, &[]), Vec::new()).await, Err(Error::Denied))
                == admitted
            {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), change).await.with_context(|| format!("{program}: not {admitted}"))
    }

    /// Waits until its metrics have that line.
    pub(super) async fn until_shown(&self, line: &str) -> Result<()> {
        let shown = async {
            loop {
                let asked = self.http.get(self.url("/metrics")).bearer_auth(TOKEN);
                if asked.send().await?.text().await?.lines().any(|found| found == line) {
                    return anyhow::Ok(());
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), shown).await.with_context(|| format!("{line} is not shown"))?
    }
}

#[tokio::test]
async fn a_changed_whitelist_counts_without_a_restart_and_a_bad_one_does_not() -> Result<()> {
    let executor = Executor::start("commands: { cat: {} }")?;
    let file = executor.file("whitelist.yaml");
    executor.until_admitted("cat", true).await?;
    executor.until_admitted("true", false).await?;

    fs::write(&file, "commands: { 'true': {} }")?;
    executor.until_admitted("true", true).await?;
    executor.until_admitted("cat", false).await?;

    fs::write(&file, "commands: { cat: { argumentPatterns: ['('] } }")?;
    executor.until_shown("postern_hook_whitelist_current 0").await?;
    executor.until_shown(r#"postern_hook_whitelist_reloads_total{outcome="Refused"} 1"#).await?;
    executor.until_admitted("true", true).await?;
    executor.until_admitted("cat", false).await?;

    fs::write(&file, "commands: { bash: {}, cat: {} }")?;
    executor.until_admitted("cat", true).await?;
    executor.until_shown("postern_hook_whitelist_current 1").await?;
    assert!(executor.log().contains("bash runs whatever"), "{}", executor.log());
    Ok(())
}
