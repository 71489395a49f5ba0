//! Calls of the app itself: codes, tokens, and the app's own webhook subscription (facts §1.1 to
//! §1.3 and §1.12). Must not touch anything of one account.

use domain::ids::{BusinessId, WabaId};
use domain::meta::failure::Failure;
use secrecy::{ExposeSecret, SecretString};

use super::Client;
use super::call::Call;
use super::pages::page_of;
use crate::wire;
use crate::wire::token::{AppSubscription, Token, TokenInfo};

/// The only webhook object we subscribe to.
const OBJECT: &str = "whatsapp_business_account";

impl Client {
    /// Exchanges a signup's code, which lives 30 s and works once, for the customer's business token
    /// (facts §1.1). Sent as a form: neither code nor secret stands in a URL.
    pub async fn exchange_code(&self, code: &SecretString) -> Result<Token, Failure> {
        let settings = &self.shared.settings;
        let (secret, code) = (settings.app_secret.expose_secret(), code.expose_secret());
        let form = vec![("client_id", settings.app_id.as_str()), ("client_secret", secret), ("code", code)];
        let call = Call::post("/oauth/access_token", "").form(form).secret(secret).secret(code);
        let answer = self.send(call).await?;
        Token::read(&answer.body).ok_or_else(|| answer.unexpected("access_token"))
    }

    /// Asks Meta about a token (facts §1.3), even about a dead one.
    ///
    /// It is the one call with a token in its URL: Meta documents `input_token` as a query parameter of a GET and nothing else.
    /// The URL is never logged, and errors are cleaned of it.
    pub async fn debug_token(&self, token: &SecretString) -> Result<TokenInfo, Failure> {
        let token = token.expose_secret();
        let call = self.as_app(Call::get("/debug_token", "").query("input_token", token).secret(token));
        let answer = self.send(call).await?;
        TokenInfo::read(&answer.body, token).ok_or_else(|| answer.unexpected("token data"))
    }

    /// The accounts that a business's token reaches where the token does not name them: those that the business owns,
    /// the newest first (facts §1.16). Without `business` Meta is asked whose token it is (facts §1.3).
    pub async fn accounts_of(
        &self,
        token: &SecretString,
        business: Option<&BusinessId>,
    ) -> Result<Vec<WabaId>, Failure> {
        let token = token.expose_secret();
        let owner = match business {
            Some(business) => business.clone(),
            None => {
                let answer = self.send(Call::get("/me", "").query("fields", "client_business_id").token(token)).await?;
                let owner = wire::filled(&answer.body, "client_business_id");
                BusinessId(owner.ok_or_else(|| answer.unexpected("client_business_id"))?)
            }
        };
        let call = |after: Option<String>| {
            let call = Call::get("/{business}/owned_whatsapp_business_accounts", owner.as_str()).token(token);
            let call = call.query("fields", "id").query("limit", "100");
            match after {
                Some(cursor) => call.query("after", cursor),
                None => call,
            }
        };
        let first = self.send(call(None)).await?;
        let rows = self.follow(page_of(&first, &first.body)?, |cursor| call(Some(cursor))).await?;
        Ok(rows.iter().filter_map(|row| wire::filled(row, "id")).map(WabaId).collect())
    }

    /// The app's own callback for WhatsApp events (facts §1.12); `None` when there is none.
    pub async fn app_subscription(&self) -> Result<Option<AppSubscription>, Failure> {
        let app_id = self.shared.settings.app_id.as_str();
        let answer = self.send(self.as_app(Call::get("/{app}/subscriptions", app_id))).await?;
        let page = page_of(&answer, &answer.body)?;
        Ok(page.rows.iter().find_map(|row| AppSubscription::read(row, OBJECT)))
    }

    /// Sets the app's own callback and fields; Meta checks the callback at once (facts §1.12).
    pub async fn subscribe_app(
        &self,
        callback_url: &str,
        verify_token: &SecretString,
        fields: &[String],
    ) -> Result<(), Failure> {
        let (verify_token, fields) = (verify_token.expose_secret(), fields.join(","));
        let form = vec![
            ("object", OBJECT),
            ("callback_url", callback_url),
            ("verify_token", verify_token),
            ("fields", fields.as_str()),
            ("include_values", "true"),
        ];
        let app_id = self.shared.settings.app_id.as_str();
        let call = self.as_app(Call::post("/{app}/subscriptions", app_id).form(form).secret(verify_token));
        self.send(call).await?.success()
    }

    /// Fetches a customer's business token again without the customer, while the app is still
    /// installed there (facts §1.2); `system_token` is the partner's own system user's.
    pub async fn refetch_business_token(
        &self,
        business: &BusinessId,
        system_token: &SecretString,
    ) -> Result<SecretString, Failure> {
        let call = Call::post("/{business}/system_user_access_tokens", business.as_str())
            .form(vec![("fetch_only", "true")])
            .token(system_token.expose_secret());
        let answer = self.send(call).await?;
        let token = Token::read(&answer.body).ok_or_else(|| answer.unexpected("access_token"))?;
        Ok(token.access_token)
    }

    fn as_app<'a>(&'a self, call: Call<'a>) -> Call<'a> {
        call.token(self.shared.app_token.expose_secret()).secret(self.shared.settings.app_secret.expose_secret())
    }
}
