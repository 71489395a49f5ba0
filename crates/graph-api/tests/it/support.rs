//! An emulator, a client aimed at it, a signed-up customer and a callback that answers handshakes.
//! Must not assert anything itself.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AppId, PhoneNumberId, WabaId};
use graph_api::{Account, Client, Settings};
use graph_emulator::{ClockMode, Config, Emulator, FleetSpec, Popup, SignupResult};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Gives the process a subscriber. Without one, a log statement that another test reaches first is switched off for the
/// whole process, and a test that listens misses it.
pub(crate) fn every_event_is_wanted() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
}

/// Meta, and the app's client of it.
pub(crate) struct Meta {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

/// What a customer leaves behind.
pub(crate) struct Customer {
    pub(crate) waba: WabaId,
    pub(crate) number: PhoneNumberId,
    pub(crate) token: SecretString,
}

impl Meta {
    pub(crate) async fn start() -> Self {
        Self::with_deadline(Duration::from_secs(5)).await
    }

    /// An emulator that insists on proofs, with a clock that stands still.
    pub(crate) async fn with_deadline(deadline: Duration) -> Self {
        every_event_is_wanted();
        let epoch: Timestamp = "2026-10-20T08:00:00Z".parse().unwrap();
        let mut config = Config { clock: ClockMode::Stepped(epoch), ..Config::default() };
        config.settings.require_app_secret_proof = true;
        let (app_id, app_secret) = (config.app_id.clone(), config.app_secret.clone());
        let emulator = Emulator::start(config).await.unwrap();
        let client = client(&emulator, &app_id, &app_secret, deadline);
        Self { emulator, client }
    }

    pub(crate) async fn sign_up(&self, popup: Popup) -> Customer {
        let SignupResult { code, waba_id, phone_number_id, .. } = self.emulator.sign_up(popup).await;
        let token = self.client.exchange_code(&code.unwrap().into()).await.unwrap();
        Customer {
            waba: WabaId(waba_id.unwrap()),
            number: PhoneNumberId(phone_number_id.unwrap_or_default()),
            token: token.access_token,
        }
    }

    /// One account with so many live numbers.
    pub(crate) fn fleet(&self, numbers: usize) -> (Customer, Vec<String>) {
        let spec = FleetSpec { wabas: 1, numbers_per_waba: numbers, ..FleetSpec::default() };
        let fleet = self.emulator.with_world(|world, now| world.build_fleet(&spec, now));
        let (waba, ids) = fleet.wabas.into_iter().next().unwrap();
        let number = PhoneNumberId(ids.first().cloned().unwrap_or_default());
        (Customer { waba: WabaId(waba), number, token: fleet.token.into() }, ids)
    }

    pub(crate) fn on<'a>(&'a self, customer: &'a Customer) -> Account<'a> {
        self.client.on(&customer.waba, &customer.token)
    }

    /// How many calls of a route Meta has seen.
    pub(crate) fn count(&self, route: &str) -> usize {
        self.emulator.calls(route).len()
    }

    /// The `fields` parameter of the last call of a route.
    pub(crate) fn last_fields(&self, route: &str) -> String {
        let calls = self.emulator.calls(route);
        calls.last().and_then(|call| call.param("fields")).unwrap_or_default().to_owned()
    }
}

pub(crate) fn client(emulator: &Emulator, app_id: &str, app_secret: &str, deadline: Duration) -> Client {
    let clock = emulator.clone();
    let settings = Settings {
        base_url: emulator.base_url().parse().unwrap(),
        version: "v25.0".to_owned(),
        app_id: AppId(app_id.to_owned()),
        app_secret: app_secret.into(),
        deadline,
        now: Arc::new(move || clock.now()),
        observe: Arc::new(|_| ()),
    };
    Client::new(settings).unwrap()
}

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

pub(crate) fn shown(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// Serves one canned answer, whole, to every connection; for what no world would say.
pub(crate) async fn canned(answer: &'static [u8]) -> url::Url {
    serve(move |_| answer.to_vec()).await
}

/// A callback that passes every handshake; its URL.
pub(crate) async fn callback() -> String {
    let echo = |request: &str| {
        let after = request.split("hub.challenge=").nth(1).unwrap_or_default();
        let challenge: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
        let length = challenge.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{challenge}").into_bytes()
    };
    serve(echo).await.join("/webhooks/whatsapp").unwrap().to_string()
}

async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> url::Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let length = socket.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
            let _ = socket.write_all(&answer(&text)).await;
            let _ = socket.shutdown().await;
        }
    });
    format!("http://{address}").parse().unwrap()
}
