//! Direct links to pages at Meta. Meta changes these addresses, so they are templates that the configuration may replace
//! (facts §7). Must not decide when a link is shown.

use crate::ids::{AppId, BusinessId, WabaId};

/// A page at Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LinkTarget {
    /// Phone numbers of the account: list, name, two-step, state.
    PhoneNumbers,
    /// The same page; the name is under number > Profile (it has no address of its own).
    DisplayName,
    /// The same page; two-step verification has no address of its own either.
    TwoStep,
    /// The account in the business settings: partners, people.
    AccountSettings,
    /// Overview of WhatsApp Manager.
    Overview,
    /// The account's activity log.
    ActivityLog,
    Templates,
    SecurityCenter,
    /// Legal name and website.
    BusinessInfo,
    /// Payment method of the account.
    Payment,
    /// Account quality, restrictions and appeals.
    AccountQuality,
    PartnerRequests,
    Support,
    /// The app's WhatsApp settings.
    AppSettings,
    /// Meta's own status page.
    StatusPage,
}

/// A page at Meta with the ids its address needs, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeepLink {
    pub target: LinkTarget,
    pub business_id: Option<BusinessId>,
    pub waba_id: Option<WabaId>,
    pub app_id: Option<AppId>,
}

/// One address per [`LinkTarget`], with `{business_id}`, `{waba_id}` and `{app_id}` as placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplates {
    pub phone_numbers: String,
    pub display_name: String,
    pub two_step: String,
    pub account_settings: String,
    pub overview: String,
    pub activity_log: String,
    pub templates: String,
    pub security_center: String,
    pub business_info: String,
    pub payment: String,
    pub account_quality: String,
    pub partner_requests: String,
    pub support: String,
    pub app_settings: String,
    pub status_page: String,
}

/// Phone numbers, from Meta's own sample app (confidence H).
const PHONE_NUMBERS: &str = "https://business.facebook.com/latest/whatsapp_manager/phone_numbers/\
    ?business_id={business_id}&tab=phone-numbers&nav_ref=whatsapp_manager&asset_id={waba_id}";

impl Default for LinkTemplates {
    /// The addresses of facts §7.
    fn default() -> Self {
        let business = |rest: &str| format!("https://business.facebook.com/{rest}");
        Self {
            phone_numbers: PHONE_NUMBERS.to_owned(),
            display_name: PHONE_NUMBERS.to_owned(),
            two_step: PHONE_NUMBERS.to_owned(),
            account_settings: business(
                "latest/settings/whatsapp_account?business_id={business_id}&selected_asset_id={waba_id}\
                 &selected_asset_type=whatsapp-business-account",
            ),
            overview: business("latest/whatsapp_manager/overview/?business_id={business_id}&asset_id={waba_id}"),
            activity_log: business(
                "latest/whatsapp_manager/activity_log/?business_id={business_id}&asset_id={waba_id}",
            ),
            templates: business(
                "latest/whatsapp_manager/message_templates?business_id={business_id}&asset_id={waba_id}",
            ),
            security_center: business("latest/settings/security_center?business_id={business_id}"),
            business_info: business("settings/info?business_id={business_id}"),
            payment: business(
                "latest/billing_hub/accounts/details/?asset_id={waba_id}&business_id={business_id}\
                 &placement=BILLING_HUB",
            ),
            account_quality: business("business-support-home/{business_id}/"),
            partner_requests: business("settings/requests/"),
            support: business("direct-support/"),
            app_settings: "https://developers.facebook.com/apps/{app_id}/whatsapp-business/wa-settings/".to_owned(),
            status_page: "https://metastatus.com/whatsapp-business-api".to_owned(),
        }
    }
}

impl LinkTemplates {
    /// The address template of a page.
    pub fn get(&self, target: LinkTarget) -> &str {
        match target {
            LinkTarget::PhoneNumbers => &self.phone_numbers,
            LinkTarget::DisplayName => &self.display_name,
            LinkTarget::TwoStep => &self.two_step,
            LinkTarget::AccountSettings => &self.account_settings,
            LinkTarget::Overview => &self.overview,
            LinkTarget::ActivityLog => &self.activity_log,
            LinkTarget::Templates => &self.templates,
            LinkTarget::SecurityCenter => &self.security_center,
            LinkTarget::BusinessInfo => &self.business_info,
            LinkTarget::Payment => &self.payment,
            LinkTarget::AccountQuality => &self.account_quality,
            LinkTarget::PartnerRequests => &self.partner_requests,
            LinkTarget::Support => &self.support,
            LinkTarget::AppSettings => &self.app_settings,
            LinkTarget::StatusPage => &self.status_page,
        }
    }
}

/// The address of a page. Where an id it needs is missing, or is not a string of digits, the address ends before the query
/// or the first id.
pub fn url(link: &DeepLink, templates: &LinkTemplates) -> String {
    let template = templates.get(link.target);
    let ids = [
        ("{business_id}", link.business_id.as_ref().map(BusinessId::as_str)),
        ("{waba_id}", link.waba_id.as_ref().map(WabaId::as_str)),
        ("{app_id}", link.app_id.as_ref().map(AppId::as_str)),
    ];
    let mut address = template.to_owned();
    for (placeholder, id) in ids.into_iter().filter(|(placeholder, _)| template.contains(placeholder)) {
        match id.filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())) {
            Some(id) => address = address.replace(placeholder, id),
            None => return template.split(['?', '{']).next().unwrap_or_default().to_owned(),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    fn link(target: LinkTarget, business: &str, waba: &str) -> DeepLink {
        let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        DeepLink {
            target,
            business_id: some(business).map(BusinessId),
            waba_id: some(waba).map(WabaId),
            app_id: Some(AppId("740".to_owned())),
        }
    }

    #[test]
    fn ids_are_address_in() {
        let templates = LinkTemplates::default();
        assert_eq!(
            url(&link(LinkTarget::PhoneNumbers, "730", "710"), &templates),
            "https://business.facebook.com/latest/whatsapp_manager/phone_numbers/\
             ?business_id=730&tab=phone-numbers&nav_ref=whatsapp_manager&asset_id=710"
        );
        assert_eq!(
            url(&link(LinkTarget::AppSettings, "", ""), &templates),
            "https://developers.facebook.com/apps/740/whatsapp-business/wa-settings/"
        );
        for target in LinkTarget::VARIANTS {
            let full = url(&link(*target, "730", "710"), &templates);
            assert!(full.starts_with("https://") && !full.contains('{') && !full.contains(' '), "{full}");
        }
    }

    #[test]
    fn a_missing_or_foreign_looking_id_gives_the_base_page() {
        let templates = LinkTemplates::default();
        let base = "https://business.facebook.com/latest/whatsapp_manager/phone_numbers/";
        for (business, waba) in [("", "710"), ("730", ""), ("7&x=1", "710"), ("730", "../7"), ("730", "٧١٠")] {
            assert_eq!(url(&link(LinkTarget::PhoneNumbers, business, waba), &templates), base, "{business} {waba}");
        }
        assert_eq!(
            url(&link(LinkTarget::AccountQuality, "", "710"), &templates),
            "https://business.facebook.com/business-support-home/"
        );
    }

    #[test]
    fn a_template_can_be_replaced() {
        let templates = LinkTemplates { support: "https://help.example/{waba_id}".to_owned(), ..Default::default() };
        assert_eq!(url(&link(LinkTarget::Support, "", "710"), &templates), "https://help.example/710");
    }
}
