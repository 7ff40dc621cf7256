//! Access tokens for Google's APIs by the JWT bearer grant (RFC 7523 §2.1, RFC 6749 §5): a service account signs an
//! assertion, the token endpoint returns a token for about an hour. One token serves every caller until shortly before
//! it expires; callers who need a new one at the same time share one grant, also when it fails.

mod service_account;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded;
use zeroize::Zeroizing;

pub use service_account::{BadServiceAccount, ServiceAccount};

use super::client::{Client, Payload, Reply, Unreachable};
use super::endpoint::Endpoint;
use crate::domain::time::{Clock, Timestamp};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token this close to its end is replaced: it must outlive the call it is used for.
const MARGIN_SECONDS: i64 = 60;

/// The access tokens of one service account for one scope.
pub(super) struct AccessTokens {
    client: Client,
    account: ServiceAccount,
    token_url: Endpoint,
    scope: &'static str,
    clock: Arc<dyn Clock>,
    grants: AtomicU64,
    held: Mutex<Option<Granted>>,
}

/// A bearer token. Clones are cheap.
#[derive(Clone)]
pub(super) struct AccessToken(Arc<Zeroizing<String>>);

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    /// No reply from the token endpoint.
    Unreachable(Unreachable),
    /// The token endpoint asks for patience (429, 5xx), with its `Retry-After`, or said nothing of use.
    Unavailable { retry_after: Option<String> },
    /// It refuses this account or its assertion.
    Refused,
}

/// What the last grant gave.
type Granted = Result<(AccessToken, Timestamp), NoToken>;

impl AccessTokens {
    /// Tokens for `scope`, from `token_url`.
    pub(super) fn new(
        client: Client,
        account: ServiceAccount,
        token_url: Endpoint,
        scope: &'static str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, token_url, account, scope, clock, grants: AtomicU64::new(0), held: Mutex::new(None) }
    }

    /// A token good for another minute at least, from memory where possible.
    pub(super) async fn current(&self) -> Result<AccessToken, NoToken> {
        self.any_but(None).await
    }

    /// Another token than `refused`, which the API did not take although it should still live.
    pub(super) async fn instead_of(&self, refused: &AccessToken) -> Result<AccessToken, NoToken> {
        self.any_but(Some(refused)).await
    }

    async fn any_but(&self, refused: Option<&AccessToken>) -> Result<AccessToken, NoToken> {
        let finished_before = self.grants.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        match &*held {
            Some(Ok((token, expires))) if self.lives(*expires) && !refused.is_some_and(|it| it.is(token)) => {
                return Ok(token.clone());
            }
            // Failed while we waited for it: asking again at once would queue one time-out behind another.
            Some(Err(failure)) if self.grants.load(Ordering::Acquire) > finished_before => {
                return Err(failure.clone());
            }
            Some(_) | None => {}
        }
        let granted = self.grant().await;
        *held = Some(granted.clone());
        self.grants.fetch_add(1, Ordering::AcqRel);
        granted.map(|(token, _)| token)
    }

    fn lives(&self, expires: Timestamp) -> bool {
        self.clock.now().plus_seconds(MARGIN_SECONDS) < expires
    }

    async fn grant(&self) -> Granted {
        let asked = self.clock.now();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT_TYPE)
            .append_pair("assertion", &self.account.assertion(self.scope, asked))
            .finish();
        match self.client.post(&self.token_url, None, Payload::Form(form)).await {
            Ok(reply) => parse_grant(reply, asked),
            Err(unreachable) => Err(NoToken::Unreachable(unreachable)),
        }
    }
}

fn parse_grant(reply: Reply, asked: Timestamp) -> Granted {
    #[derive(Deserialize)]
    struct Grant {
        access_token: String,
        token_type: String,
        expires_in: u32,
    }

    let unavailable = NoToken::Unavailable { retry_after: reply.retry_after };
    match reply.status {
        200 => {}
        429 | 500.. => return Err(unavailable),
        _ => return Err(NoToken::Refused),
    }
    let Some(grant) = reply.body.whole().and_then(|body| serde_json::from_slice::<Grant>(body).ok()) else {
        return Err(unavailable);
    };
    let token = Zeroizing::new(grant.access_token);
    // RFC 6750 §2.1: what goes into the header is visible ASCII.
    if !grant.token_type.eq_ignore_ascii_case("bearer") || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unavailable);
    }
    Ok((AccessToken(Arc::new(token)), asked.plus_seconds(i64::from(grant.expires_in))))
}

impl AccessToken {
    /// The token itself, for the `Authorization` header and nothing else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}
