//! A client's secret: chosen, kept or random, and stored in the form that its method needs.

use tracing::warn;

use super::super::authenticate_client::secret_context;
use super::super::provider::Provider;
use super::Registered;
use super::members::BadMember;
use crate::domain::algorithm::Algorithm;
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::secret::{Secret, SecretHash};

/// A chosen client secret below this many bytes is taken with a warning.
const WEAK_SECRET: usize = 16;

pub(super) const fn has_secret(method: AuthenticationMethod) -> bool {
    use AuthenticationMethod as Method;
    matches!(method, Method::ClientSecretBasic | Method::ClientSecretPost | Method::ClientSecretJwt)
}

/// Gives a client the secret that was chosen for it, the one it had, or a random one.
pub(super) fn with_secret(
    provider: &Provider,
    client: Client,
    chosen: Option<Secret>,
    before: Option<ClientSecret>,
) -> Result<Registered, BadMember> {
    if !has_secret(client.authentication) {
        return match chosen {
            Some(_) => Err(not_taken()),
            None => Ok(Registered { client, secret: None }),
        };
    }
    if chosen.is_none()
        && let Some(kept) = before.and_then(|before| kept(provider, &client, before))
    {
        return Ok(Registered { client: Client { secret: Some(kept), ..client }, secret: None });
    }
    let least = least_bytes(&client);
    let secret = chosen.unwrap_or_else(|| Secret::new(random_text(provider, least)));
    check(&client, &secret, least)?;
    let kept = as_kept(provider, &client, &secret);
    Ok(Registered { client: Client { secret: Some(kept), ..client }, secret: Some(secret) })
}

/// The secret a client had, in the form that its method needs now; `None` if it cannot be had in that form.
fn kept(provider: &Provider, client: &Client, before: ClientSecret) -> Option<ClientSecret> {
    let needs_sealed = client.authentication == AuthenticationMethod::ClientSecretJwt;
    match before {
        ClientSecret::Hashed(_) => (!needs_sealed).then_some(before),
        ClientSecret::Sealed { ref sealed } => {
            let opened = provider.keys.unseal(&secret_context(&client.id), sealed).ok()?;
            let secret = Secret::new(String::from_utf8(opened.to_vec()).ok()?);
            if needs_sealed {
                return (secret.reveal().len() >= least_bytes(client)).then_some(before);
            }
            Some(as_kept(provider, client, &secret))
        }
    }
}

fn as_kept(provider: &Provider, client: &Client, secret: &Secret) -> ClientSecret {
    if client.authentication == AuthenticationMethod::ClientSecretJwt {
        let sealed = provider.keys.seal(&secret_context(&client.id), secret.reveal().as_bytes());
        return ClientSecret::Sealed { sealed };
    }
    ClientSecret::Hashed(SecretHash::of(secret))
}

/// RFC 7518 §3.2: a MAC's key is at least as long as its hash.
fn least_bytes(client: &Client) -> usize {
    match (client.authentication, client.assertion_algorithm) {
        (AuthenticationMethod::ClientSecretJwt, Some(Algorithm::Hs512)) => 64,
        (AuthenticationMethod::ClientSecretJwt, Some(Algorithm::Hs384)) => 48,
        (AuthenticationMethod::ClientSecretJwt, _) => 32,
        _ => 1,
    }
}

fn random_text(provider: &Provider, least: usize) -> String {
    let mut text = provider.random().token();
    while text.len() < least {
        text.push_str(&provider.random().token());
    }
    text
}

/// Whether a secret may be this client's.
pub(super) fn check_chosen(client: &Client, secret: &Secret) -> Result<(), BadMember> {
    if !has_secret(client.authentication) {
        return Err(not_taken());
    }
    check(client, secret, least_bytes(client))
}

fn not_taken() -> BadMember {
    BadMember::new("client_secret", "is for the client_secret methods only")
}

fn check(client: &Client, secret: &Secret, least: usize) -> Result<(), BadMember> {
    let text = secret.reveal();
    if !(least..=255).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err(BadMember::new(
            "client_secret",
            format!("must be {least} to 255 bytes without control characters"),
        ));
    }
    if text.len() < WEAK_SECRET {
        warn!(client = %client.id, "this client_secret is short enough to be guessed; leave it out to have one generated");
    }
    Ok(())
}
