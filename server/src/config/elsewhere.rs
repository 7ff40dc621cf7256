//! What other CIBA servers call what is set here, for those who come from there.

/// A setting of another system.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its number in our list of requirements.
    pub id: &'static str,
    /// Whose it is.
    pub system: &'static str,
    /// What they call it.
    pub name: &'static str,
    /// What we do: `table.setting`, and for a member of a client's metadata `client.member`. Empty where there is nothing
    /// to set.
    pub ours: &'static [&'static str],
    /// What else there is to say.
    pub note: &'static str,
}

const GLUU: &str = "Gluu";
const AUTHLETE: &str = "Authlete";

const fn known(
    id: &'static str,
    system: &'static str,
    name: &'static str,
    ours: &'static [&'static str],
    note: &'static str,
) -> Known {
    Known { id, system, name, ours, note }
}

/// All of them, in their order.
pub const ELSEWHERE: &[Known] = &[
    known(
        "G76",
        GLUU,
        "cibaEnabled",
        &["policy.delivery_modes"],
        "Empty: the realm has no CIBA, and says so in discovery.",
    ),
    known(
        "G77",
        GLUU,
        "backchannelClientId",
        &["policy.device_registration_clients"],
        "No client ties users to phones: a phone enrols by a ticket or a link. Those listed here may replace push tokens.",
    ),
    known("G78", GLUU, "backchannelRedirectUri", &[], "Nothing here passes through a browser."),
    known("G79", GLUU, "backchannelAuthenticationEndpoint", &["issuer"], "It is below the issuer; discovery names it."),
    known(
        "G80",
        GLUU,
        "backchannelDeviceRegistrationEndpoint",
        &["policy.device_registration_clients", "policy.ticket_lifetime", "policy.confirm"],
        "Phones enrol with keys of their own, by a one-time ticket; a bare id_token_hint enrols nobody. `/bc-deviceRegistration`, where \
         it is switched on, replaces the push token of a phone that is enrolled.",
    ),
    known("G81", GLUU, "backchannelTokenDeliveryModesSupported", &["policy.delivery_modes"], ""),
    known(
        "G82",
        GLUU,
        "backchannelAuthenticationRequestSigningAlgValuesSupported",
        &["policy.client_algorithms"],
        "Those with a public key.",
    ),
    known("G83", GLUU, "backchannelUserCodeParameterSupported", &["policy.user_code"], ""),
    known("G84", GLUU, "backchannelBindingMessagePattern", &["policy.binding_message_pattern"], ""),
    known(
        "G85",
        GLUU,
        "backchannelAuthenticationResponseExpiresIn",
        &["policy.request_lifetime"],
        "Refused at start if it is above the maximum.",
    ),
    known("G86", GLUU, "backchannelAuthenticationResponseInterval", &["policy.interval"], ""),
    known(
        "G87",
        GLUU,
        "backchannelRequestsProcessorJobIntervalSec",
        &["store.sweep_interval"],
        "Pings and pushes on expiry do not wait for it.",
    ),
    known("G88", GLUU, "backchannelRequestsProcessorJobChunkSize", &["store.sweep_rows"], ""),
    known("G89", GLUU, "cibaGrantLifeExtraTimeSec", &["policy.tombstone"], ""),
    known(
        "G90",
        GLUU,
        "cibaMaxExpirationTimeAllowedSec",
        &["policy.request_lifetime_max", "policy.requested_expiry_above_max"],
        "",
    ),
    known("G91", GLUU, "backchannelLoginHintClaims", &["policy.login_hint"], ""),
    known(
        "G92",
        GLUU,
        "cibaEndUserNotificationConfig",
        &["push.fcm.service_account_file", "push.fcm.project_id"],
        "HTTP v1 needs the service account alone. apiKey, authDomain, databaseURL, storageBucket, messagingSenderId, appId and \
         publicVapidKey are an app's; notificationUrl and notificationKey belong to an API that Google has shut down.",
    ),
    known(
        "G93",
        GLUU,
        "notificationKey",
        &["push.fcm.service_account_file"],
        "A secret in a file of its own, or handed over by the service manager.",
    ),
    known(
        "G94",
        GLUU,
        "grantTypesSupported",
        &["policy.delivery_modes"],
        "The CIBA grant is there while there is CIBA.",
    ),
    known("G95", GLUU, "dynamicGrantTypeDefault", &["client.grant_types"], "The CIBA grant is the default."),
    known(
        "G97",
        GLUU,
        "oxAuthBackchannelAuthenticationRequestSigningAlg",
        &["client.backchannel_authentication_request_signing_alg"],
        "",
    ),
    known(
        "G98",
        GLUU,
        "oxAuthBackchannelClientNotificationEndpoint",
        &["client.backchannel_client_notification_endpoint"],
        "",
    ),
    known("G99", GLUU, "oxAuthBackchannelTokenDeliveryMode", &["client.backchannel_token_delivery_mode"], ""),
    known("G100", GLUU, "oxAuthBackchannelUserCodeParameter", &["client.backchannel_user_code_parameter"], ""),
    known("A31", AUTHLETE, "Supported Backchannel Token Delivery Modes", &["policy.delivery_modes"], ""),
    known("A32", AUTHLETE, "Backchannel User Code Parameter Supported", &["policy.user_code"], ""),
    known("A33", AUTHLETE, "Client Type", &[], "Every client is CONFIDENTIAL: public ones are refused."),
    known("A34", AUTHLETE, "Client Authentication Method", &["client.token_endpoint_auth_method"], ""),
    known("A35", AUTHLETE, "Token Delivery Mode", &["client.backchannel_token_delivery_mode"], ""),
    known("A36", AUTHLETE, "Notification Endpoint", &["client.backchannel_client_notification_endpoint"], ""),
    known("A37", AUTHLETE, "User Code Required", &["client.backchannel_user_code_parameter"], ""),
];
