//! Reads on one WhatsApp Business Account with one of its tokens (facts §1.4 to §1.6, §1.11).
//! Calls that change something at Meta are in [`changes`].

use domain::ids::{PhoneNumberId, WabaId};
use domain::meta::failure::Failure;
use domain::meta::reading::{CodeVerification, NumberReading, SubscribedApp, WabaReading};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Client;
use super::call::{Answer, Call};
use super::fields::{Asked, Place};
use super::pages::page_of;
use super::usage::Usage;
use crate::Fleet;
use crate::wire;

mod changes;

/// The most rows Meta gives at once (facts §1.5).
const PAGE: &str = "100";

/// The calls on one WhatsApp Business Account with one of its tokens.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    client: &'a Client,
    waba: &'a WabaId,
    token: &'a SecretString,
}

impl<'a> Account<'a> {
    pub(super) fn new(client: &'a Client, waba: &'a WabaId, token: &'a SecretString) -> Self {
        Self { client, waba, token }
    }

    /// How much of this account's hourly limit is used, as Meta last said.
    pub fn usage(&self) -> Usage {
        self.client.shared.budgets.account_usage(self.waba.as_str(), self.client.now())
    }

    /// Reads the account itself, without its numbers and apps.
    pub async fn waba(&self) -> Result<WabaReading, Failure> {
        let call = |asked: &Asked| self.on_waba("/{waba}").query("fields", asked.list(Place::Waba));
        let (answer, _) = self.client.read(&[Place::Waba], call).await?;
        waba_in(&answer)
    }

    /// Reads every number of the account, page by page.
    pub async fn numbers(&self) -> Result<Vec<NumberReading>, Failure> {
        let call = |asked: &Asked| self.list_call(asked, None);
        let (answer, asked) = self.client.read(&[Place::NumberRow], call).await?;
        self.all_numbers(&answer, &answer.body, &asked).await
    }

    /// Reads the account, its subscribed apps and its numbers: one call where all of it fits, one
    /// more per further hundred numbers (facts §5). An edge Meta leaves out is asked for by itself:
    /// "left out" is not "none".
    pub async fn fleet(&self) -> Result<Fleet, Failure> {
        let call = |asked: &Asked| {
            let (waba, row) = (asked.list(Place::Waba), asked.list(Place::NumberRow));
            let fields = format!("{waba},subscribed_apps,phone_numbers.limit({PAGE}){{{row}}}");
            self.on_waba("/{waba}").query("fields", fields)
        };
        let (answer, asked) = self.client.read(&[Place::Waba, Place::NumberRow], call).await?;
        let mut waba = waba_in(&answer)?;
        waba.subscribed_apps = match answer.body.get("subscribed_apps") {
            Some(edge) => Some(self.all_apps(&answer, edge).await?),
            None => Some(self.subscribed_apps().await?),
        };
        let numbers = match answer.body.get("phone_numbers") {
            Some(edge) => self.all_numbers(&answer, edge, &asked).await?,
            None => self.numbers().await?,
        };
        Ok(Fleet { waba, numbers })
    }

    /// Reads one number with all fields this Graph version knows.
    pub async fn number(&self, id: &PhoneNumberId) -> Result<NumberReading, Failure> {
        let call = |asked: &Asked| self.on_number(id).query("fields", asked.list(Place::Number));
        let (answer, asked) = self.client.read(&[Place::Number], call).await?;
        let certificate_asked = asked.has(Place::Number, "certificate");
        let reading = wire::number::read(&answer.body, certificate_asked).filter(|number| number.id.is_some());
        reading.ok_or_else(|| answer.unexpected("phone number with an id"))
    }

    /// Reads whether the number's ownership is proved, and nothing else (row W5 of the request).
    pub async fn code_verification(&self, id: &PhoneNumberId) -> Result<Option<CodeVerification>, Failure> {
        let answer = self.client.send(self.on_number(id).query("fields", "code_verification_status")).await?;
        let reading = wire::number::read(&answer.body, false).ok_or_else(|| answer.unexpected("phone number"))?;
        Ok(reading.code_verification)
    }

    /// Reads the apps subscribed to the account's webhooks, with their overrides (facts §1.11).
    pub async fn subscribed_apps(&self) -> Result<Vec<SubscribedApp>, Failure> {
        let answer = self.client.send(self.on_waba("/{waba}/subscribed_apps")).await?;
        self.all_apps(&answer, &answer.body).await
    }

    async fn all_apps(&self, answer: &Answer, edge: &Value) -> Result<Vec<SubscribedApp>, Failure> {
        let next = |cursor| self.on_waba("/{waba}/subscribed_apps").query("after", cursor);
        let rows = self.client.follow(page_of(answer, edge)?, next).await?;
        Ok(rows.iter().filter_map(wire::waba::subscribed_app).collect())
    }

    async fn all_numbers(&self, answer: &Answer, edge: &Value, asked: &Asked) -> Result<Vec<NumberReading>, Failure> {
        let next = |cursor| self.list_call(asked, Some(cursor));
        let rows = self.client.follow(page_of(answer, edge)?, next).await?;
        let certificate_asked = asked.has(Place::NumberRow, "certificate");
        let numbers: Vec<NumberReading> =
            rows.iter().filter_map(|row| wire::number::read(row, certificate_asked)).collect();
        let asked_health = asked.has(Place::NumberRow, "health_status");
        if asked_health && !numbers.is_empty() && numbers.iter().all(|n| n.health_status.is_none()) {
            self.client.fields().lists_lack_health();
        }
        Ok(numbers)
    }

    fn list_call(&self, asked: &Asked, after: Option<String>) -> Call<'a> {
        let call = self.on_waba("/{waba}/phone_numbers").query("fields", asked.list(Place::NumberRow));
        let call = call.query("limit", PAGE);
        match after {
            Some(cursor) => call.query("after", cursor),
            None => call,
        }
    }

    fn on_waba(&self, route: &'static str) -> Call<'a> {
        self.here(Call::get(route, self.waba.as_str()))
    }

    fn on_number<'b>(&self, id: &'b PhoneNumberId) -> Call<'b>
    where
        'a: 'b,
    {
        self.here(Call::get("/{phone}", id.as_str()))
    }

    fn here<'b>(&self, call: Call<'b>) -> Call<'b>
    where
        'a: 'b,
    {
        let mut call = call.token(self.token.expose_secret());
        call.account = Some(self.waba.as_str());
        call
    }
}

fn waba_in(answer: &Answer) -> Result<WabaReading, Failure> {
    let reading = wire::waba::read(&answer.body).filter(|waba| waba.id.is_some());
    reading.ok_or_else(|| answer.unexpected("account with an id"))
}
