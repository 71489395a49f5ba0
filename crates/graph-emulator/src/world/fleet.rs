//! Builds whole fleets at once, for tests of scale. Sends no webhooks: a fleet existed before the emulator started.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::meta_enums::{BusinessVerification, NameStatus, Quality};
use super::numbers::number::Number;
use super::state::World;

/// Size and state of a fleet to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetSpec {
    /// Number of WABAs; one portfolio owns all of them.
    pub wabas: usize,
    /// Number of phone numbers in each WABA.
    pub numbers_per_waba: usize,
    /// Whether the app is subscribed to each WABA.
    pub subscribed: bool,
    /// Whether the numbers are registered; each then has the PIN `123456`.
    pub registered: bool,
}

impl Default for FleetSpec {
    fn default() -> Self {
        Self { wabas: 20, numbers_per_waba: 50, subscribed: true, registered: true }
    }
}

/// The ids and the token of a fleet that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The portfolio that owns every WABA of the fleet.
    pub business_id: String,
    /// A business token with access to every WABA of the fleet.
    pub token: String,
    /// Ids of the WABAs, each with the ids of its numbers.
    pub wabas: Vec<(String, Vec<String>)>,
}

impl World {
    /// Builds a fleet that is shared with the default app.
    pub fn build_fleet(&mut self, spec: &FleetSpec, now: Timestamp) -> Fleet {
        let app = self.default_app().to_owned();
        let business_id = self.new_business(None, "Example Fleet", BusinessVerification::Verified, now);
        let mut wabas = Vec::with_capacity(spec.wabas);
        for w in 0..spec.wabas {
            let waba_id = self.new_waba(None, &business_id, format!("Fleet account {}", w + 1), now);
            self.share(&app, &business_id, &waba_id);
            if spec.subscribed {
                self.subscribe_waba(&waba_id, None);
            }
            let numbers = (0..spec.numbers_per_waba).map(|i| self.fleet_number(spec, &waba_id, (w, i), now)).collect();
            wabas.push((waba_id, numbers));
        }
        let token = self.issue_business_token(&business_id, now);
        Fleet { business_id, token, wabas }
    }

    fn fleet_number(
        &mut self,
        spec: &FleetSpec,
        waba_id: &str,
        (waba, index): (usize, usize),
        now: Timestamp,
    ) -> String {
        let id = self.ids.object("72");
        let digits = format!("1555{:03}{:04}", waba % 1000, index % 10_000);
        let mut number = Number::new(id.clone(), waba_id.to_owned(), digits, format!("Shop {}", index + 1), now);
        number.name_status = NameStatus::Approved;
        if spec.registered {
            (number.registered, number.ever_registered) = (true, true);
            number.pin = Some("123456".to_owned());
            number.quality = Quality::Green;
        }
        self.numbers.insert(id.clone(), number);
        id
    }
}
