//! A real Chromium with a fresh profile, driven through Debian's chromedriver. Ends with the test.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::ChromiumLikeCapabilities as _;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A browser of one test.
pub(crate) struct Chromium {
    pub(crate) driver: WebDriver,
    chromedriver: Child,
    _profile: TempDir,
}

impl Chromium {
    /// Starts driver and browser; says which Debian package is missing if one is.
    pub(crate) async fn start() -> Self {
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver does not start: install Debian's packages chromium and chromium-driver");
        let port = port_of(&mut chromedriver).await;
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        let profile_folder = format!("--user-data-dir={}", profile.path().display());
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,900",
            &profile_folder,
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        driver.set_implicit_wait_timeout(Duration::from_secs(5)).await.unwrap();
        Self { driver, chromedriver, _profile: profile }
    }

    /// Sets the width in CSS pixels and the colour scheme a person prefers.
    pub(crate) async fn look(&self, width: u32, scheme: &str) -> WebDriverResult<()> {
        let tools = self.driver.cdp();
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        tools.send_raw("Emulation.setDeviceMetricsOverride", metrics).await?;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        tools.send_raw("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// What the page complained about: scripts or styles the policy refused, errors thrown.
    pub(crate) async fn complaints(&self) -> WebDriverResult<Vec<String>> {
        let seen: Value = self
            .driver
            .execute(
                "return performance.getEntriesByType('resource').filter(r => r.responseStatus >= 400).map(r => r.name)",
                vec![],
            )
            .await?
            .convert()?;
        Ok(seen.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect())
    }

    /// Ends browser and driver.
    pub(crate) async fn stop(mut self) -> WebDriverResult<()> {
        self.driver.quit().await?;
        self.chromedriver.kill().await.ok();
        Ok(())
    }
}

async fn port_of(chromedriver: &mut Child) -> u16 {
    let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        // "ChromeDriver was started successfully on port 40123."
        let port = line.rsplit(' ').next().and_then(|word| word.trim_end_matches('.').parse().ok());
        if let Some(port) = port.filter(|_| line.contains("successfully")) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended without naming its port");
}
